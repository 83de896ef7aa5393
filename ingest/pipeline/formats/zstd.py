"""zstd: the frames of a value, and what is in them.

Rules
1. The frames are found by their headers (RFC 8878, 3.1) before anything is inflated, so a value that ends too early or
   has something behind it is refused by its structure.
2. A frame that names its content's size is refused by that size, or inflated into exactly as many bytes. A frame
   without it is inflated in blocks, and counted.
3. A decoder needs memory for a frame's window too. It may be as large as the bound, or the 8 MiB that each decoder
   should take (RFC 8878, 3.1.1.1.2).
4. Skippable frames hold no data. Frames that need a dictionary are refused.
"""

import io
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from ingest.errors import DecodeError
from ingest.pipeline.formats.inflated import BLOCK_BYTES, damaged, too_large, trailing, truncated
from ingest.reasons import Reason

_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte from 50 to 5f
_WINDOW_BYTES = 8 * 2**20
_CHECKSUM_BYTES = 4
_OFFSET_OF_TWO_BYTES = 256  # a size in two bytes is that of more than one byte could tell
_RLE, _RESERVED = 1, 3  # types of blocks
_DICTIONARY = Reason("bad_compression", "[format] compression: its zstd data was made with a dictionary")


class _Frame(NamedTuple):
    """A frame's place in the value, the size of its content if it names it, and its window in bytes."""

    start: int
    end: int
    content_bytes: int | None
    window_bytes: int


def begins(value: bytes) -> bool:
    """The value begins with a zstd frame."""
    return value.startswith(_MAGIC) or _is_skippable(value[:4])


def inflate(value: bytes, limit: int) -> bytes:
    """What is in the frames, `limit` bytes at most. Raises DecodeError (bad_compression, inflated_size)."""
    frames = list(_frames(value))
    if not frames:
        raise DecodeError(truncated("zstd"))
    known = sum(frame.content_bytes or 0 for frame in frames)
    if known > limit or any(frame.window_bytes > max(limit, _WINDOW_BYTES) for frame in frames):
        raise DecodeError(too_large(limit))
    buffer = pa.py_buffer(value)
    try:
        if len(frames) == 1 and frames[0].content_bytes:
            return _whole(buffer, frames[0])
        found = io.BytesIO()
        for frame in frames:
            if frame.content_bytes:
                found.write(_whole(buffer, frame))
            else:
                _write_blocks(buffer, frame, found, limit)
            if found.tell() > limit:
                raise DecodeError(too_large(limit))
        return found.getvalue()
    except (OSError, pa.ArrowException) as error:
        raise DecodeError(damaged("zstd", str(error).rpartition(": ")[2])) from None


def _whole(buffer: pa.Buffer, frame: _Frame) -> bytes:
    data = buffer.slice(frame.start, frame.end - frame.start)
    inflated: bytes = pa.decompress(data, decompressed_size=frame.content_bytes, codec="zstd", asbytes=True)
    return inflated


def _write_blocks(buffer: pa.Buffer, frame: _Frame, found: io.BytesIO, limit: int) -> None:
    data = pa.BufferReader(buffer.slice(frame.start, frame.end - frame.start))
    with pa.CompressedInputStream(data, "zstd") as stream:
        while found.tell() <= limit and (block := stream.read(BLOCK_BYTES)):
            found.write(block)


def _is_skippable(magic: bytes) -> bool:
    return magic[1:] == _SKIPPABLE and magic[0] >> 4 == 5


def _frames(value: bytes) -> Iterator[_Frame]:
    """The frames with data. Raises DecodeError (bad_compression)."""
    at = 0
    while at < len(value):
        magic = value[at : at + 4]
        if _is_skippable(magic):
            at += 8 + _number(value, at + 4, 4)
            if at > len(value):
                raise DecodeError(truncated("zstd"))
        elif magic == _MAGIC:
            frame = _frame(value, at)
            at = frame.end
            yield frame
        else:
            raise DecodeError(trailing("zstd") if at else damaged("zstd", "no frame begins it"))


def _frame(value: bytes, start: int) -> _Frame:
    descriptor = _number(value, start + 4, 1)
    at = start + 5
    single_segment = bool(descriptor >> 5 & 1)
    window_bytes = 0
    if not single_segment:
        window = _number(value, at, 1)
        at += 1
        base = 1 << (10 + (window >> 3))
        window_bytes = base + base // 8 * (window & 7)
    if descriptor & 3:
        raise DecodeError(_DICTIONARY)
    size_bytes = (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
    content_bytes = None
    if size_bytes:
        content_bytes = _number(value, at, size_bytes) + (_OFFSET_OF_TWO_BYTES if size_bytes == 2 else 0)
        at += size_bytes
        window_bytes = min(window_bytes, content_bytes)
    end = _end_of_blocks(value, at) + (_CHECKSUM_BYTES if descriptor >> 2 & 1 else 0)
    if end > len(value):
        raise DecodeError(truncated("zstd"))
    return _Frame(start, end, content_bytes, window_bytes)


def _end_of_blocks(value: bytes, at: int) -> int:
    while True:
        block = _number(value, at, 3)
        kind = block >> 1 & 3
        if kind == _RESERVED:
            raise DecodeError(damaged("zstd", "a block of a reserved type"))
        at += 3 + (1 if kind == _RLE else block >> 3)
        if block & 1:
            return at


def _number(value: bytes, at: int, size: int) -> int:
    if at + size > len(value):
        raise DecodeError(truncated("zstd"))
    return int.from_bytes(value[at : at + size], "little")
