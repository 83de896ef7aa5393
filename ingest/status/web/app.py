"""The routes: the page, its data, and what programs ask.

| path | what |
|---|---|
| `/` | the page |
| `/partitions` | the table of all partitions |
| `/static/...` | its style, its script and its icons |
| `/api/status` | the newest snapshot as JSON: `ingest.status.snapshot` |
| `/api/events` | the same once a second, as server-sent events |
| `/api/account` | the accounts of a run that has ended, and what is confirmed of one that goes on |
| `/api/config` | the effective configuration, without secrets |
| `/metrics`, `/livez`, `/readyz` | given by `Probes` |
| `/actions/...` | POST: `ingest.status.web.actions` |
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.status.snapshot import Snapshot
from ingest.status.web import partitions
from ingest.status.web.actions import Actions
from ingest.status.web.guard import Guard
from ingest.status.web.page import render
from ingest.status.web.published import Published, encode
from ingest.status.web.stream import Stream

_COMPRESS_BYTES = 4096
_COMPRESS_LEVEL = 3
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Verdict(Protocol):
    """Whether a probe succeeds, and why not."""

    @property
    def ok(self) -> bool:
        """Whether it does."""
        ...

    @property
    def reasons(self) -> Sequence[str]:
        """Why it does not."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What else somebody should know."""
        ...


Probe = Callable[[Snapshot, float], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What `/metrics`, `/livez` and `/readyz` answer; one that is None has no route.

    `exposition` takes the request's Accept header, and returns the text and its content type. `now` of a probe is in
    Unix seconds.
    """

    exposition: Callable[[str], tuple[bytes, str]] | None = None
    livez: Probe | None = None
    readyz: Probe | None = None


def application(
    published: Published,
    *,
    stream: Stream,
    actions: Actions,
    host: str,
    allowed_hosts: Sequence[str] = (),
    probes: Probes | None = None,
    on_fault: Callable[[Exception], None] | None = None,
) -> ASGIApp:
    """The ASGI application. `on_fault` gets an exception of a route, whose client gets 500."""
    probes = probes or Probes()
    routes = [
        Route("/", _page(published, actions)),
        Route(partitions.PATH, _partitions(published)),
        Route("/static/{name}", _static()),
        Route("/api/status", _status(published)),
        Route("/api/events", stream.__call__),
        Route("/api/account", _account(published)),
        Route("/api/config", _config(published)),
        Route("/actions/drain", actions.drain, methods=["POST"]),
        Route("/actions/restart-worker", actions.restart_worker, methods=["POST"]),
        Route("/actions/pause-partition", actions.pause_partition, methods=["POST"]),
        Route("/actions/resume-partition", actions.resume_partition, methods=["POST"]),
        *_probes(published, probes),
    ]

    async def failed(_request: Request, error: Exception) -> Response:
        if on_fault is not None:
            on_fault(error)
        return PlainTextResponse("this can't be shown: the run's log has the fault\n", 500)

    # An event stream is not compressed; what is, by the page's thread and without the lock that delivery needs.
    compress = Middleware(GZipMiddleware, minimum_size=_COMPRESS_BYTES, compresslevel=_COMPRESS_LEVEL)
    routed = Starlette(routes=routes, middleware=[compress], exception_handlers={Exception: failed})
    return Guard(_quiet(routed), host=host, allowed_hosts=allowed_hosts)


def _quiet(app: ASGIApp) -> ASGIApp:
    """Starlette raises an exception again once it is answered, for a server's log: here it is reported already."""

    async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(Exception):
            await app(scope, receive, send)

    return quiet


def _json(content: bytes, status: int = 200) -> Response:
    return Response(content, status, media_type="application/json")


def _page(published: Published, actions: Actions) -> Callable[[Request], Response]:
    def page(_request: Request) -> Response:
        html = render(
            published.snapshot,
            published.accounts,
            published.config,
            with_actions=actions.enabled,
        )
        return HTMLResponse(html)

    return page


def _partitions(published: Published) -> Callable[[Request], Response]:
    def page(_request: Request) -> Response:
        snapshot = published.snapshot
        return _starting() if snapshot is None else HTMLResponse(partitions.whole(snapshot))

    return page


def _static() -> Callable[[Request], Response]:
    folder = files("ingest.status.web") / "static"
    found = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}

    def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in found:
            return PlainTextResponse("not found\n", 404)
        return Response(found[name], media_type=_TYPES.get(name.rpartition(".")[2]))

    return static


def _status(published: Published) -> Callable[[Request], Response]:
    def status(_request: Request) -> Response:
        content = published.status()
        return _starting() if content is None else _json(content)

    return status


def _account(published: Published) -> Callable[[Request], Response]:
    def account(_request: Request) -> Response:
        return _json(published.account())

    return account


def _config(published: Published) -> Callable[[Request], Response]:
    def config(_request: Request) -> Response:
        return _json(encode(published.config))

    return config


def _starting() -> Response:
    return JSONResponse({"error": "the run is starting"}, 503, {"retry-after": "1"})


def _probes(published: Published, probes: Probes) -> list[Route]:
    def route(path: str, probe: Probe) -> Route:
        def answer(_request: Request) -> Response:
            snapshot = published.snapshot
            if snapshot is None:
                return _starting()
            verdict = probe(snapshot, time.time())
            found = {"ok": verdict.ok, "reasons": list(verdict.reasons), "notes": list(verdict.notes)}
            return JSONResponse(found, 200 if verdict.ok else 503)

        return Route(path, answer)

    found = []
    if (exposition := probes.exposition) is not None:
        expose = exposition

        def metrics(request: Request) -> Response:
            content, kind = expose(request.headers.get("accept", ""))
            return Response(content, headers={"content-type": kind})

        found.append(Route("/metrics", metrics))
    if probes.livez is not None:
        found.append(route("/livez", probes.livez))
    if probes.readyz is not None:
        found.append(route("/readyz", probes.readyz))
    return found
