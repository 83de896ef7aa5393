"""The bytes that a connection's peer sends: read in order, with their positions, and how they end.

`http.client` reads through an `io.BufferedReader`, which does not know which bytes had arrived before the request had
been sent, holds back what follows an answer, and takes each end of a connection for an orderly one.
"""

import socket
import ssl
import sys
from http.client import HTTPException
from io import BytesIO

LINE_BYTES_MOST = 65_536  # as http.client
EARLY_BYTES_MOST = 65_536
_BLOCK_BYTES = 65_536


class IncompleteAnswerError(HTTPException):
    """The connection ended before the answer did."""


class MalformedAnswerError(HTTPException):
    """The answer is not HTTP/1.1, or longer than an answer may be."""


class AnswerStream:
    """All that the peer of one connection sends, also what it sends unasked."""

    def __init__(self, sock: socket.socket) -> None:
        """`sock` may be an `ssl.SSLSocket`, whose end without a close_notify then differs from an orderly one."""
        if hasattr(sock, "suppress_ragged_eofs"):
            sock.suppress_ragged_eofs = False
        self._socket = sock
        self._buffer = bytearray()
        self._failure: OSError | None = None
        self._ended = False
        self.ragged = False  # it has ended, without TLS's close_notify
        self.position = 0  # bytes that were read from this stream
        self._early_until = 0

    def makefile(self, _mode: str) -> BytesIO:
        """What `http.client.HTTPResponse` opens before it reads; it is never read from."""
        return BytesIO()

    @property
    def arrived(self) -> int:
        """The position behind the last byte that was received."""
        return self.position + len(self._buffer)

    @property
    def holds_more(self) -> bool:
        """Bytes have arrived, or can be read without waiting, which belong to no answer so far."""
        return bool(self._buffer) or self._pending()

    def _pending(self) -> bool:
        # Bytes that TLS has decrypted, which poll() does not see. urllib3's TLS within TLS keeps them a level deeper.
        pending = getattr(getattr(self._socket, "sslobj", self._socket), "pending", None)
        return pending is not None and pending() > 0

    def take_early(self) -> None:
        """Mark the bytes that have arrived by now: they can't answer what is still to be sent."""
        timeout_s = self._socket.gettimeout()
        try:
            self._socket.settimeout(0)
            while not self._ended and len(self._buffer) <= EARLY_BYTES_MOST:
                self._receive()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as failure:
            # Linux reports a reset once; the next read would then look like an orderly end.
            self._failure = failure
        finally:
            self._socket.settimeout(timeout_s)
        self._early_until = self.arrived if len(self._buffer) <= EARLY_BYTES_MOST else sys.maxsize

    def is_early(self, position: int) -> bool:
        """The byte at `position` had arrived at the last `take_early`."""
        return position < self._early_until

    def line(self) -> bytes:
        """The next line without its end. Raises `IncompleteAnswerError` where the connection ends before the line does.

        Raises `MalformedAnswerError` when it is too long, `OSError`.
        """
        seen = 0
        while (end := self._buffer.find(b"\n", seen)) < 0:
            seen = len(self._buffer)
            if seen > LINE_BYTES_MOST:
                raise MalformedAnswerError("the answer has a line of more than 64 KiB")
            if not self._fill():
                raise IncompleteAnswerError("the connection ended within a line of the answer, or before one")
        found = self._take(end + 1)
        return found[:-2] if found.endswith(b"\r\n") else found[:-1]

    def some(self, most: int) -> bytes:
        """1 to `most` bytes, or none when the connection has ended. Raises `OSError`."""
        if not self._buffer and not self._fill():
            return b""
        return self._take(min(most, len(self._buffer)))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self.position += count
        return taken

    def _fill(self) -> bool:
        if self._failure is not None:
            raise self._failure
        if not self._ended:
            self._receive()
        return not self._ended

    def _receive(self) -> None:
        try:
            block = self._socket.recv(_BLOCK_BYTES)
        except ssl.SSLEOFError:
            block = b""
            self.ragged = True
        self._buffer += block
        self._ended = not block
