"""What somebody with the token may ask of a run: drain it, or restart a worker.

Rules
1. Without [status] actions there are none: every request is refused, whatever it brings.
2. The token comes in `Authorization: Bearer`, or in the form's field `token`; it is compared in constant time. A
   browser's request must come from this very page (Origin).
3. The page's thread decides nothing and changes nothing: it puts the request into a queue of `MOST_WAITING`, and the
   supervisor's loop takes it in its next step. A full queue refuses.
"""

import hmac
import queue
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

MOST_WAITING = 32
_MOST_BODY_BYTES = 4096


@dataclass(frozen=True, slots=True)
class DrainRun:
    """Drain all workers and end the run, as SIGTERM does."""


@dataclass(frozen=True, slots=True)
class RestartWorker:
    """Drain one worker and start it again."""

    worker: int


Action = DrainRun | RestartWorker


class Actions:
    """The endpoints below /actions/. `token` is "" if actions are off."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
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
        number = (form or {}).get("worker", request.query_params.get("worker", ""))
        if not (number.isascii() and number.isdecimal() and len(number) < 6):
            return JSONResponse({"error": "worker: the number of a worker is missing"}, 400)
        return self._accepted(request, form, RestartWorker(int(number)))

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


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form, each once; None if the body is too long."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BODY_BYTES:
            return None
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
