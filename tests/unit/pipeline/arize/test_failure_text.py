"""A failed request's text names the cause, and quotes no secret and no payload."""

import http.client
import itertools
import socket
import ssl
import urllib.parse

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.arize_endpoint import AddressSettings
from ingest.pipeline.arize.answer_stream import IncompleteAnswerError
from ingest.pipeline.arize.failure_text import TEXT_CHARACTERS, cleaned, failure_text, without_url_logins

KEY = "key-canary/+x%"


def raised(*chain: Exception) -> Exception:
    """The first, raised from the second, and so on."""
    for outer, inner in itertools.pairwise(chain):
        outer.__cause__ = inner
    return chain[0]


@pytest.mark.parametrize(
    "root",
    [
        ConnectionResetError(104, "Connection reset by peer"),
        ssl.SSLCertVerificationError(1, "certificate verify failed"),
        IncompleteAnswerError("the answer ended within its head"),
        http.client.RemoteDisconnected("the connection ended without an answer"),
        urllib3.exceptions.ProtocolError("broken"),
        OSError("Tunnel connection failed: 407 Proxy Authentication Required"),
    ],
)
def test_what_the_network_says_is_told(root: Exception) -> None:
    text = failure_text(raised(requests.ConnectionError("quoting " + KEY), root), ())
    assert text == f"ConnectionError: {root}"


def test_a_proxy_that_refuses_is_not_taken_for_arize() -> None:
    failed = raised(requests.exceptions.ProxyError("x"), OSError("[Errno 111] Connection refused"))
    text = failure_text(failed, (), "https://h")
    assert "the proxy of HTTP_PROXY or HTTPS_PROXY can't be used" in text
    assert "ARIZE_API_HOST" not in text


def test_words_of_ours_that_replace_an_exception_are_the_ones_told() -> None:
    failed = IncompleteAnswerError("the answer ended within its head")
    failed.__context__, failed.__suppress_context__ = ValueError(KEY), True  # raised from None
    assert failure_text(failed, ()) == "IncompleteAnswerError: the answer ended within its head"


def test_a_short_secret_is_hidden_as_a_word() -> None:
    assert cleaned("space s does not exist", ("s",)) == "space *** does not exist"


@pytest.mark.parametrize(
    "root",
    [
        requests.exceptions.InvalidHeader(f"Invalid header value {KEY!r}"),
        requests.exceptions.InvalidURL(KEY),
        UnicodeEncodeError("latin-1", KEY, 0, 1, "odd"),
        ValueError(KEY),
        urllib3.exceptions.LocationParseError(KEY),
        urllib3.exceptions.InvalidHeader(KEY),
        http.client.InvalidURL(KEY),
        KeyError(KEY),
    ],
)
def test_what_may_quote_gives_only_its_name(root: Exception) -> None:
    for failed in (root, raised(requests.ConnectionError(KEY), root)):
        text = failure_text(failed, ())
        assert "canary" not in text
        assert type(root).__name__ in text
        assert "Check the ARIZE_* settings" in text


@pytest.mark.parametrize("spelled", [KEY, urllib.parse.quote(KEY), urllib.parse.quote(KEY, safe="")])
def test_a_secret_is_hidden_however_it_is_spelled(spelled: str) -> None:
    assert cleaned(f"so {spelled} it is", (KEY, "")) == "so *** it is"
    assert cleaned("x" * (TEXT_CHARACTERS - 3) + spelled, (KEY,)).endswith("x***"), "not cut before it is hidden"


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert cleaned("key-1 key-12", ("key-1", "key-12")) == "*** ***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pa@ss@host:1/v1?a=b@c", "https://***@host:1/v1?a=b@c"),
        ("proxy http://me@host and //x:y@z/", "proxy http://***@host and //***@z/"),
        ("https://host/p@th", "https://host/p@th"),
    ],
)
def test_an_address_is_shown_without_credentials(url: str, shown: str) -> None:
    assert without_url_logins(url) == shown


@given(st.text())
def test_a_text_is_one_short_line_without_controls(text: str) -> None:
    found = cleaned(text)
    assert len(found) <= TEXT_CHARACTERS
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "no TLS is spoken there"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate in certificate chain", "REQUESTS_CA_BUNDLE"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch, certificate is not valid for 'x'", "ARIZE_API_HOST"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired", "this machine's clock is wrong"),
    ],
)
def test_the_words_of_tls_are_explained(text: str, words: str) -> None:
    assert words in failure_text(ssl.SSLError(1, text), ())


@pytest.mark.parametrize(
    ("root", "url", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "http://h:1/", "ARIZE_API_PORT"),
        (
            socket.gaierror(-2, "Name or service not known"),
            "https://h/",
            "unknown on this machine; check ARIZE_API_HOST",
        ),
        (TimeoutError("timed out"), "https://h/", "firewalls"),
        (ConnectionResetError(104, "Connection reset by peer"), "http://h:443/", "probably a port of HTTPS"),
    ],
)
def test_where_nothing_can_be_reached_the_setting_is_named(root: OSError, url: str, words: str) -> None:
    assert words in failure_text(raised(requests.ConnectionError(), root), (), url)


def test_a_reset_on_a_port_of_https_is_no_reason_to_doubt_the_scheme() -> None:
    failed = raised(requests.ConnectionError(), ConnectionResetError(104, "Connection reset by peer"))
    assert "SCHEME" not in failure_text(failed, (), "https://h/")


def test_what_is_set_is_named_and_once() -> None:
    refused = raised(requests.ConnectionError(), ConnectionRefusedError(111, "Connection refused"))
    ours = AddressSettings("[arize] host", "[arize] port", "[arize] scheme")
    assert failure_text(refused, (), "http://h", ours).endswith("; check [arize] host and [arize] port)")
    whole = AddressSettings(*["[arize] endpoint"] * 3)
    assert failure_text(refused, (), "http://h", whole).endswith("; check [arize] endpoint)")
    unknown = raised(requests.ConnectionError(), socket.gaierror(-2, "Name or service not known"))
    assert failure_text(unknown, (), "http://h", ours).endswith("; check [arize] host and DNS)")
