"""How the client is configured to reach Kafka, and which addresses and options can't work, whatever Kafka answers.

Rules
1. An address is HOST:PORT. librdkafka takes one without a port for port 9092, and with a protocol in front only if that
   is the client's own; everything else it leaves out or can't resolve.
2. The mechanism of a login is GSSAPI if none is set, and the client is built without it: "sasl.mechanism" is missing.
3. OAUTHBEARER needs a method that brings tokens.
4. The text names settings and files, and never a password.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

SECURITY = "security.protocol"
MECHANISM = "sasl.mechanism"

_DEFAULT_PORT = 9092
_MECHANISMS = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER"
_FILES = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location")
_ADDRESS = re.compile(
    r"^(?:(?P<scheme>[A-Za-z][A-Za-z0-9+._-]*)://)?(?P<host>\[[^\]]*\]|[^:/\s;]+)(?::(?P<port>\d+))?/*$"
)


@dataclass(frozen=True, slots=True)
class Login:
    """How the client is configured to connect: the options that decide whether a listener takes it."""

    tls: bool = False
    sasl: bool = False
    mechanism: str = "GSSAPI"
    user: str = ""
    ca: str = ""
    certificate: str = ""
    verifies: bool = True
    checks_name: bool = True

    @property
    def protocol(self) -> str:
        """The value of security.protocol."""
        return protocol(tls=self.tls, sasl=self.sasl)


def protocol(*, tls: bool, sasl: bool) -> str:
    """Kafka's name of a protocol with these parts."""
    return ("SASL_" if sasl else "") + ("SSL" if tls else "PLAINTEXT")


def login_of(options: Mapping[str, object]) -> Login:
    """What decides of librdkafka's `options`."""
    given = {name: str(value) for name, value in options.items()}
    named = given.get(SECURITY, "plaintext").upper()
    return Login(
        tls=named.endswith("SSL"),
        sasl=named.startswith("SASL"),
        mechanism=given.get(MECHANISM) or given.get("sasl.mechanisms") or "GSSAPI",
        user=given.get("sasl.username", ""),
        ca=given.get("ssl.ca.location", ""),
        certificate=given.get("ssl.certificate.location") or given.get("ssl.keystore.location", ""),
        verifies=given.get("enable.ssl.certificate.verification", "true").lower() != "false",
        checks_name=given.get("ssl.endpoint.identification.algorithm", "https").lower() != "none",
    )


def addresses(brokers: str) -> list[tuple[str, int]]:
    """Host and port of each address in [kafka] brokers, as librdkafka takes them; those that are none are left out."""
    found = (_ADDRESS.match(each.strip()) for each in brokers.split(","))
    return [(each["host"].strip("[]"), int(each["port"] or _DEFAULT_PORT)) for each in found if each]


def address_faults(brokers: str, how: Login) -> list[str]:
    """The addresses in [kafka] brokers that name another protocol than the client's: librdkafka ignores them."""
    faults = []
    for each in brokers.split(","):
        scheme, found, bare = each.strip().rpartition("://")
        if found and scheme.upper() != how.protocol:
            faults.append(
                f'[kafka] brokers: "{each.strip()}" is of another protocol than the client\'s, {how.protocol}; write '
                f'"{bare}", and set "{SECURITY}" = "{scheme.upper()}" in [kafka.options]'
            )
    return faults


def refused_options(reason: str, options: Mapping[str, object]) -> str:
    """Advice about options with which librdkafka creates no client, for its `reason`; "" where that says enough."""
    if "SASL mechanism" in reason:
        return _refused_mechanism(options)
    if "username and sasl.password must be set" in reason:
        return (
            f'a login with {login_of(options).mechanism} needs "sasl.username" and "sasl.password" (or '
            '"sasl.password_file")'
        )
    named = next((name for name in _FILES if name in reason and options.get(name)), None)
    if named is None:
        return ""
    if "mismatch" in reason:
        return f"{named} = {options.get(named)} is not the key of ssl.certificate.location"
    return (
        f"{named} = {options.get(named)} can't be read, or is not what it should be (PEM text; PKCS#12 for a keystore)"
    )


def _refused_mechanism(options: Mapping[str, object]) -> str:
    """Rule 2, and mechanisms that the client does not have."""
    if not (options.get(MECHANISM) or options.get("sasl.mechanisms")):
        return f'"{MECHANISM}" is not set, and its default GSSAPI (Kerberos) is not available: set it to one of ' + (
            _MECHANISMS
        )
    mechanism = login_of(options).mechanism
    if mechanism.upper() in _MECHANISMS:
        return f'"{MECHANISM}" = "{mechanism}": write "{mechanism.upper()}"'
    iam = "; on Amazon MSK use SCRAM-SHA-512 with SASL_SSL" if "IAM" in mechanism.upper() else ""
    return f'"{MECHANISM}" = "{mechanism}" is not available: set it to one of {_MECHANISMS}{iam}'


def without_token(how: Login, options: Mapping[str, object]) -> str:
    """An OAUTHBEARER login that nothing brings a token for, as a sentence; "" otherwise."""
    method = str(options.get("sasl.oauthbearer.method", "default")).lower()
    unsecured = str(options.get("enable.sasl.oauthbearer.unsecure.jwt", "false")).lower() == "true"
    if not how.sasl or how.mechanism != "OAUTHBEARER" or method != "default" or unsecured:
        return ""
    return (
        '[kafka.options] "sasl.mechanism" = "OAUTHBEARER" has nothing that brings a token: set '
        '"sasl.oauthbearer.method" = "oidc" with "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret_file" '
        'and "sasl.oauthbearer.token.endpoint.url"'
    )
