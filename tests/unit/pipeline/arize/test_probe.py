"""The probe's answer is judged as an upload's is, over real sockets."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from ingest.config.sections import Arize
from ingest.errors import RetryableError
from ingest.pipeline.arize import transport
from ingest.pipeline.arize.acknowledgement import Mode
from ingest.pipeline.arize.probe import ProbeAnswer, probe
from ingest.pipeline.arize.uploader import address
from tests.harness.answers import HTML, answer
from tests.harness.peer import Line, Peer

KEY = SecretStr("key-canary-0815")
STRICT = Arize()


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with Peer() as running:
        for name, value in {"HOST": "127.0.0.1", "SCHEME": "http", "PORT": str(running.port)}.items():
            monkeypatch.setenv(f"ARIZE_API_{name}", value)
        yield running
    transport.close_connections()
    transport._current.session = None


def play(peer: Peer, sent: bytes) -> None:
    def scripted(line: Line, head: bytes) -> None:
        line.body(head)
        line.send(sent)
        line.end("close")

    peer.plays["/v1/pandas_arrow"] = scripted


def test_what_a_right_answer_tells(peer: Peer) -> None:
    play(peer, answer(b"{}", "Date: Mon, 20 Jul 2026 03:10:02 GMT"))
    assert probe(KEY, "s", STRICT) == ProbeAnswer(
        peer.url("/v1/pandas_arrow"), 200, None, "Mon, 20 Jul 2026 03:10:02 GMT"
    )


def test_a_portals_page_is_told_in_the_words_of_an_upload(peer: Peer) -> None:
    play(peer, answer(HTML, "Date: now", status="203 Portal"))
    found = probe(KEY, "s", STRICT)
    assert (found.status, found.date) == (203, "now")
    assert "HTTP 203 whose body is HTML, neither empty nor JSON" in found.unproven
    assert probe(KEY, "s", Arize(acknowledgement="status")).unproven == ""


@pytest.mark.parametrize("mode", ["strict", "status"])
def test_half_an_answer_is_none(peer: Peer, mode: Mode) -> None:
    play(peer, answer()[:17])
    with pytest.raises(RetryableError, match="the answer ended within its head"):
        probe(KEY, "s", Arize(acknowledgement=mode))


def test_neither_the_key_nor_credentials_are_told(peer: Peer) -> None:
    play(peer, answer(b"", "Location: https://me:pass@host/key-canary-0815\x1b[0m", status="302 Found"))
    found = probe(KEY, "s", STRICT)
    assert found.location == "https://***@host/*** [0m"
    with pytest.raises(RetryableError, match="Check the ARIZE_") as failure:
        probe(SecretStr("key-canary\n"), "s", STRICT)
    assert "canary" not in str(failure.value)


def test_the_endpoint_of_the_configuration_is_asked(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "SCHEME", "PORT"):
        monkeypatch.delenv(f"ARIZE_API_{name}")
    play(peer, answer(b"{}", "Date: now"))
    assert probe(KEY, "s", Arize(endpoint=f"http://127.0.0.1:{peer.port}")).endpoint == peer.url("/v1/pandas_arrow")
    assert probe(KEY, "s", Arize(host="127.0.0.1", port=peer.port, scheme="http")).status == 200
    monkeypatch.setenv("ARIZE_API_HOST", f"http://127.0.0.1:{peer.port}/")
    assert probe(KEY, "s", STRICT).status == 200


def test_a_connection_that_the_other_side_ends_between_two_checks_is_no_fault(peer: Peer) -> None:
    def ending_with_the_next_request(line: Line, head: bytes) -> None:
        line.body(head)
        line.send(answer(b"{}"))
        line.head()
        line.end("close")

    peer.plays["/v1/pandas_arrow"] = ending_with_the_next_request
    assert [probe(KEY, "s", STRICT).status for _ in range(3)] == [200] * 3
    assert peer.connections == 3


def test_a_region_of_the_configuration_has_its_own_host() -> None:
    assert address("none", Arize(region="EU_WEST_1A"))[0].startswith("https://api.eu-west-1a.arize.com/")
