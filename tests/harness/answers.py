"""Right answers to an upload, and what is not one."""

JSON = b'{"realTimeIngestionUri": "https://a/b"}'
HTML = b"<!DOCTYPE html><html><body>Sign in to the Wi-Fi</body></html>"


def answer(body: bytes = JSON, *headers: str, status: str = "200 OK", length: int | str | None = None) -> bytes:
    framing = f"Content-Length: {len(body) if length is None else length}"
    lines = [f"HTTP/1.1 {status}", framing, *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def unframed(body: bytes = JSON, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nServer: x\r\n\r\n".encode() + body


CHUNKED = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na;x=y\r\n{"real": "\r\n3\r\nb"}\r\n0\r\nX-Trailer: t\r\n\r\n'
)
FRAMED = {
    "length": answer(),
    "chunks": CHUNKED,
    "length 0": answer(b""),
    "204": b"HTTP/1.1 204 No Content\r\nDate: Mon\r\n\r\n",
    "1xx first": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
    b"Link: </a>\r\n\r\n" + answer(b"{}"),
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
}
OPEN_ENDED = {"to the end": unframed(b'{"a": 1}'), "1.0 to the end": b"HTTP/1.0 201 Created\r\n\r\n[1]"}
