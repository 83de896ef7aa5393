"""What is wrong with a connection to Kafka, in the user's words: the cause, and what to do.

Rules
1. Evidence comes first: what an address answered when it was asked (`Listener`, filled by `kafka.listener`), then the
   words of librdkafka. A cause that neither shows is called probable, or is not named.
2. A fault `lasts` if only a person can end it: another protocol than the client's, a refused login or certificate, a
   server that is not Kafka. A refused connection, an unknown name and silence may pass.
3. A number in "Invalid response size N" is the first four bytes that a server sent: 1213486160 is "HTTP".
4. A listener that only has TLS ends a connection without TLS, and one without TLS ends a handshake; librdkafka then
   reports only that a broker is down. What is set must match the listener: security.protocol, by its two parts.
5. The text names addresses, settings, the user and files, and never a password.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.pipeline.kafka.login import MECHANISM, SECURITY, Login, protocol

_SIZE = re.compile(r"(?:[Rr]esponse|[Ff]rame) size (\d+)")
_TIMING = re.compile(r"\s*\(after \d+ms in state \w+\)")
_WHO = re.compile(r"^(?:\w+://)?(?P<address>\S+)/(?:bootstrap|\d+): ")

_ADVICE = "Set [kafka] brokers to the address of a Kafka listener (its port is often 9092)"

Answer = Literal[
    "kafka",
    "controller",
    "tls",
    "http",
    "ssh",
    "zookeeper",
    "other",
    "closed",
    "silent",
    "refused",
    "unknown",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Listener:
    """What an address answered when it was asked.

    `detail` are the words of the system or of TLS about a failure, or the first bytes of an unknown server. `tls`: it
    speaks TLS. `mechanisms` are those of its SASL: empty if it has none, None if it was not asked.
    """

    address: str
    answer: Answer
    detail: str = ""
    tls: bool = False
    mechanisms: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One error that librdkafka reported: the name of its code, and its text."""

    code: str
    text: str

    @property
    def address(self) -> str:
        """The address that it is about; "" if it names none."""
        found = _WHO.match(self.text)
        return found["address"] if found else ""

    @property
    def words(self) -> str:
        """Its text without the address, the state and the milliseconds, so that a repetition reads the same."""
        return _TIMING.sub("", _WHO.sub("", self.text))


@dataclass(frozen=True, slots=True)
class Fault:
    """A cause with its advice, as a sentence. `lasts`: only a person can end it (rule 2)."""

    text: str
    lasts: bool = False


def explain(how: Login, listener: Listener, reports: Sequence[Report], brokers: str) -> Fault | None:
    """Why a client with the login `how` gets no answer at one address of `brokers`; None if nothing is known.

    `reports` are librdkafka's errors about that address.
    """
    refused = _of_server(listener, brokers) or _of_protocol(how, listener) or _of_login(how, listener)
    if refused is not None:
        return refused
    for report in reports:
        if (found := _of_report(how, listener.address, report)) is not None:
            return found
    return _of_silence(listener)


def _of_server(listener: Listener, brokers: str) -> Fault | None:
    """What isn't Kafka, or isn't there."""
    at, kind = listener.address, listener.answer
    if kind in {"refused", "unknown", "failed"}:
        return _of_absence(listener, brokers)
    if kind == "controller":
        return Fault(
            f"a KRaft controller answers at {at}, which gives no metadata to clients. Set [kafka] brokers to the "
            "address of a broker's listener (advertised.listeners of the broker)",
            lasts=True,
        )
    found = {
        "http": f"a server for {'HTTPS' if listener.tls else 'HTTP'} answers at {at}, not Kafka",
        "ssh": f"an SSH server answers at {at}, not Kafka",
        "zookeeper": f"ZooKeeper answers at {at}, not a Kafka broker",
        "other": f"the server at {at} is not Kafka: its answer begins with {listener.detail}",
    }.get(kind)
    return None if found is None else Fault(f"{found}. {_ADVICE}", lasts=True)


def _of_absence(listener: Listener, brokers: str) -> Fault:
    at = listener.address
    host, _, port = at.rpartition(":")
    if listener.answer == "refused":
        no_port = "" if at in brokers else f"; [kafka] brokers names no port there, so {port} is used"
        return Fault(f"nothing listens at {at} (connection refused{no_port}). Check the address, and that Kafka runs")
    if listener.answer == "unknown":
        return Fault(f"the name {host} is unknown on this machine ({listener.detail}). Check [kafka] brokers and DNS")
    return Fault(
        f"no connection to {at} ({listener.detail}). Check the address, and firewalls and routes between here and there"
    )


def _of_protocol(how: Login, listener: Listener) -> Fault | None:
    """Rule 4: the two parts of security.protocol against those of the listener."""
    at, mechanisms = listener.address, listener.mechanisms
    if listener.answer not in {"kafka", "tls"} or listener.detail:
        return None
    wanted_sasl = how.sasl if mechanisms is None else bool(mechanisms)
    wanted = protocol(tls=listener.tls, sasl=wanted_sasl)
    if wanted == how.protocol:
        return None
    differences = []
    if listener.tls != how.tls:
        differences.append(
            "speaks TLS and this client does not" if listener.tls else "speaks no TLS and this client does"
        )
    if wanted_sasl != how.sasl:
        names = ", ".join(mechanisms or ())
        differences.append(
            f"wants a login (SASL with {names}) and this client has none"
            if wanted_sasl
            else "takes no login (it has no SASL) and this client sends one"
        )
    more = _sasl_settings(mechanisms or ()) if wanted_sasl and not how.sasl else ""
    if listener.tls and not how.tls:
        more += ', and "ssl.ca.location" if its authority is not the system\'s'
    return Fault(
        f'the listener at {at} {", and it ".join(differences)}. Set [kafka.options] "{SECURITY}" = "{wanted}"{more}',
        lasts=True,
    )


def _sasl_settings(mechanisms: Sequence[str]) -> str:
    one = f' = "{mechanisms[0]}"' if len(mechanisms) == 1 else f" ({' or '.join(mechanisms)})"
    return f', "{MECHANISM}"{one}, "sasl.username" and "sasl.password_file"'


def _of_login(how: Login, listener: Listener) -> Fault | None:
    """The mechanism, and the certificates of both sides."""
    at, mechanisms = listener.address, listener.mechanisms
    if listener.tls and listener.detail:
        return _of_certificate(how, listener)
    if how.sasl and mechanisms and how.mechanism not in mechanisms:
        return Fault(
            f"the listener at {at} has no mechanism {how.mechanism}, but {', '.join(mechanisms)}. Set [kafka.options] "
            f'"{MECHANISM}" to one of them',
            lasts=True,
        )
    return None


def _of_certificate(how: Login, listener: Listener) -> Fault:
    at, why = listener.address, listener.detail.rstrip(".")
    host = at.rpartition(":")[0]
    if "expired" in why:
        return Fault(
            f"the certificate of the listener at {at} has expired, or this machine's clock is wrong ({why}). Renew it "
            "at the broker",
            lasts=True,
        )
    if "not yet valid" in why:
        return Fault(
            f"the certificate of the listener at {at} is not valid yet ({why}). Check this machine's clock", lasts=True
        )
    if "mismatch" in why.lower():
        return Fault(
            f"the certificate of the listener at {at} is not for the name {host} ({why}). Write in [kafka] brokers a "
            "name that the certificate has, or have the broker's certificate made for this one",
            lasts=True,
        )
    if "alert" in why.lower() or "certificate required" in why.lower():
        return _of_client_certificate(how, at, why)
    ca = f"in ssl.ca.location = {how.ca}" if how.ca else "of this system, and ssl.ca.location is not set"
    return Fault(
        f"the certificate of the listener at {at} is not signed by an authority {ca} ({why}). Set [kafka.options] "
        '"ssl.ca.location" to the PEM file of the authority that signed the broker\'s certificate',
        lasts=True,
    )


def _of_client_certificate(how: Login, at: str, why: str) -> Fault:
    if not how.certificate:
        return Fault(
            f"the listener at {at} ended the TLS handshake without a certificate of this client ({why}): it probably "
            'requires one. Set [kafka.options] "ssl.certificate.location" and "ssl.key.location"',
            lasts=True,
        )
    return Fault(
        f"the listener at {at} refuses the certificate of this client, {how.certificate} ({why}). Check that it is "
        "valid, and signed by an authority that the broker trusts (its ssl.truststore)",
        lasts=True,
    )


def _of_report(how: Login, at: str, report: Report) -> Fault | None:
    """What librdkafka says, where asking the address has shown nothing."""
    words = report.words
    if report.code in {"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED"}:
        return _of_refused_login(how, at, words)
    if (size := _SIZE.search(words)) is not None:
        return _of_size(at, int(size[1]))
    if report.code == "_SSL":
        return _of_tls(how, at, words)
    if report.code == "_RESOLVE":
        return Fault(f"the name in {at} is unknown on this machine ({words}). Check [kafka] brokers and DNS")
    if report.code == "_TRANSPORT":
        return Fault(f"no connection to Kafka at {at} ({words}). Check the address, and that Kafka runs")
    return None


def _of_refused_login(how: Login, at: str, words: str) -> Fault:
    if "OAUTHBEARER token" in words:
        return Fault(
            f"no token for the login ({words}). Check sasl.oauthbearer.token.endpoint.url, and the client's id and "
            "secret"
        )
    user = f" of user {how.user}" if how.user else ""
    return Fault(
        f"Kafka at {at} refuses the login{user} with {how.mechanism} ({words}). Check [kafka.options] "
        '"sasl.username" and "sasl.password" (or the file in "sasl.password_file"), and that the user exists for '
        f"{how.mechanism}",
        lasts=True,
    )


def _of_tls(how: Login, at: str, words: str) -> Fault:
    if "alert" in words:
        return _of_client_certificate(how, at, words)
    if "certificate verify failed" in words:
        return _of_certificate(how, Listener(at, "tls", "it could not be verified", tls=True))
    return Fault(f"TLS fails at {at} ({words}). Check security.protocol and the ssl.* options", lasts=True)


def _of_size(at: str, size: int) -> Fault:
    """Rule 3."""
    first = size.to_bytes(max((size.bit_length() + 7) // 8, 1), "big")
    for letters in (first, first[::-1]):
        if letters.startswith(b"HTT"):
            return _found(Listener(at, "http"))
        if letters.startswith(b"SSH"):
            return _found(Listener(at, "ssh"))
    if first[:2] == b"\x15\x03":
        return Fault(
            f'the listener at {at} speaks TLS and this client does not. Set [kafka.options] "{SECURITY}" = "SSL", or '
            '"SASL_SSL" if it wants a login',
            lasts=True,
        )
    return _found(Listener(at, "other", shown_bytes(first)))


def _found(listener: Listener) -> Fault:
    fault = _of_server(listener, listener.address)
    return fault or Fault(f"the server at {listener.address} is not Kafka", lasts=True)


def _of_silence(listener: Listener) -> Fault | None:
    at = listener.address
    if listener.answer == "silent":
        return Fault(
            f"{at} takes connections and does not answer: the broker is starting, overloaded or stopped, or it is not "
            "Kafka. Check the broker at that address"
        )
    if listener.answer == "closed":
        return Fault(
            f"{at} closes each connection without an answer: it is probably not a listener of Kafka, or a proxy or "
            "firewall without a broker behind it. Check [kafka] brokers"
        )
    return None


def shown_bytes(first: bytes) -> str:
    """The first bytes of an unknown server, printable."""
    text = "".join(chr(byte) if 32 < byte < 127 else "." for byte in first[:8])
    return f'"{text}"'


def unreachable(brokers: str, faults: Mapping[str, Fault]) -> str:
    """The sentence about all addresses that were tried, by address."""
    texts = list(dict.fromkeys(fault.text for fault in faults.values()))
    if len(texts) == 1:
        return f"Kafka at {brokers} can't be used: {texts[0]}"
    return f"Kafka at {brokers} can't be used, at none of {len(faults)} addresses: " + "; ".join(texts)
