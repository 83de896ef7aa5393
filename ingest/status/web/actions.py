"""What somebody with the token may ask of a run: drain it, restart a worker, pause or resume a partition.

Rules
1. Without [status] actions there are none: every request is refused, whatever it brings.
2. The token comes in `Authorization: Bearer`, or in the form's field `token`; it is compared in constant time. A
   browser's request must come from this very page (Origin).
3. The page's thread decides nothing and changes nothing: it puts the request into a queue of `MOST_WAITING`, and the
   supervisor's loop takes it in its next step. A full queue refuses.
4. A partition that the run does not read is refused here, by the newest snapshot. The topic may be left out if the run
   has only one.
"""

import hmac
import queue
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ingest.status import formatting
from ingest.status.snapshot import Snapshot

MOST_WAITING = 32
_MOST_BODY_BYTES = 4096


@dataclass(frozen=True, slots=True)
class DrainRun:
    """Drain all workers and end the run, as SIGTERM does."""


@dataclass(frozen=True, slots=True)
class RestartWorker:
    """Drain one worker and start it again."""

    worker: int


@dataclass(frozen=True, slots=True)
class PausePartition:
    """Read nothing more of a partition, or read it again; `client` is the address of who has asked."""

    topic: str
    partition: int
    pause: bool
    client: str


Action = DrainRun | RestartWorker | PausePartition


class Actions:
    """The endpoints below /actions/. `token` is "" if actions are off; `newest` returns the snapshot, if any."""

    def __init__(self, token: str, newest: Callable[[], Snapshot | None] = lambda: None) -> None:
        self._token = token.encode()
        self._newest = newest
        self._waiting: queue.SimpleQueue[Action] = queue.SimpleQueue()

    @property
    def enabled(self) -> bool:
        """Whether there are any."""
        return bool(self._token)

    def take(self) -> list[Action]:
        """The requests since the last call, for the supervisor's loop. Never blocks."""
        taken: list[Action] = []
        while True:
            try:
                taken.append(self._waiting.get_nowait())
            except queue.Empty:
                return taken

    async def drain(self, request: Request) -> Response:
        """POST /actions/drain."""
        form = await _form(request)
        return self._refusal(request, form) or self._accepted(request, form, DrainRun())

    async def restart_worker(self, request: Request) -> Response:
        """POST /actions/restart-worker, with the field `worker`."""
        form = await _form(request)
        if refusal := self._refusal(request, form):
            return refusal
        number = _number(_field(request, form, "worker"))
        if number is None:
            return JSONResponse({"error": "worker: the number of a worker is missing"}, 400)
        return self._accepted(request, form, RestartWorker(number))

    async def pause_partition(self, request: Request) -> Response:
        """POST /actions/pause-partition, with the fields `partition` and `topic`."""
        return await self._pause(request, pause=True)

    async def resume_partition(self, request: Request) -> Response:
        """POST /actions/resume-partition, with the fields `partition` and `topic`."""
        return await self._pause(request, pause=False)

    async def _pause(self, request: Request, *, pause: bool) -> Response:
        form = await _form(request)
        if refusal := self._refusal(request, form):
            return refusal
        partition = _number(_field(request, form, "partition"))
        if partition is None:
            return JSONResponse({"error": "partition: the number of a partition is missing"}, 400)
        snapshot = self._newest()
        if snapshot is None or not snapshot.topics:
            return JSONResponse({"error": "the run is starting"}, 503, {"retry-after": "1"})
        topic = _field(request, form, "topic") or (snapshot.topics[0] if len(snapshot.topics) == 1 else "")
        if topic not in snapshot.topics:
            return JSONResponse({"error": f"topic: name one of {', '.join(snapshot.topics)}"}, 400)
        read = [one.partition for one in snapshot.partitions if one.topic == topic]
        if partition not in read:
            error = f"partition {partition} is none of the partitions {formatting.partitions(read)} of {topic}"
            return JSONResponse({"error": f"{error} that this run reads"}, 404)
        client = "an unknown address" if request.client is None else request.client.host
        return self._accepted(request, form, PausePartition(topic, partition, pause, client))

    def _refusal(self, request: Request, form: dict[str, str] | None) -> Response | None:
        if not self.enabled:
            return JSONResponse({"error": "actions are off; [status] actions turns them on, with a token"}, 403)
        if form is None:
            return JSONResponse({"error": "the request is too long"}, 413)
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return JSONResponse({"error": "requests from other sites are refused"}, 403)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else form.get("token", "")
        if not hmac.compare_digest(given.encode(), self._token):
            return JSONResponse({"error": "the token is missing or wrong"}, 401, {"www-authenticate": "Bearer"})
        return None

    def _accepted(self, request: Request, form: dict[str, str] | None, action: Action) -> Response:
        if self._waiting.qsize() >= MOST_WAITING:
            return JSONResponse({"error": "too many requests wait; ask again"}, 503)
        self._waiting.put(action)
        if form and "token" in form and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/?requested#actions", 303)
        return JSONResponse({"accepted": True}, 202)


def _field(request: Request, form: dict[str, str] | None, name: str) -> str:
    return (form or {}).get(name, request.query_params.get(name, ""))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form, each once; None if the body is too long."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BODY_BYTES:
            return None
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
