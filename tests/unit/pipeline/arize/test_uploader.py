"""What `ArizeUploader.send` makes of an answer, through the SDK, over real sockets; and what its errors may say."""

import gzip
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
import requests

from ingest.config.settings import Config
from ingest.errors import ConfigError, IngestError, RejectedError, RetryableError
from ingest.pipeline.arize import transport
from ingest.pipeline.arize.transport import Attempt
from ingest.pipeline.arize.uploader import ArizeUploader
from ingest.records import Destination
from tests.harness.answers import CHUNKED, HTML, JSON, answer
from tests.harness.peer import PATIENCE_S, Ending, Line, Peer

TABLE = pa.table({"prediction_id": ["1"], "prediction_ts": [1_700_000_000.0], "prediction_label": ["a"]})
PATH = "/v1/pandas_arrow"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as running:
        yield running


def play(peer: Peer, sent: bytes, ending: Ending = "close", cut: Callable[[], None] = lambda: None) -> None:
    def scripted(line: Line, head: bytes) -> None:
        line.body(head)
        line.send(sent)
        line.end(ending)
        if ending == "open":
            cut()

    peer.plays[PATH] = scripted


@pytest.fixture
def log(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ArizeUploader]]:
    """`log(**arize)` sends to the peer, whose plays are for the SDK's path."""
    for name, value in {
        "HOST": "127.0.0.1",
        "SCHEME": "http",
        "PORT": str(peer.port),
        "KEY": "key-canary-0815",
    }.items():
        monkeypatch.setenv(f"ARIZE_API_{name}", value)
    monkeypatch.setenv("ARIZE_SPACE_ID", "space-canary-0816")
    monkeypatch.setattr(requests, "post", requests.post)  # put back what ArizeLog replaces
    level = logging.getLogger("arize").level

    def make(**arize: Any) -> ArizeUploader:
        config = Config.model_validate({"arize": {"model_name": "m", "timeout_s": PATIENCE_S, **arize}})
        return ArizeUploader(config.topics[0].routes[0])

    yield make
    logging.getLogger("arize").setLevel(level)


def _close_session() -> None:
    if transport._current.session is not None:
        transport._current.session.close()
        transport._current.session = None


def fault(sender: ArizeUploader, attempt: Attempt | None = None) -> IngestError | None:
    try:
        sender.send(TABLE, attempt or Attempt())
    except IngestError as error:
        return error
    finally:
        _close_session()
    return None


def test_through_the_sdk_no_prefix_is_an_acknowledgement(peer: Peer, log: Callable[..., ArizeUploader]) -> None:
    sender, wrong = log(), []
    for whole in (answer(b"{}"), CHUNKED):
        for cut in range(len(whole) + 1):
            play(peer, whole[:cut])
            error = fault(sender)
            right = isinstance(error, RetryableError) and error.ambiguous
            if (error is None) != (cut == len(whole)) or not (error is None or right):
                wrong.append((whole[:cut], error))
    assert wrong == []


@pytest.mark.parametrize(
    "sent", [answer(), answer(b""), CHUNKED, answer(gzip.compress(JSON, mtime=0), "Content-Encoding: gzip")]
)
def test_the_sdk_reads_what_it_always_read(peer: Peer, log: Callable[..., ArizeUploader], sent: bytes) -> None:
    play(peer, sent)
    assert fault(log()) is None
    response = transport.post(peer.url(PATH), data=b"x")
    assert response.content in (JSON, b"", b'{"real": "b"}')
    assert response.content == b"" or response.json() == json.loads(response.text)
    assert response.status_code == 200
    assert "Transfer-Encoding" not in response.headers


def test_a_portals_page_is_ambiguous_and_named(peer: Peer, log: Callable[..., ArizeUploader]) -> None:
    play(peer, answer(HTML))
    error = fault(log())
    assert isinstance(error, RetryableError)
    assert error.ambiguous
    assert "HTTP 200 whose body is HTML, neither empty nor JSON" in str(error)
    assert fault(log(acknowledgement="status")) is None


def test_what_sets_the_address_is_named(
    peer: Peer, log: Callable[..., ArizeUploader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARIZE_API_HOST")
    sender = log(host="127.0.0.1")
    for sent in (answer(HTML), b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n"):
        play(peer, sent)
        text = str(fault(sender))
        assert "heck [arize] host" in text
        assert "ARIZE_API_HOST" not in text


@pytest.mark.parametrize(
    ("may_be", "statuses"),
    [(False, ["302 Found", "404 Not Found", "405 No", "410 Gone"]), (True, ["429 Slow", "500 Oh", "503 Busy"])],
)
def test_a_failure_may_be_stored_unless_the_answer_excludes_it(
    peer: Peer, log: Callable[..., ArizeUploader], *, may_be: bool, statuses: list[str]
) -> None:
    for status in statuses:
        play(peer, answer(b"{}", status=status))
        error = fault(log())
        assert isinstance(error, RetryableError)
        assert error.may_be_stored is may_be, status


def test_a_503_is_not_ambiguous(peer: Peer, log: Callable[..., ArizeUploader]) -> None:
    play(peer, answer(b"{}", status="503 Busy"))
    error = fault(log())
    assert isinstance(error, RetryableError)
    assert not error.ambiguous


def test_nothing_sent_is_not_ambiguous(log: Callable[..., ArizeUploader], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIZE_API_PORT", "1")
    error = fault(log())
    assert isinstance(error, RetryableError)
    assert not error.ambiguous
    assert not error.may_be_stored
    assert "refused" in str(error)


def test_a_cut_is_ambiguous(peer: Peer, log: Callable[..., ArizeUploader]) -> None:
    attempt = Attempt()
    play(peer, answer()[:30], "open", attempt.cut)
    error = fault(log(), attempt)
    assert isinstance(error, RetryableError)
    assert error.ambiguous
    assert error.may_be_stored
    assert "no complete answer within 20 s" in str(error)


SERVERS_WORDS = b"bad \x1b[31mred\x07 key-canary-0815 at https://me:secret-canary@host/"


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Slow", "404 Not Found"])
def test_the_servers_words_are_harmless(peer: Peer, log: Callable[..., ArizeUploader], status: str) -> None:
    play(peer, answer(SERVERS_WORDS, status=status))
    error = fault(log())
    assert isinstance(error, RetryableError | RejectedError)
    assert "bad [31mred *** at https://***@host/" in str(error)
    assert "\x1b" not in str(error)


def test_a_redirects_location_is_harmless(peer: Peer, log: Callable[..., ArizeUploader]) -> None:
    where = "Location: https://me:secret-canary@host/\x1b]0;x\x07?space-canary-0816" + "y" * 1000
    play(peer, answer(b"", where, status="302 Found"))
    text = str(fault(log()))
    assert "canary" not in text
    assert "\x1b" not in text
    assert len(text) < 600


@pytest.mark.parametrize("key", ["key-canary-\u4e16", "key-canary\nx"])
def test_a_key_that_is_no_header_is_refused_before_anything_is_sent(
    log: Callable[..., ArizeUploader], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("ARIZE_API_KEY", key)
    with pytest.raises(ConfigError) as refused:
        log()
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("space", ["space-canary-\u4e16", "space-canary\nx", "space-canary\r"])
def test_a_space_that_is_no_header_is_not_quoted(log: Callable[..., ArizeUploader], space: str) -> None:
    attempt, to = Attempt(), Destination(space, "m", "1", "production", "")
    with pytest.raises(RetryableError) as failed:
        log().send(TABLE, attempt, to)
    _close_session()
    assert not failed.value.ambiguous
    assert "canary" not in str(failed.value)
    assert "Check the ARIZE_* settings" in str(failed.value)
