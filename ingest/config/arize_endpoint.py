"""Where batches are sent: [arize] endpoint, host, port, scheme and region, beside the SDK's own ARIZE_* variables.

Rules
1. `endpoint` is a whole address and excludes the others. A `host` may have a scheme and a port: both are taken from it.
   A region has its own hosts and excludes host, port and scheme.
2. The SDK's variables work as they do without us, with one addition: an address in ARIZE_API_HOST is taken apart, and
   ARIZE_REGION has any case.
3. A setting that the configuration and a variable give differently is a fault, and so is a host in one beside a region
   in the other: neither is what everybody would expect to win.
4. There is one endpoint for a run: topics and routes can't have others (`ingest check` asks one).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ingest.config.arize_address import Endpoint, region, taken_apart
from ingest.config.sections import Arize
from ingest.errors import ConfigError

_VARIABLES = {
    "host": "ARIZE_API_HOST",
    "port": "ARIZE_API_PORT",
    "scheme": "ARIZE_API_SCHEME",
    "region": "ARIZE_REGION",
}
_HOST_VARIABLES = ("ARIZE_API_HOST", "ARIZE_SINGLE_HOST", "ARIZE_BASE_DOMAIN")
_HIGHEST_PORT = 65535
_OTHER_VARIABLES = ("ARIZE_SINGLE_HOST", "ARIZE_SINGLE_PORT", "ARIZE_BASE_DOMAIN")


@dataclass(frozen=True, slots=True)
class AddressSettings:
    """What to check when the address is wrong: the key or the variable that sets each part of it."""

    host: str = "ARIZE_API_HOST"
    port: str = "ARIZE_API_PORT"
    scheme: str = "ARIZE_API_SCHEME"


def address_settings(arize: Arize, environment: Mapping[str, str]) -> AddressSettings:
    """What sets the address; where nothing does, what would. The values may have faults."""
    if arize.endpoint:
        return AddressSettings(*["[arize] endpoint"] * 3)
    if arize.region or environment.get("ARIZE_REGION"):
        return AddressSettings(*["[arize] region" if arize.region else "ARIZE_REGION"] * 3)
    variable = next((name for name in _HOST_VARIABLES if environment.get(name)), _HOST_VARIABLES[0])
    host = "[arize] host" if arize.host else variable
    whole = "://" in (arize.host or environment.get(variable, ""))  # rule 1: the host is an address
    parts = []
    for key in ("port", "scheme"):
        if not getattr(arize, key) and environment.get(_VARIABLES[key]):
            parts.append(_VARIABLES[key])
        elif whole:
            parts.append(host)
        else:
            parts.append(f"[arize] {key}" if arize.host or getattr(arize, key) else _VARIABLES[key])
    return AddressSettings(host, *parts)


def endpoint(arize: Arize, environment: Mapping[str, str]) -> Endpoint:
    """The endpoint by these settings. Raises `ConfigError` with every fault, none of which quotes a variable."""
    faults: list[str] = []
    there = _parts("[arize] host", arize.endpoint or arize.host, arize.port or 0, arize.scheme or "", faults)
    own = Endpoint(there.host, there.port, there.scheme, region(arize.region) if arize.region else "")
    given = _of_environment(environment, faults)
    for key, variable in _VARIABLES.items():
        ours, theirs = getattr(own, key), getattr(given, key)
        if ours and theirs and ours != theirs:
            faults.append(f"[arize] {_key(arize, key)} and {variable} differ: remove one of them")
    at_host = next((name for name in ("ARIZE_API_HOST", "ARIZE_API_PORT") if environment.get(name)), "")
    if own.region and at_host:
        faults.append(f"[arize] region and {at_host} exclude each other: a region has its own hosts; remove one")
    if own.host and given.region:
        faults.append(f"[arize] {_key(arize, 'host')} and ARIZE_REGION exclude each other: remove one of them")
    if own != Endpoint() and (other := next((name for name in _OTHER_VARIABLES if environment.get(name)), "")):
        faults.append(f"[arize] {_first_key(arize)} and {other} exclude each other: remove one of them")
    if faults:
        raise ConfigError(faults)
    in_variable = "://" in environment.get("ARIZE_API_HOST", "")
    return Endpoint(
        own.host or (given.host if in_variable else ""),
        own.port or (given.port if in_variable else 0),
        own.scheme or (given.scheme if in_variable else ""),
        own.region or given.region,
    )


def _of_environment(environment: Mapping[str, str], faults: list[str]) -> Endpoint:
    port = environment.get("ARIZE_API_PORT", "").strip()
    scheme = environment.get("ARIZE_API_SCHEME", "").strip().lower()
    host = environment.get("ARIZE_API_HOST", "").strip()
    if port and not (port.isdecimal() and 0 < int(port) <= _HIGHEST_PORT):
        faults.append(f"ARIZE_API_PORT: a port is a number from 1 to {_HIGHEST_PORT}")
    there = _parts("ARIZE_API_HOST", host, int(port) if port.isdecimal() else 0, scheme, faults)
    name = environment.get("ARIZE_REGION", "").strip()
    try:
        return Endpoint(there.host, there.port, there.scheme, region(name) if name else "")
    except ValueError as unknown:
        faults.append(f"ARIZE_REGION: {unknown}")
        return there


def _parts(setting: str, host: str, port: int, scheme: str, faults: list[str]) -> Endpoint:
    """A host, from which scheme and port are taken if it is an address."""
    if "://" not in host:
        return Endpoint(host, port, scheme)
    try:
        found = taken_apart(host)
    except ValueError as fault:
        faults.append(f"{setting}: {fault}")
        return Endpoint("", port, scheme)
    for name, value, other in (("scheme", scheme, found.scheme), ("port", port, found.port)):
        if value and other and value != other:
            beside = f"ARIZE_API_{name.upper()}" if setting.isupper() else f"[arize] {name}"
            faults.append(f"{setting} is an address with another {name} than {beside}: remove one of them")
    return Endpoint(found.host, found.port or port, found.scheme)


def _key(arize: Arize, key: str) -> str:
    return "endpoint" if arize.endpoint else key


def _first_key(arize: Arize) -> str:
    return next((key for key in ("endpoint", "host", "region", "port", "scheme") if getattr(arize, key)), "host")
