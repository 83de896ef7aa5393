"""Answers over real sockets, plain and TLS: which of them acknowledge a POST."""

import concurrent.futures
import functools
import gzip
import select
import socket
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from ingest.pipeline.arize import transport
from ingest.pipeline.arize.transport import Attempt
from tests.harness.answers import CHUNKED, FRAMED, HTML, JSON, OPEN_ENDED, answer, unframed
from tests.harness.peer import PATIENCE_S, Ending, Line, Peer, certificate

THREADS = 8

# Without the time: these bytes are in the names of cases, and pytest-xdist's processes must name them alike.
gzipped = functools.partial(gzip.compress, mtime=0)


@dataclass(frozen=True)
class Case:
    sent: bytes
    ending: Ending
    right: bool


def cases(endings: Sequence[Ending], right_ends: set[Ending]) -> Iterator[Case]:
    """Each prefix of each right answer; whether it is complete follows from how it was made, not from reading it."""
    for whole in FRAMED.values():
        for cut in range(len(whole) + 1):
            for ending in endings:
                yield Case(whole[:cut], ending, cut == len(whole))
    for whole in OPEN_ENDED.values():
        head = whole.index(b"\r\n\r\n") + 4
        for cut in range(len(whole) + 1):
            for ending in endings:
                # An orderly end right behind the head is an empty body: nobody can tell it from one that was meant.
                yield Case(whole[:cut], ending, cut in (head, len(whole)) and ending in right_ends)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def _own_session() -> Iterator[None]:
    yield
    close_session()


def close_session() -> None:
    if transport._current.session is not None:
        transport._current.session.close()
        transport._current.session = None
    transport._current.attempt = None


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def plain() -> Iterator[Peer]:
    with Peer() as running:
        yield running


@pytest.fixture
def secured(own_certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(own_certificate))
    with Peer(own_certificate) as running:
        yield running


@pytest.fixture(params=["plain", "secured"])
def peer(request: pytest.FixtureRequest) -> Peer:
    running: Peer = request.getfixturevalue(request.param)
    return running


def taken(url: str, attempt: Attempt | None = None, data: Any = b"rows", **mode: Any) -> str:
    """Why the POST was not acknowledged, empty when it was; a status other than 2xx is its number."""
    transport.begin(attempt or Attempt(), **mode)
    try:
        response = transport.post(url, data=data, timeout=PATIENCE_S)
    except requests.RequestException as failed:
        return f"{type(failed).__name__}: {failed}"
    finally:
        transport.end()
    return "" if 200 <= response.status_code < 300 else str(response.status_code)


def play(peer: Peer, case: Case, path: str, cut: Callable[[], None]) -> None:
    def scripted(line: Line, head: bytes) -> None:
        line.body(head)
        line.send(case.sent)
        line.end(case.ending)
        if case.ending == "open" and not case.right:
            cut()  # what was sent is there to be read nevertheless

    peer.plays[path] = scripted


def judged_wrong(peer: Peer, all_cases: Sequence[Case]) -> list[tuple[Case, str]]:
    def one(number: int) -> tuple[Case, str] | None:
        case, attempt = all_cases[number], Attempt()
        play(peer, case, f"/{number}", attempt.cut)
        why = taken(peer.url(f"/{number}"), attempt)
        # A reset may overtake an answer that was sent whole.
        wrong = bool(why) == case.right and not (case.right and case.ending == "reset")
        close_session()  # a connection may be kept that the peer is closing: the next case begins with one of its own
        return (case, why) if wrong else None

    with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        found = [wrong for wrong in threads.map(one, range(len(all_cases))) if wrong]
        list(threads.map(lambda _: close_session(), range(THREADS)))
    return found


def test_no_prefix_of_a_right_answer_is_an_acknowledgement_and_the_whole_is(plain: Peer) -> None:
    assert judged_wrong(plain, list(cases(("close", "reset", "open"), {"close"}))) == []


def test_over_tls_it_is_the_same(secured: Peer) -> None:
    """Where nothing but the end of the connection tells the end of the body, TLS must say that this is the end."""
    assert judged_wrong(secured, list(cases(("close", "ragged", "open"), {"close"}))) == []


# --- what is no Arize's ---------------------------------------------------------------------------


def once(peer: Peer, sent: bytes, ending: Ending = "close", data: Any = b"rows", **mode: Any) -> str:
    close_session()  # a connection that is just being closed must not be used again
    attempt = Attempt()
    play(peer, Case(sent, ending, right=True), "/once", attempt.cut)
    return taken(peer.url("/once"), attempt, data, **mode)


@pytest.mark.parametrize("status", ["200 OK", "203 Non-Authoritative Information", "201 Created"])
@pytest.mark.parametrize("body", [HTML, b"OK", b"{", b'{"a": 1}}', b"\x89PNG\r\n", b"[" * 100_000])
def test_a_body_that_is_neither_empty_nor_json_is_a_portals(peer: Peer, status: str, body: bytes) -> None:
    why = once(peer, answer(body, status=status))
    assert f"HTTP {status[:3]} whose body is" in why
    assert 'acknowledgement = "status"' in why
    assert "Wi-Fi" not in why


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        b"\xef\xbb\xbf",
        b'\xef\xbb\xbf{"a": 1}',
        b"null",
        b"NaN",
        b'"<html>"',
        b'{"a": NaN}\n',
        b"1" * 5_000,
        b'{"a": "\xe9"}',
        '{"a": "é"}'.encode("utf-16"),
        b"[" * 500 + b"]" * 500,
    ],
)
def test_json_and_nothing_are_taken_whatever_the_content_type(peer: Peer, body: bytes) -> None:
    assert once(peer, answer(body, "Content-Type: text/html")) == ""


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 Odd"])
@pytest.mark.parametrize("count", [1, 300])
def test_interim_answers_are_skipped(peer: Peer, status: bytes, count: int) -> None:
    assert once(peer, (b"HTTP/1.1 " + status + b"\r\nLink: </style.css>\r\n\r\n") * count + answer()) == ""


def test_a_switch_of_protocols_is_final_and_no_acknowledgement(plain: Peer) -> None:
    assert once(plain, b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + answer()) == "101"


def test_interim_answers_without_end_are_not(plain: Peer) -> None:
    assert "head is too long" in once(plain, b"HTTP/1.1 102 Processing\r\n\r\n" * 50_000 + answer())


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (answer(length=len(JSON) + 1), "1 bytes before its end"),
        (answer(length="12a"), "not one number"),
        (answer(length="-1"), "not one number"),
        (answer(length="+39"), "not one number"),
        (answer(length="3.9e1"), "not one number"),
        (answer(length="9" * 30), "not one number"),
        (answer(length=""), "not one number"),
        (answer(JSON, "Content-Length: 5"), "not one number"),
        (answer(length="39, 40"), "not one number"),
        (answer(JSON, "no header at all"), "no header"),
        (answer(JSON, "X: a\rb"), "carriage return"),
        (b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\r\n" + answer(), "carriage return"),
        (answer(JSON, "Transfer-Encoding: gzip, chunked"), "other than chunked"),
        (answer(JSON, "Transfer-Encoding: gzip"), "other than chunked"),
        (CHUNKED.replace(b"\r\n3\r\n", b"\r\n+3\r\n"), "size"),
        (CHUNKED.replace(b"\r\n3\r\n", b"\r\n2\r\n"), "longer than it says"),
        (CHUNKED.replace(b"\r\n3\r\n", b"\r\n4\r\n"), "longer than it says"),
        (b"HTTP/2 200 OK\r\n\r\n", "status line"),
        (b"hello\r\n\r\n", "status line"),
        (JSON, "ended within its head"),
        (b"", "without an answer"),
        (answer(JSON, "X: " + "y" * 200_000), "64 KiB"),
        (answer(JSON, *["X: y"] * 300), "too long"),
    ],
)
def test_what_is_not_http_is_named(plain: Peer, sent: bytes, says: str) -> None:
    assert says in once(plain, sent)


@pytest.mark.parametrize(
    "sent",
    [
        answer(JSON, f"Content-Length: {len(JSON)}"),
        answer(length=f"{len(JSON)}, 0{len(JSON)}"),
        answer(JSON, "X-Folded: a\r\n  b", "x:"),
        CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: 7\r\nTRANSFER-ENCODING: Chunked"),
        answer().replace(b"\r\n", b"\n"),
        answer().replace(b" OK", b""),
        answer(status="200 "),
        b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
    ],
)
def test_what_is_odd_but_whole_is_taken(plain: Peer, sent: bytes) -> None:
    assert once(plain, sent) == ""


# --- content codings ------------------------------------------------------------------------------

RAW = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(JSON)),
        ("x-gzip, identity", gzipped(JSON[:9]) + gzipped(JSON[9:]) + b"\0\0"),
        ("deflate", zlib.compress(JSON)),
        ("deflate", RAW.compress(JSON) + RAW.flush()),
        ("gzip, gzip", gzipped(gzipped(JSON))),
        ("gzip", gzipped(b"")),
        ("gzip", b""),
        ("", JSON),
    ],
)
def test_what_was_encoded_unasked_is_decoded(plain: Peer, coding: str, body: bytes) -> None:
    assert once(plain, answer(body, f"Content-Encoding: {coding}")) == ""


BOMB = gzipped(b" " * 2**22)


@pytest.mark.parametrize(
    ("coding", "body", "says"),
    [
        ("gzip", BOMB, "1024 KiB when it is decoded"),
        ("gzip, gzip, gzip, gzip", BOMB, "more than 3 times"),
        ("gzip", gzipped(b"") * 50_000, "members"),
        ("gzip", gzipped(JSON)[:-1], "cut off"),
        ("gzip", JSON, "damaged"),
        ("br", b"\x0b\x01\x80{}\x03", "not asked for"),
        ("gzip", gzipped(HTML), "HTML"),
    ],
)
def test_what_can_not_be_decoded_is_no_acknowledgement(plain: Peer, coding: str, body: bytes, says: str) -> None:
    sent = answer(body, f"Content-Encoding: {coding}")
    assert says in once(plain, sent)
    assert once(plain, sent, mode="status") == ""


def test_a_body_without_end_is_no_acknowledgement(peer: Peer) -> None:
    assert "longer than 1024 KiB" in once(peer, answer(b" " * (2**20 + 1)), "open")
    assert once(peer, answer(b" " * 2**20)) == ""


def test_a_refusal_of_any_length_is_one(plain: Peer) -> None:
    assert once(plain, answer(b" " * 2**22, status="400 Bad Request")) == "400"


# --- the mode "status" ------------------------------------------------------------------------------


def test_with_status_a_whole_2xx_is_enough(peer: Peer) -> None:
    assert once(peer, answer(HTML), mode="status") == ""
    assert once(peer, unframed(HTML), "ragged", mode="status") == ""
    assert "ended within its head" in once(peer, answer(HTML)[:20], "ragged", mode="status")
    assert "before its end" in once(peer, answer(HTML)[:-1], "ragged", mode="status")
    assert "before its last chunk" in once(peer, CHUNKED[:-2], "ragged", mode="status")


def test_with_status_our_own_cut_ends_no_body(peer: Peer) -> None:
    attempt = Attempt()
    play(peer, Case(unframed(), "open", right=False), "/cut", attempt.cut)
    assert "deadline" in taken(peer.url("/cut"), attempt, mode="status")


def test_a_refusal_needs_no_close_notify(secured: Peer) -> None:
    assert once(secured, unframed(b"no", "400 Bad Request"), "ragged") == "400"


# --- to this very POST ------------------------------------------------------------------------------


def on_one_line(peer: Peer, script: Callable[[Line], None]) -> None:
    """The first connection plays `script` from its first request's body on, others answer."""
    played = threading.Event()

    def scripted(line: Line, head: bytes) -> None:
        line.body(head)
        if not played.is_set():
            played.set()
            script(line)
        while True:
            line.send(answer())
            if not line.request():
                return

    peer.plays["/kept"] = scripted


class Rows:
    """A body in two pieces, with something to do between them."""

    def __init__(self, between: Callable[[], None], size: int = 3 * 2**20) -> None:
        self.left = self.len = size
        self._between: Callable[[], None] | None = between

    def __iter__(self) -> Iterator[bytes]:
        raise NotImplementedError  # requests only asks whether it could

    def read(self, size: int) -> bytes:
        if self.left < self.len and self._between is not None:
            self._between()
            self._between = None
        size = min(size, self.left)
        self.left -= size
        return b"x" * size


def test_a_kept_connection_is_used_again(peer: Peer) -> None:
    on_one_line(peer, lambda _: None)
    assert [taken(peer.url("/kept")) for _ in range(5)] == [""] * 5
    assert peer.connections == 1


def test_a_kept_connection_is_not_used_for_ever(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "KEPT_S", 0.0)
    on_one_line(peer, lambda _: None)
    assert [taken(peer.url("/kept")) for _ in range(3)] == [""] * 3
    assert peer.connections == 3


@pytest.mark.parametrize("more", [answer(), b"\r\n", b"x", answer(HTML)])
def test_what_comes_with_an_answer_belongs_to_no_other(peer: Peer, more: bytes) -> None:
    """In one TLS record with it, it is neither in the kernel nor in TLS's buffer any more."""

    def script(line: Line) -> None:
        line.send(answer() + more)
        line.request()

    on_one_line(peer, script)
    assert [taken(peer.url("/kept")) for _ in range(2)] == ["", ""]
    assert peer.connections == 2


def test_what_comes_on_an_idle_connection_ends_it(peer: Peer) -> None:
    more, sent = threading.Event(), threading.Event()

    def script(line: Line) -> None:
        line.send(answer())
        more.wait(PATIENCE_S)
        line.send(answer())
        sent.set()
        line.request()

    on_one_line(peer, script)
    assert taken(peer.url("/kept")) == ""
    more.set()
    sent.wait(PATIENCE_S)
    assert taken(peer.url("/kept")) == ""
    assert peer.connections == 2


def test_an_answer_that_comes_while_the_next_body_is_sent_is_none_to_it(peer: Peer) -> None:
    more, sent = threading.Event(), threading.Event()

    def script(line: Line) -> None:
        line.send(answer())
        line.body(line.head(), at_most=2**20)
        more.wait(PATIENCE_S)
        line.send(answer())
        sent.set()
        line.socket.recv(2**23)

    def between() -> None:
        more.set()
        sent.wait(PATIENCE_S)

    on_one_line(peer, script)
    assert taken(peer.url("/kept")) == ""
    assert "came before the request was sent" in taken(peer.url("/kept"), data=Rows(between))
    assert taken(peer.url("/kept")) == ""
    assert peer.connections == 2


@pytest.mark.parametrize(
    ("early", "after", "expected"),
    [
        (answer(), b"", "came before the request was sent"),
        (answer()[:20], answer()[20:], "came before the request was sent"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", answer(), ""),
        (b"HTTP/1.1 103 Early Hints\r\nLink", b": x\r\n\r\n" + answer(), ""),
        (answer(b"{}", status="413 Content Too Large"), b"", "413"),
        (answer(b"{}", status="503 Service Unavailable"), b"", "503"),
    ],
)
def test_what_an_early_answer_says(peer: Peer, early: bytes, after: bytes, expected: str) -> None:
    more, sent = threading.Event(), threading.Event()

    def scripted(line: Line, head: bytes) -> None:
        line.body(head, at_most=2**20)
        more.wait(PATIENCE_S)
        line.send(early)
        sent.set()
        line.body(head, at_most=2 * 2**20)
        line.send(after)

    peer.plays["/early"] = scripted

    def between() -> None:
        more.set()
        sent.wait(PATIENCE_S)

    why = taken(peer.url("/early"), data=Rows(between))
    assert expected in why
    assert bool(why) == bool(expected)


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_2xx_to_a_request_that_could_not_be_sent_is_none(plain: Peer, ending: Ending) -> None:
    def scripted(line: Line, head: bytes) -> None:
        line.body(head, at_most=1000)
        line.send(answer())
        line.end(ending)  # what it has not read makes the kernel send RST

    plain.plays["/half"] = scripted
    assert taken(plain.url("/half"), data=b"x" * 2**24) != ""


def test_an_end_by_reset_ends_no_body(plain: Peer) -> None:
    """Linux reports a reset once, to a send, too; afterwards the end looks orderly."""
    for _ in range(20):
        assert once(plain, unframed(), "reset") != ""


# --- through a proxy --------------------------------------------------------------------------------


def tunnel(line: Line, head: bytes) -> None:
    """What a proxy does after CONNECT, until either side ends."""
    host, _, port = head.split(b" ")[1].decode().rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE_S) as behind:
        line.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        ends = {line.socket: behind, behind: line.socket}
        while True:
            for one in select.select(list(ends), [], [], PATIENCE_S)[0]:
                block = one.recv(65_536)
                if not block:
                    line.end("close")
                    return
                ends[one].sendall(block)


def test_through_a_proxys_tunnel_it_is_the_same(plain: Peer, secured: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{plain.port}")
    plain.plays[f"127.0.0.1:{secured.port}"] = tunnel
    on_one_line(secured, lambda _: None)
    assert [taken(secured.url("/kept")) for _ in range(3)] == [""] * 3
    assert (plain.connections, secured.connections) == (1, 1)
    close_session()
    assert "within its head" in once(secured, answer()[:17])
    assert "close_notify" in once(secured, unframed(), "ragged")
    assert once(secured, unframed()) == ""

    def half(line: Line, _head: bytes) -> None:
        line.send(answer()[:17])
        line.end("close")

    plain.plays[f"127.0.0.1:{secured.port}"] = half
    assert once(secured, answer()) != ""


def test_through_a_forwarding_proxy_it_is_the_same(plain: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{plain.port}")
    for sent, right in ((answer(), True), (answer()[:17], False), (answer(HTML), False)):
        play(plain, Case(sent, "close", right), "http://arize.test/x", lambda: None)
        assert (taken("http://arize.test/x") == "") is right
