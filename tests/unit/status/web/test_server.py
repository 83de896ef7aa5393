"""The server: taken ports, bounded connections, clients that hang, and an end that nobody holds up."""

import errno
import http.client
import logging
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.status.web import server
from ingest.status.web.listener import listen
from tests.harness.status_page import Served, calm, served, stuck
from tests.harness.supervise import wait_until


def get(page: Served, path: str = "/api/status") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def ended(connection: socket.socket) -> bool:
    """Whether the server cuts it, or has; waits for at most the connection's time limit, and closes it."""
    with connection:
        try:
            while connection.recv(65_536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True


def test_a_free_port_is_taken_in_place_of_the_default_one() -> None:
    with listen("127.0.0.1", 0, fallback=False) as first:
        port = first.getsockname()[1]
        with listen("127.0.0.1", port, fallback=True) as second:
            assert second.getsockname()[1] not in (0, port)


def test_two_that_begin_at_the_same_time_both_get_a_port() -> None:
    with ThreadPoolExecutor(2) as threads:
        for _ in range(500):
            with listen("127.0.0.1", 0, fallback=False) as first:
                port = first.getsockname()[1]
            for made in [threads.submit(listen, "127.0.0.1", port, fallback=True) for _ in range(2)]:
                made.result().close()


def test_a_configured_port_that_is_taken_is_a_fault() -> None:
    with listen("127.0.0.1", 0, fallback=False) as first, pytest.raises(OSError) as raised:  # noqa: PT011
        listen("127.0.0.1", first.getsockname()[1], fallback=False)
    assert raised.value.errno == errno.EADDRINUSE


def test_it_serves_from_a_thread_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with served(calm()) as page:
        assert get(page)[0] == 200
        assert get(page, "/missing")[0] == 404
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("uvicorn").propagate, "its lines become events of the run"


def test_one_connection_too_many_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    with served(calm()) as page:
        with page.connect(), page.connect():
            assert ended(page.connect())
        wait_until(lambda: get_or_none(page) == 200, within_s=10)


def get_or_none(page: Served) -> int | None:
    try:
        return get(page)[0]
    except (ConnectionError, http.client.HTTPException):
        return None


def test_a_connection_without_a_request_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.1)
    with served(calm()) as page:
        slow = page.connect()
        slow.sendall(b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        assert ended(slow)


def test_a_client_that_reads_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALLED_S", 0.2)
    with served(stuck(1_000)) as page:
        stalled = page.connect()
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stalled.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        wait_until(lambda: page.stream.clients == 1, within_s=10)
        wait_until(lambda: page.stream.clients == 0, within_s=30)
        assert get(page)[0] == 200
        stalled.close()


@pytest.mark.parametrize(
    "request_bytes",
    [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n", b"G" * 40_000, b"GET / HTTP/1.1\r\nA: " + b"b" * 40_000],
    ids=["tls", "no host", "no line", "long head"],
)
def test_what_is_no_request_gets_400(request_bytes: bytes) -> None:
    with served(calm()) as page, page.connect() as connection:
        connection.sendall(request_bytes + b"\r\n\r\n")
        assert b" 400 " in connection.recv(200).partition(b"\r\n")[0]


def test_open_streams_do_not_hold_up_the_end() -> None:
    with served(calm()) as page:
        connection = page.connect()
        connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        wait_until(lambda: page.stream.clients == 1, within_s=10)
    assert ended(connection)
    assert page.server.failure is None


def test_a_connection_serves_one_request() -> None:
    with served(calm()) as page, page.connect() as connection:
        connection.sendall(b"GET /api/config HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert ended(connection)
