"""Reads one HTTP/1.1 answer: it is complete by RFC 9112, section 8, or an exception is raised.

`http.client` takes the end of a connection for the end of a head, of a chunk's line and of a trailer, gives 102 and 103
out as final, and reads on to the end of the connection where a Content-Length is no number.

Rules
1. A head, a chunk's line and a trailer end with their empty line or line end. Where the connection ends instead, the
   answer is incomplete.
2. 1xx but 101 are interim: skipped, as many as come. All heads of an answer together are bounded.
3. The body ends by chunks, else by Content-Length, else with the connection: 204, 304 and 101 have none. A length that
   is not plain digits, or two that differ, or another Transfer-Encoding than chunked, is malformed.
4. A connection ends in order by FIN, under TLS by close_notify; never by our own cut. A missing close_notify is
   accepted where `bears_ragged_end` allows it, and for answers that acknowledge nothing.
5. A body over BODY_BYTES_MOST is no acknowledgement's; of other answers the beginning is kept, for people to read.
6. A connection is used again only if all about the answer was regular, and nothing has come after it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse, RemoteDisconnected
from io import BytesIO

from ingest.pipeline.arize.acknowledgement import BODY_BYTES_MOST, Evidence, UndecodableError, decoded
from ingest.pipeline.arize.answer_stream import AnswerStream, IncompleteAnswerError, MalformedAnswerError

_HEAD_BYTES_MOST = 2**20
_HEADERS_MOST = 200
_LAST_CHUNK = b"0\r\n\r\n"
_BLOCK_BYTES = 65_536
_STATUS_LINE = re.compile(r"HTTP/(1\.[0-9]|0\.9) +([1-9][0-9]{2})(?: ([^\r]*))?")
_HEADER_NAME = re.compile(r"[!-9;-~]+")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r]*)?")


@dataclass(slots=True)
class Exchange:
    """One request, as far as it was sent, and what came of it.

    `due_bytes` of the body are still to be sent; None where the body goes in chunks.
    """

    due_bytes: int | None = 0
    head_sent: bool = False
    sent_whole: bool = False
    bears_ragged_end: bool = False
    evidence: Evidence | None = None

    def is_last(self, data: bytes) -> bool:
        """`data`, which is sent next, ends the request. The first piece is the head."""
        if self.due_bytes is None:
            return data == _LAST_CHUNK
        if self.head_sent:
            self.due_bytes -= len(data)
        self.head_sent = True
        return self.due_bytes <= 0


class Answer(HTTPResponse):
    """The answer of an exchange. Its whole body is here once `begin` returns, decoded."""

    def __init__(
        self,
        exchange: Exchange,
        stream: AnswerStream,
        cut_off: Callable[[], bool],
        _sock: object,
        debuglevel: int = 0,
        method: str | None = None,
    ) -> None:
        """As http.client makes one, but for the first three; `cut_off` returns whether we ended the connection."""
        super().__init__(stream, debuglevel, method)  # type: ignore[arg-type]  # it only asks it for a file
        self._exchange = exchange
        self._stream = stream
        self._cut_off = cut_off

    def begin(self) -> None:
        """Read the answer. Raises `IncompleteAnswerError`, `MalformedAnswerError`, `OSError`."""
        starts = self._read_head()
        body, framed = self._read_body()
        undecodable = ""
        try:
            body = decoded(body, ", ".join(self.headers.get_all("Content-Encoding", [])))
        except UndecodableError as fault:
            body, undecodable = b"", str(fault)
        early = self._stream.is_early(starts)
        regular = framed and self._exchange.sent_whole and not early and not self._stream.holds_more
        self.will_close = self._check_close() or not regular  # type: ignore[attr-defined]
        self._present(body)
        self._exchange.evidence = Evidence(self.status, body, self._exchange.sent_whole, early, undecodable)

    def _present(self, body: bytes) -> None:
        """From here on it is a body of known length, for http.client, urllib3 and requests alike."""
        for name in ("Transfer-Encoding", "Content-Encoding", "Content-Length"):
            del self.headers[name]
        self.headers["Content-Length"] = str(len(body))
        self.chunked = False
        self.length = len(body)
        self.fp = BytesIO(body)  # type: ignore[assignment]  # http.client only reads and closes it

    # --- the head ----------------------------------------------------------------------------------

    def _read_head(self) -> int:
        """Take the final status and its headers; the position in the stream at which it began."""
        first = self._stream.position
        while True:
            starts = self._stream.position
            try:
                self._read_status_line()
                headers = self._read_fields(first + _HEAD_BYTES_MOST)
            except IncompleteAnswerError:
                if self._stream.arrived == first:
                    raise RemoteDisconnected("the connection ended without an answer") from None
                raise IncompleteAnswerError("the answer ended within its head") from None
            if self.status >= 200 or self.status == 101:
                self.headers = self.msg = HTTPMessage()
                for name, value in headers:
                    self.headers[name] = value
                return starts

    def _read_status_line(self) -> None:
        found = _STATUS_LINE.fullmatch(self._stream.line().decode("latin-1"))
        if found is None:
            raise MalformedAnswerError("the answer does not begin with a status line of HTTP/1")
        self.version = 10 if found[1] in ("1.0", "0.9") else 11
        self.code = self.status = int(found[2])
        self.reason = (found[3] or "").strip()

    def _read_fields(self, until: int) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = []
        while line := self._stream.line():
            if self._stream.position > until or len(fields) >= _HEADERS_MOST:
                raise MalformedAnswerError("the answer's head is too long")
            text = line.decode("latin-1")
            if "\r" in text:
                raise MalformedAnswerError("the answer's head has a line that is broken by a carriage return")
            if text[0] in " \t" and fields:
                name, value = fields[-1]
                fields[-1] = name, f"{value} {text.strip()}".strip()
                continue
            name, colon, value = text.partition(":")
            if not colon or not _HEADER_NAME.fullmatch(name.rstrip(" \t")):
                raise MalformedAnswerError("the answer's head has a line that is no header")
            fields.append((name.rstrip(" \t"), value.strip()))
        return fields

    # --- the body ----------------------------------------------------------------------------------

    def _read_body(self) -> tuple[bytes, bool]:
        """The body as it was on the wire, and whether the connection is where the next answer would begin."""
        pieces, framed = self._framing()
        succeeds = 200 <= self.status < 300
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > BODY_BYTES_MOST:
                if succeeds:
                    text = f"HTTP {self.status} whose body is longer than {BODY_BYTES_MOST // 1024} KiB"
                    raise MalformedAnswerError(f"{text}; that is no acknowledgement")
                return bytes(body[:BODY_BYTES_MOST]), False
        return bytes(body), framed

    def _framing(self) -> tuple[Iterator[bytes], bool]:
        codings = _list(self.headers.get_all("Transfer-Encoding", []))
        codings = [coding for coding in codings if coding.lower() not in ("", "identity")]
        lengths = _list(self.headers.get_all("Content-Length", []))
        if self.status in (101, 204, 304):
            return iter(()), self.status != 101
        if codings:
            if [coding.lower() for coding in codings] != ["chunked"]:
                raise MalformedAnswerError("the answer has a Transfer-Encoding other than chunked")
            return self._chunks(), not lengths and self.version == 11
        if self.headers.get("Content-Length") is None:
            return self._until_the_end(), False
        if not all(map(_LENGTH.fullmatch, lengths)) or len({int(length) for length in lengths}) != 1:
            raise MalformedAnswerError("the answer's Content-Length is not one number")
        return self._exactly(int(lengths[0])), True

    def _exactly(self, count: int) -> Iterator[bytes]:
        while count:
            piece = self._stream.some(min(count, _BLOCK_BYTES))
            if not piece:
                raise IncompleteAnswerError(f"the answer ended {count} bytes before its end")
            count -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        try:
            while size := self._chunk_size():
                yield from self._exactly(size)
                if b"".join(self._exactly(2)) != b"\r\n":
                    raise MalformedAnswerError("a chunk of the answer is longer than it says")
            self._read_fields(self._stream.position + _HEAD_BYTES_MOST)  # the trailer
        except IncompleteAnswerError:
            raise IncompleteAnswerError("the answer ended before its last chunk did") from None

    def _chunk_size(self) -> int:
        found = _CHUNK_SIZE.fullmatch(self._stream.line())
        if found is None:
            raise MalformedAnswerError("a chunk of the answer does not begin with its size")
        return int(found[1], 16)

    def _until_the_end(self) -> Iterator[bytes]:
        while piece := self._stream.some(_BLOCK_BYTES):
            yield piece
        if self._stream.ragged and 200 <= self.status < 300 and not self._exchange.bears_ragged_end:
            raise IncompleteAnswerError("the answer ended without TLS's close_notify: it may be cut")
        if self._cut_off():
            # Our own end of the connection looks like the peer's.
            raise IncompleteAnswerError("the answer had not ended at the deadline")


def _list(values: list[str]) -> list[str]:
    """The elements of a header that may be given several times, or once as a list."""
    return [element.strip() for value in values for element in value.split(",")]
