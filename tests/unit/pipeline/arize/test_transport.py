"""The transport against real sockets; the server here does as each test tells it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.arize import transport
from ingest.pipeline.arize.transport import Attempt, retry_after_s

PATIENCE_S = 20.0
Answer = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Answer = ok
        self.seen: list[tuple[str, str, str | None, bytes]] = []  # method, path, authorization, body
        self.connections: set[tuple[str, int]] = set()
        self.stalled = threading.Event()
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/pandas_arrow"

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that the client cut is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, self.headers.get("authorization"), body))
        self.server.connections.add(self.client_address)
        self.server.answer(self)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass

    def say(self, status: int, body: bytes = b"{}", *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def ok(handler: Handler) -> None:
    handler.say(200)


def stall(handler: Handler) -> None:
    """Half an answer, then silence."""
    handler.say(200, b"{", length=2)
    handler.server.stalled.set()
    handler.server.release.wait(PATIENCE_S)
    handler.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.release.set()
        running.shutdown()
        thread.join(PATIENCE_S)


class Upload:
    """One attempt on a thread of its own."""

    def __init__(self, url: str) -> None:
        self.attempt = Attempt()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(url,))
        self._thread.start()

    def _run(self, url: str) -> None:
        transport.begin(self.attempt)
        try:
            transport.post(url, data=b"x", timeout=PATIENCE_S)
        except requests.RequestException as failed:
            self.error = failed
        finally:
            transport.end()

    def join(self) -> BaseException | None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self.error


@pytest.fixture(autouse=True)
def _own_session() -> Iterator[None]:
    yield
    if transport._current.session is not None:
        transport._current.session.close()
        transport._current.session = None
    transport._current.attempt = None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(server: Server, status: int) -> None:
    server.answer = lambda handler: handler.say(status, Location=server.url + "/elsewhere")
    attempt = Attempt()
    transport.begin(attempt)
    response = transport.post(server.url, data=b"rows", allow_redirects=True)
    transport.end()
    assert response.status_code == status
    assert response.history == []
    assert attempt.location == server.url + "/elsewhere"
    assert [(method, path) for method, path, _, _ in server.seen] == [("POST", "/v1/pandas_arrow")]


def test_netrc_does_not_replace_our_key(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password thief\ndefault login thief password thief\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    # by a session of its own: in a process that has sent to Arize, requests.post is ours
    with requests.Session() as session:
        session.post(server.url, data=b"", headers={"authorization": "our-key"}, timeout=PATIENCE_S)
    transport.post(server.url, data=b"", headers={"authorization": "our-key"})
    keys = [key for _, _, key, _ in server.seen]
    assert str(keys[0]).startswith("Basic "), "the trap is not set: requests alone ignores the file too"
    assert keys[1] == "our-key"


def test_the_connection_is_kept_between_posts(server: Server) -> None:
    for number in range(5):
        transport.post(server.url, data=b"%d" % number, timeout=PATIENCE_S)
    assert len(server.connections) == 1
    assert [body for *_, body in server.seen] == [b"%d" % number for number in range(5)]


def test_a_connection_that_the_server_closed_is_opened_anew(server: Server) -> None:
    server.answer = lambda handler: handler.say(200, Connection="close")
    for _ in range(3):
        assert transport.post(server.url, data=b"x", timeout=PATIENCE_S).status_code == 200
    assert len(server.connections) == 3


def test_a_truncated_answer_is_an_error(server: Server) -> None:
    def truncated(handler: Handler) -> None:
        handler.say(200, b'{"ok"', length=100)
        handler.close_connection = True

    server.answer = truncated
    with pytest.raises(requests.RequestException):
        transport.post(server.url, data=b"x", timeout=PATIENCE_S)


def test_a_connection_reset_before_the_answer_is_an_error(server: Server) -> None:
    def reset(handler: Handler) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        handler.connection.close()
        handler.close_connection = True

    server.answer = reset
    with pytest.raises(requests.RequestException):
        transport.post(server.url, data=b"x", timeout=PATIENCE_S)


def test_a_cut_ends_a_stalled_read_at_once(server: Server) -> None:
    server.answer = stall
    upload = Upload(server.url)
    assert server.stalled.wait(PATIENCE_S)
    began = time.monotonic()
    upload.attempt.cut()
    assert isinstance(upload.join(), requests.RequestException)
    assert time.monotonic() - began < PATIENCE_S / 4
    assert upload.attempt.cut_off


def test_a_cut_ends_a_stalled_read_on_a_kept_connection_too(server: Server) -> None:
    transport.post(server.url, data=b"x", timeout=PATIENCE_S)
    server.answer = stall
    attempt = Attempt()
    transport.begin(attempt)

    def cut() -> None:
        server.stalled.wait(PATIENCE_S)
        attempt.cut()

    cutter = threading.Thread(target=cut)
    began = time.monotonic()
    cutter.start()
    with pytest.raises(requests.RequestException):
        transport.post(server.url, data=b"x", timeout=PATIENCE_S)
    transport.end()
    cutter.join()
    assert time.monotonic() - began < PATIENCE_S / 4
    assert len(server.connections) == 1
    server.answer = ok
    assert transport.post(server.url, data=b"x", timeout=PATIENCE_S).status_code == 200


def test_a_cut_before_the_connection_is_made_counts(server: Server) -> None:
    attempt = Attempt()
    attempt.cut()
    transport.begin(attempt)
    server.answer = stall
    began = time.monotonic()
    with pytest.raises(requests.RequestException):
        transport.post(server.url, data=b"x", timeout=PATIENCE_S)
    transport.end()
    assert time.monotonic() - began < PATIENCE_S / 4


def test_a_cut_after_the_attempt_touches_nothing(server: Server) -> None:
    attempt = Attempt()
    transport.begin(attempt)
    transport.post(server.url, data=b"x", timeout=PATIENCE_S)
    transport.end()
    attempt.cut()
    transport.post(server.url, data=b"y", timeout=PATIENCE_S)
    assert len(server.connections) == 1, "the kept connection was cut with an attempt that was over"


def test_what_the_answer_asks_for_is_noted(server: Server) -> None:
    server.answer = lambda handler: handler.say(503, Retry_After="17")
    attempt = Attempt()
    transport.begin(attempt)
    transport.post(server.url, data=b"x", timeout=PATIENCE_S)
    transport.end()
    assert attempt.retry_after == "17"
    assert attempt.location is None


# --- Retry-After ----------------------------------------------------------------------------------

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("nan", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


@given(
    st.text()
    | st.from_regex(r"(Mon, )?[0-9]{1,3} (Jan|Foo) [0-9]{1,6} [0-9:]{1,9} ([+-][0-9]{1,30}|GMT)", fullmatch=True)
)
def test_no_header_breaks_it(header: str) -> None:
    found = retry_after_s(header, NOW)
    assert found is None or found >= 0
