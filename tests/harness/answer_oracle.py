"""What an answer is by RFC 9112, read from all of its bytes at once: the oracle of `ingest.pipeline.arize.answer`.

Deliberately another way of reading: regular expressions over the whole, no stream and no state.
"""

import gzip
import json
import re
import zlib
from dataclasses import dataclass

_HEAD = re.compile(rb"\A((?:[^\r\n]+\r?\n)+)\r?\n")
_STATUS = re.compile(rb"HTTP/(1\.[0-9]|0\.9) +([1-9][0-9][0-9])( [^\n]*)?\Z")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)\Z", re.DOTALL)
_CHUNK = re.compile(rb"\A([0-9a-fA-F]{1,15})[ \t]*(;[^\r\n]*)?\r?\n")


@dataclass(frozen=True)
class Whole:
    status: int
    body: bytes
    coding: bytes

    @property
    def acknowledges(self) -> bool:
        if not 200 <= self.status < 300:
            return False
        body = self.body
        for coding in reversed([one.strip().lower() for one in self.coding.split(b",")]):
            if coding in (b"", b"identity") or not body:
                continue
            if coding not in (b"gzip", b"x-gzip"):
                return False
            try:
                body = gzip.decompress(body)
            except (OSError, EOFError, zlib.error):
                return False
        text = body.decode("utf-8", "replace").strip().removeprefix("\ufeff").strip()
        if not text:
            return True
        try:
            json.loads(text)
        except ValueError:
            return False
        return True


def read(data: bytes, *, ends: bool) -> Whole | None:
    """The answer if `data` holds a whole one; `ends` says that the connection then ended in order."""
    while True:
        head = _HEAD.match(data)
        if head is None:
            return None
        data = data[head.end() :]
        first, *lines = [line.removesuffix(b"\r") for line in head[1].removesuffix(b"\n").split(b"\n")]
        status = _STATUS.match(first)
        fields = _fields(lines)
        if status is None or fields is None:
            return None
        code = int(status[2])
        if code >= 200 or code == 101:
            break
    coding = b",".join(value for name, value in fields if name == b"content-encoding")
    body = b"" if code in (101, 204, 304) else _body(data, fields, ends=ends)
    return None if body is None else Whole(code, body, coding)


def _body(data: bytes, fields: list[tuple[bytes, bytes]], *, ends: bool) -> bytes | None:
    codings = _elements(fields, b"transfer-encoding")
    codings = [one for one in codings if one.lower() not in (b"", b"identity")]
    lengths = _elements(fields, b"content-length")
    if codings:
        return _chunks(data) if [one.lower() for one in codings] == [b"chunked"] else None
    if lengths:
        if not all(re.fullmatch(rb"[0-9]{1,18}", one) for one in lengths) or len(set(map(int, lengths))) > 1:
            return None
        size = int(lengths[0])
        return data[:size] if len(data) >= size else None
    return data if ends else None


def _fields(lines: list[bytes]) -> list[tuple[bytes, bytes]] | None:
    unfolded: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and unfolded:
            unfolded[-1] += b" " + line
        else:
            unfolded.append(line)
    found = [_FIELD.match(line) for line in unfolded]
    if None in found:
        return None
    return [(field[1].lower(), field[2].decode("latin-1").strip().encode("latin-1")) for field in found if field]


def _elements(fields: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    values = [value for found, value in fields if found == name]
    return [one.decode("latin-1").strip().encode("latin-1") for value in values for one in value.split(b",")]


def _chunks(data: bytes) -> bytes | None:
    body = b""
    while found := _CHUNK.match(data):
        size, data = int(found[1], 16), data[found.end() :]
        if not size:
            trailer = _HEAD.match(b"0\r\n" + data)
            if trailer is None:
                return None
            lines = [line.removesuffix(b"\r") for line in trailer[1].removesuffix(b"\n").split(b"\n")]
            return body if _fields(lines[1:]) is not None else None
        if data[size : size + 2] != b"\r\n":
            return None
        body, data = body + data[:size], data[size + 2 :]
    return None
