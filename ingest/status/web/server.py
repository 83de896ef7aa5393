"""uvicorn in a daemon thread of the supervisor, which nobody who watches can hold up or bring down.

Rules
1. The socket is bound before anything starts, by the main thread: a taken port is a fault of the configuration there.
   See `listener`.
2. The thread starts after the forkserver. Signals stay the supervisor's: uvicorn installs handlers in the main thread
   only. Its log becomes events, as all libraries' do: see `library_messages`.
3. Connections are bounded when they are accepted: one more is cut, so that watchers never take the descriptors that
   the supervisor needs for workers. A connection that has sent no whole request within `REQUEST_S`, or reads nothing
   for `STALLED_S` while there is something to read, is cut as well.
4. `stop` waits for `STOP_S` at most; the thread is a daemon, so a process that exits takes it along.
"""

import asyncio
import contextlib
import logging
import socket
import threading

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from ingest.status.web.listener import BACKLOG

MOST_CONNECTIONS = 64
REQUEST_S = 10.0
STALLED_S = 10.0
STOP_S = 2.0
_MOST_HEAD_BYTES = 16 * 1024


class Protocol(H11Protocol):
    """One connection: rule 3."""

    _request_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Cut a connection too many, and limit the time until its request is there."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._request_timer = self.loop.call_later(REQUEST_S, self._cut_without_request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        for timer in (self._request_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read: limit the time for which it does not."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()

    def _cut_without_request(self) -> None:
        cycle: object = self.cycle  # None before the first request, whatever its type says
        if cycle is None:
            self.transport.abort()


class Server:
    """Serves `app` on `listener` from `start` until `stop`."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        for name in ("uvicorn", "asyncio"):  # without a handler of the run, Python would print their lines
            logging.getLogger(name).addHandler(logging.NullHandler())
        config = uvicorn.Config(
            app,
            http=Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=_MOST_HEAD_BYTES,
        )
        self._server = uvicorn.Server(config)
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="ingest-status", daemon=True)
        self.failure: str | None = None
        """Why the thread has ended by itself; None while it serves."""

    def start(self) -> None:
        """Start the thread. The socket listens already, so a client that comes first waits."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a client that hangs is left behind."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(STOP_S)
        with contextlib.suppress(OSError):
            self._listener.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        except BaseException as error:  # noqa: BLE001  delivery does not depend on it: the supervisor reports it
            self.failure = type(error).__name__
