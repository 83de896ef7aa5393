"""A server that plays what it is told, byte by byte, over TCP or TLS: the other end for tests of the transport."""

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

Ending = Literal["close", "ragged", "reset", "open"]

PATIENCE_S = 20.0
_LEAVES_S = 1.0  # a thread that waits for an event of its test uses no descriptor


class Line:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._read = b""

    def head(self) -> bytes:
        """Read a request's head; none when the client has gone."""
        while b"\r\n\r\n" not in self._read:
            if not self._more():
                return b""
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return head

    def body(self, head: bytes, at_most: int | None = None) -> bytes:
        """Read the body that belongs to `head`, or so much of it."""
        (length,) = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        length = length if at_most is None else min(length, at_most)
        while len(self._read) < length:
            if not self._more():
                break
        body, self._read = self._read[:length], self._read[length:]
        return body

    def request(self) -> bytes:
        """Read a whole request; its head."""
        head = self.head()
        if head:
            self.body(head)
        return head

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def end(self, how: Ending) -> None:
        """close: in order (FIN, under TLS after close_notify); ragged: without close_notify; reset: RST."""
        if how == "open":
            return
        if how == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "close" and isinstance(self.socket, ssl.SSLSocket):
            self.socket.settimeout(0)
            with contextlib.suppress(OSError, ValueError):
                self.socket.unwrap()  # it sends close_notify, and does not wait for the client's
        self.socket.close()

    def _more(self) -> bool:
        block = self.socket.recv(1 << 20)
        self._read += block
        return bool(block)


Play = Callable[[Line], None]


class Peer:
    """A context manager. `plays[path]` is played on each connection whose first request is for `path`.

    What it plays on a connection ends it; else it is left open until the peer is closed.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._lines: list[Line] = []
        self._serving: list[threading.Thread] = []
        self._accepts = threading.Thread(target=self._accept, daemon=True)
        self.plays: dict[str, Callable[[Line, bytes], None]] = {}
        self.connections = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, path: str) -> str:
        return f"http{'s' if self._context else ''}://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        self._accepts.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepts.join(PATIENCE_S)
        self._listener.close()
        # A thread that still reads would go on with the descriptor's next owner: another test's connection.
        for line in self._lines:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(line.socket, socket.SHUT_RDWR)
        for thread in self._serving:
            thread.join(_LEAVES_S)
        for line in self._lines:
            line.socket.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._serving.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
            self._serving[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        line = Line(sock)
        self._lines.append(line)
        with contextlib.suppress(OSError):  # a client that left is its own business
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            head = line.head()
            if head:
                self.plays[head.split(b" ")[1].decode()](line, head)


def certificate(directory: Path) -> Path:
    """A key and a certificate of its own for 127.0.0.1, in one file; it verifies with itself."""
    key, made, both = directory / "key.pem", directory / "certificate.pem", directory / "both.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    usage = ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    arguments = ["openssl", "req", "-x509", *curve, *subject, *usage, "-keyout", str(key), "-out", str(made)]
    subprocess.run(arguments, check=True, capture_output=True, timeout=60)
    both.write_text(key.read_text() + made.read_text())
    return both
