"""Server-sent events: the newest snapshot once a second, to a bounded number of clients.

Rules
1. A client beyond `MOST_CLIENTS` is refused with 503; it asks again later.
2. Every client gets the same bytes, which are made once for each snapshot.
3. A client that does not read is not waited for: the connection is cut (`server.Protocol`), nothing queues up here.
4. When the run ends, the last snapshot is sent and the streams end, so that no watcher holds up the exit.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from ingest.status.web.published import Published

MOST_CLIENTS = 16
EVERY_S = 1.0
RETRY_MS = 2000
_STEP_S = 0.1


class Stream:
    """The endpoint of /api/events. `closing` is set, by any thread, when the server is about to end."""

    def __init__(self, published: Published, *, every_s: float = EVERY_S, most: int = MOST_CLIENTS) -> None:
        self._published = published
        self._every_s = every_s
        self._most = most
        self.clients = 0
        self.closing = threading.Event()

    async def __call__(self, _request: Request) -> Response:
        """Answer with the stream."""
        if self.clients >= self._most:
            return PlainTextResponse(f"{self._most} pages are open already\n", 503, {"retry-after": "5"})
        self.clients += 1  # here, not when the stream begins: requests may come together

        def left() -> None:
            self.clients -= 1

        return _Streaming(self.snapshots(), left)

    async def snapshots(self) -> AsyncIterator[bytes]:
        """The frames of one client."""
        yield f"retry: {RETRY_MS}\n\n".encode()
        while True:
            closing = self.closing.is_set()
            if (status := self._published.status()) is not None:
                yield b"data: " + status + b"\n\n"
            else:
                yield b": no snapshot yet\n\n"
            if closing:
                return
            waited = 0.0
            while waited < self._every_s and not self.closing.is_set():
                await asyncio.sleep(min(_STEP_S, self._every_s))
                waited += _STEP_S


class _Streaming(StreamingResponse):
    """Tells when it has ended, in whatever way."""

    def __init__(self, frames: AsyncIterator[bytes], left: Callable[[], None]) -> None:
        super().__init__(frames, media_type="text/event-stream")
        self._left = left

    async def __call__(self, *asgi: object) -> None:
        try:
            await super().__call__(*asgi)  # type: ignore[arg-type]
        finally:
            self._left()
