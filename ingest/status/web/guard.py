"""What a request must satisfy before any route sees it, and the headers that every answer carries.

Rules
1. GET and HEAD only, and POST below /actions/. There is no CORS header anywhere, so no foreign site may read an answer.
2. The Host header names an address, this machine, or one of [status] allowed_hosts. A site whose name is made to
   resolve to this machine (DNS rebinding) sends its own name, and is refused. Scrapers and probes are no browsers:
   where we listen beyond this machine, /metrics, /livez and /readyz answer to any name.
3. A browser that asks on behalf of another site (Sec-Fetch-Site) gets nothing but the page itself, as a link.
4. Scripts, styles and connections come from this server only; inline ones do not run, whatever a topic is called.
5. A connection serves one request: its life is bounded, and so is the number of connections.
"""

import ipaddress
import socket
from collections.abc import Iterable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PROBES = frozenset({"/metrics", "/livez", "/readyz"})
ACTIONS = "/actions/"

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    b"base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`, an address or a name."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware with the rules above. `host` is the address that is listened on."""

    def __init__(self, app: ASGIApp, *, host: str, allowed_hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._open = not is_loopback(host)
        own = {"localhost", host, *allowed_hosts}
        if self._open:
            own.add(socket.gethostname())
        self._names = {name.lower().rstrip(".") for name in own}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer refusals here, pass everything else on."""
        if scope["type"] != "http":
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["method"], scope["path"], headers)
        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, method: str, path: str, headers: dict[bytes, str]) -> PlainTextResponse | None:
        if method not in {"GET", "HEAD"} and not (method == "POST" and path.startswith(ACTIONS)):
            return PlainTextResponse("only GET is served here\n", 405, {"allow": "GET, HEAD"})
        if not self._named(headers.get(b"host", ""), path):
            text = "this name is not served: use an address, or add the name to [status] allowed_hosts\n"
            return PlainTextResponse(text, 421)
        site = headers.get(b"sec-fetch-site", "none")
        link = method == "GET" and path == "/" and headers.get(b"sec-fetch-mode") == "navigate"
        if site not in {"same-origin", "none"} and not link:
            return PlainTextResponse("requests from other sites are refused\n", 403)
        return None

    def _named(self, header: str, path: str) -> bool:
        if self._open and path in PROBES:
            return True
        name = without_port(header).lower().rstrip(".")
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._open or address.is_loopback


def without_port(host: str) -> str:
    """`localhost:9410` is `localhost`, `[::1]:9410` is `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host
