"""An endpoint that costs nothing to wait for: `python -m benchmarks.null_endpoint`, a process of its own.

It reads each upload to its end, looks at nothing, keeps nothing, and answers as Arize does. So what `log` costs is what
its caller's process spends. It leaves with its stdin, as all sandbox services do.
"""

import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ingest.sandbox.service_process import ServiceProcess, announce

HOST = "127.0.0.1"
BLOCK_BYTES = 1 << 20

_BODY = b'{"realTimeIngestionUri": ""}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


class NullEndpoint(ServiceProcess):
    """A running one. Raises `SandboxError` when it doesn't start."""

    def __init__(self) -> None:
        super().__init__("benchmarks.null_endpoint", [])

    def environment(self) -> dict[str, str]:
        """The variables that lead the arize SDK here."""
        return {
            "ARIZE_API_HOST": HOST,
            "ARIZE_API_SCHEME": "http",
            "ARIZE_API_PORT": str(self.announcement["port"]),
            "ARIZE_API_KEY": "benchmark-key",
            "ARIZE_SPACE_ID": "benchmark-space",
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server fixes this signature
        """Silent."""

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        block = memoryview(bytearray(min(left, BLOCK_BYTES)))
        while left and (got := self.rfile.readinto(block[: min(left, len(block))])):
            left -= got
        self.wfile.write(_ANSWER)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the runner; this one leaves with its stdin
    with ThreadingHTTPServer((HOST, 0), _Handler) as server:
        announce(port=server.server_address[1])
        server.serve_forever()


if __name__ == "__main__":
    main()
