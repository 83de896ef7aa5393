"""The HTTP side of the local Arize endpoint: it stores uploads in the journal, answers them, and plays faults.

    POST /v1/pandas_arrow   what the arize SDK sends; 200 only after the rows are durable
    POST /control           {"faults": [...], "seed": 7, "api_key": "..."}: replaces the values that are given
    GET  /stats             counters, as JSON
    any  /elsewhere         the target of redirects: answers 200 to any request, stores nothing

The body goes from the socket to the journal's file in blocks and is checked through a memory map, so a large
upload costs no memory.
"""

import json
import select
import socket
import struct
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import FileIO
from typing import Any

import pyarrow as pa

from ingest.sandbox.arize_schema import RefusedError, check_columns, check_rows, decode
from ingest.sandbox.endpoint import ClientDisconnectedError, Endpoint
from ingest.sandbox.fault_injection import Fault, Measures

UPLOAD = "/v1/pandas_arrow"
BLOCK_BYTES = 1 << 20
_ACCEPTED = {"realTimeIngestionUri": ""}
_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in</body></html>"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Endpoint

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server fixes this signature
        """Log nothing: the counters have the same information."""

    def do_POST(self) -> None:
        """Take an upload or a control request."""
        if self.path == UPLOAD:
            with self.server.open_upload() as concurrent:
                self._upload(concurrent)
        elif self.path == "/control":
            self._control()
        else:
            self._other()

    def do_GET(self) -> None:
        """Answer the counters, or as the target of a redirect."""
        if self.path == "/stats":
            self._answer(200, self.server.stats(), counted=False)
        else:
            self._other()

    do_PUT = do_DELETE = do_GET  # noqa: N815  http.server calls them by these names

    def _other(self) -> None:
        self._read_body(None)
        if self.path.startswith("/elsewhere"):
            self.server.count("elsewhere")
            self._answer(200, _ACCEPTED)
        else:
            known = f"POST {UPLOAD}, POST /control, GET /stats"
            self._answer(405 if self.path == UPLOAD else 404, {"message": f"unknown path; known: {known}"})

    def _control(self) -> None:
        try:
            self.server.control(json.loads(self.rfile.read(_number(self.headers.get("Content-Length")))))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._answer(400, {"message": str(error)}, counted=False)
        else:
            self._answer(200, self.server.stats(), counted=False)

    def _upload(self, concurrent: int) -> None:
        self.server.count("requests")
        rows, nbytes = (_number(self.headers.get(name)) for name in ("number-of-rows", "Content-Length"))
        measures = Measures(rows, nbytes, concurrent)
        fault = self.server.fault_at_head(measures)
        if fault is not None and fault.kind == "latency" and fault.seconds is not None:
            time.sleep(fault.seconds)
        if fault is not None and not fault.stores:
            self._read_body(None, fault.after_bytes if fault.kind == "reset" else None)
            self._play(fault)
            return
        part = self.server.journal.spool()
        try:
            self._read_body(part)
            self._check_credentials()
            table = self._check(part, measures.rows)
            fault = fault or self.server.fault_by_content(table, measures)
            if fault is None or fault.stores:
                self.server.store(part, table)
        except RefusedError as refused:
            self.server.count("refused")
            self._answer(refused.status, {"message": str(refused)})
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            # Part of the body may be unread: the connection can't be used again.
            self.close_connection = True
            self._answer(500, {"message": f"the journal can't be written: {error.strerror}"})
        else:
            if fault is None or fault.kind == "latency":
                self._answer(200, _ACCEPTED)
            else:
                self._play(fault)
        finally:
            if not part.closed:
                self.server.journal.drop(part)

    def _check_credentials(self) -> None:
        key, space = self.headers.get("authorization", ""), self.headers.get("arize-space-id", "")
        if not key or (self.server.api_key and key != self.server.api_key):
            raise RefusedError("the authorization header is not a known API key", HTTPStatus.UNAUTHORIZED)
        if not space or (self.server.space_id and space != self.server.space_id):
            raise RefusedError("the arize-space-id header is not a known space", HTTPStatus.FORBIDDEN)

    def _check(self, part: FileIO, rows: int) -> pa.Table:
        try:
            with pa.memory_map(str(part.name)) as source, pa.ipc.open_stream(source) as stream:
                message = decode(stream.schema)
                check_columns(message, stream.schema)
                table = stream.read_all()
                for batch in table.to_batches():
                    batch.validate(full=True)
                    check_rows(message, batch, time.time())
        except pa.ArrowInvalid as error:
            raise RefusedError(f"the body is not a valid Arrow stream: {error}") from None
        if table.num_rows != rows:
            raise RefusedError(f"the number-of-rows header is {rows}, but the stream holds {table.num_rows} rows")
        return table

    def _play(self, fault: Fault) -> None:
        """Answer as `fault` defines. The body has been read, and the rows are stored if the fault stores them."""
        play: Callable[[Fault], None] = getattr(self, f"_play_{fault.kind}")
        play(fault)

    def _play_status(self, fault: Fault) -> None:
        headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
        self._answer(fault.status, {"message": fault.text}, headers)

    def _play_redirect(self, fault: Fault) -> None:
        own = f"http://{self.server.server_address[0]!s}:{self.server.port}/elsewhere"
        self._answer(fault.status, {"message": fault.text}, {"Location": fault.location or own})

    def _play_stall(self, fault: Fault) -> None:
        self.close_connection = True
        if not self._client_disconnects(fault.seconds):
            self._answer(200, _ACCEPTED)

    def _play_drip(self, fault: Fault) -> None:
        self.close_connection = True
        head, body = self._rendered(200, _ACCEPTED, {})
        self.wfile.write(head)
        for byte in body:
            if self._client_disconnects(fault.seconds):
                break
            self.wfile.write(bytes([byte]))

    def _play_reset(self, _fault: Fault) -> None:
        self._reset()

    def _play_truncate(self, _fault: Fault) -> None:
        self.close_connection = True
        head, body = self._rendered(200, _ACCEPTED, {})
        self.wfile.write(head + body[: len(body) // 2])

    def _play_cut(self, fault: Fault) -> None:
        head, body = self._rendered(200, _ACCEPTED, {})
        self.close_connection = True
        self.wfile.write((head + body)[: fault.after_bytes])
        if fault.ending == "reset":
            self._reset()
        elif fault.ending == "open":
            self._client_disconnects(None)

    def _play_portal(self, fault: Fault) -> None:
        status = fault.status or 200
        head = f"HTTP/1.1 {status} Portal\r\nContent-Type: text/html\r\nContent-Length: {len(_PAGE)}\r\n\r\n"
        self.wfile.write(head.encode() + _PAGE)

    def _play_interim(self, fault: Fault) -> None:
        for status in (100, fault.status or 102):
            self.wfile.write(f"HTTP/1.1 {status} Interim\r\nLink: </elsewhere>\r\n\r\n".encode())
        self._answer(200, _ACCEPTED)

    def _play_length(self, fault: Fault) -> None:
        self.close_connection = True
        body = json.dumps(_ACCEPTED).encode()
        self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {fault.length}\r\n\r\n".encode("latin-1") + body)

    def _play_leftover(self, _fault: Fault) -> None:
        head, body = self._rendered(200, _ACCEPTED, {})
        self.wfile.write((head + body) * 2)

    def _client_disconnects(self, within_s: float | None) -> bool:
        """Wait for the client to disconnect, at most `within_s` seconds; returns whether it did."""
        readable, _, _ = select.select([self.connection], [], [], within_s)
        return bool(readable)

    def _reset(self) -> None:
        self.close_connection = True
        # With a linger of 0 s, closing sends RST; shutdown() would send FIN first, so the socket is closed here.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def _read_body(self, into: FileIO | None, at_most: int | None = None) -> None:
        """Read the body into a file, or discard it; at most `at_most` bytes. Raises `ClientDisconnectedError`."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline(1024).split(b";")[0] or b"0", 16):
                self._copy(size, into)
                self.rfile.readline(3)
                if at_most is not None:
                    return
            while self.rfile.readline(65_536).strip():
                continue
            return
        length = _number(self.headers.get("Content-Length"))
        self._copy(length if at_most is None else min(length, at_most), into)

    def _copy(self, size: int, into: FileIO | None) -> None:
        block = memoryview(bytearray(min(size, BLOCK_BYTES)))
        while size:
            got = self.rfile.readinto1(block[: min(size, len(block))])
            if not got:
                raise ClientDisconnectedError
            size -= got
            view = block[:got]
            while into is not None and view:
                view = view[into.write(view) :]

    def _answer(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None, *, counted: bool = True
    ) -> None:
        head, content = self._rendered(status, body, headers or {})
        if counted:
            with self.server.lock:
                self.server.answers[status] += 1
        self.wfile.write(head + content)

    def _rendered(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> tuple[bytes, bytes]:
        content = json.dumps(body).encode()
        reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Injected"
        lines = [
            f"HTTP/1.1 {status} {reason}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
            *(f"{name}: {value}" for name, value in headers.items()),
            *(["Connection: close"] if self.close_connection else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1"), content


def _number(header: str | None) -> int:
    return int(header) if header is not None and header.isdecimal() else 0
