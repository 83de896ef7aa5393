"""The text of a failed request: it names the cause, and quotes no secret and no payload.

Rules
1. The text is that of the failure's root cause, without the SDK's and urllib3's wrapping.
2. Only a root from the network, the system, TLS or the framing of HTTP keeps its text. Others (a header that can't be
   encoded, an address that can't be read) quote the value, which may be the key: only their name is shown.
3. Text of other programs loses control characters, the secrets in use and `user:password@`, then is cut to a length.
"""

import re
import ssl
from collections.abc import Iterable
from http.client import HTTPException, InvalidURL
from urllib.parse import quote

import requests
from urllib3 import exceptions as urllib3

from ingest.config.arize_endpoint import AddressSettings

TEXT_CHARACTERS = 300
_HIDDEN = "***"
_SCANNED_CHARACTERS = 20_000
_LONG_CHARACTERS = 8
_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s]*@")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_WITH_TEXT: tuple[type[BaseException], ...] = (
    OSError,
    HTTPException,
    urllib3.TimeoutError,
    urllib3.NewConnectionError,
    urllib3.ProtocolError,
    urllib3.SSLError,
    urllib3.ProxyError,
)
_UNSET = AddressSettings()
_UNKNOWN = "the name is unknown on this machine; check {host} and DNS"
_ADVICE = (
    ("Connection refused", "nothing listens there; check {host_and_port}"),
    ("Name or service not known", _UNKNOWN),
    ("No address associated with hostname", _UNKNOWN),
    ("Temporary failure in name resolution", f"{_UNKNOWN}, or DNS does not answer"),
    ("timed out", "check the address, and proxies and firewalls between here and there"),
    (
        "WRONG_VERSION_NUMBER",
        "no TLS is spoken there: a port of plain HTTP, or a proxy; check {scheme_and_port}",
    ),
    ("UNEXPECTED_EOF", "the connection was closed during TLS, as a proxy or a firewall does"),
    ("Hostname mismatch", "the certificate is that of another host; check {host}"),
    ("certificate has expired", "the certificate has expired, or this machine's clock is wrong"),
    ("CERTIFICATE_VERIFY_FAILED", "its authority is not trusted here, as behind a company's proxy: REQUESTS_CA_BUNDLE"),
)
_PROXY_ADVICE = " (the proxy of HTTP_PROXY or HTTPS_PROXY can't be used; check it, or name the host in NO_PROXY)"
# What a port of HTTPS answers to plain HTTP: nothing, or an alert of TLS where a status line should be.
_NO_HTTP = (
    "Connection reset",
    "Connection aborted",
    "ended without an answer",
    "closed connection without",
    "\\x15\\x03",
)
_NAME_ONLY: tuple[type[BaseException], ...] = (requests.RequestException, InvalidURL, ValueError)


def cleaned(text: str, secrets: Iterable[str] = (), most: int = TEXT_CHARACTERS) -> str:
    """Another program's text in one line of `most` characters, without control characters, `secrets` and logins."""
    text = " ".join(_UNPRINTABLE.sub(" ", text[:_SCANNED_CHARACTERS]).split())
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        for spelled in {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]}:
            found = re.escape(spelled)
            # A space may be called "s": as a word of its own it is hidden, not in all words.
            text = re.sub(found if len(spelled) >= _LONG_CHARACTERS else rf"(?<!\w){found}(?!\w)", _HIDDEN, text)
    return without_url_logins(text)[:most]


def without_url_logins(text: str) -> str:
    """A text without the `user:password@` of the URLs in it.

    Other words with an @, such as an e-mail address in an answer, stay; `credentials.without_logins` is for a host that
    may be written without a scheme, and removes every word up to an @.
    """
    return _CREDENTIALS.sub(f"{_HIDDEN}@", text)


def failure_text(failed: Exception, secrets: Iterable[str], url: str = "", settings: AddressSettings = _UNSET) -> str:
    """Why a request to `url`, which `settings` set, failed whose address or headers hold `secrets`."""
    root = _root(failed)
    name = type(failed).__name__
    # Python counts a certificate that fails among the ValueErrors.
    if not isinstance(root, ssl.SSLError) and (isinstance(root, _NAME_ONLY) or not isinstance(root, _WITH_TEXT)):
        what = name if root is failed else f"{name}: {type(root).__name__}"
        return f"{what}; the request can't be made. Check the ARIZE_* settings, the key, the space and the proxies"
    advice = _PROXY_ADVICE if isinstance(failed, requests.exceptions.ProxyError) else _advice(str(root), url, settings)
    return cleaned(f"{name}: {root}{advice}", secrets)


def _advice(text: str, url: str, settings: AddressSettings) -> str:
    """What to do about it, where the words don't say it."""
    found = next((words for sign, words in _ADVICE if sign in text), "")
    if not found and url.startswith("http://") and any(sign in text for sign in _NO_HTTP):
        found = "probably a port of HTTPS; check {scheme_and_port}"
    words = found.format(
        host=settings.host,
        host_and_port=_both(settings.host, settings.port),
        scheme_and_port=_both(settings.scheme, settings.port),
    )
    return f" ({words})" if found else ""


def _both(one: str, other: str) -> str:
    return one if one == other else f"{one} and {other}"


def _root(failed: BaseException) -> BaseException:
    """The exception that the others were raised from, or while it was handled, unless one was raised `from None`."""
    inner = failed.__cause__ or (None if failed.__suppress_context__ else failed.__context__)
    return failed if inner is None else _root(inner)
