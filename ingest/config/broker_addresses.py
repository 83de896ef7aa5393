"""The addresses of brokers: what librdkafka would ignore or misread is a fault before a client exists."""

import re

# librdkafka takes these before an address (rd_kafka_broker_name_parse); they must be [kafka.options] security.protocol.
_PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^\s:/\[\]]+)(?::(?P<port>\d+))?")
_HIGHEST_PORT = 65535


def checked_brokers(text: str) -> str:
    """`text`, addresses separated by commas, without blanks. Raises `ValueError` for one that is none."""
    # The addresses are shown in logs and errors.
    if "@" in text:
        raise ValueError(
            "an address has no user and no password; use sasl.username and sasl.password_file in [kafka.options]"
        )
    addresses = [part.strip() for part in text.split(",") if part.strip()]
    if not addresses:
        raise ValueError('it is empty: name a broker, "HOST:PORT"')
    for number, address in enumerate(addresses, start=1):
        which = f"address {number}: " if len(addresses) > 1 else ""
        scheme, mark, rest = address.rpartition("://")
        if mark and scheme.lower() not in _PROTOCOLS:
            raise ValueError(
                f"{which}an address has no {scheme}://: write HOST:PORT, and [kafka.options] security.protocol for TLS"
            )
        found = _ADDRESS.fullmatch(rest)
        if found is None:
            raise ValueError(
                f"{which}not an address of a broker: write HOST:PORT, several separated by commas, IPv6 as [::1]:9092"
            )
        if found["port"] is not None and not 0 < int(found["port"]) <= _HIGHEST_PORT:
            raise ValueError(f"{which}a port is 1 to {_HIGHEST_PORT}")
    return ",".join(addresses)
