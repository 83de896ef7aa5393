"""Compressed values: inflated within a bound, whole, and checked.

Rules
1. A value inflates to `limit` bytes at most. The bound holds while it inflates: no more than that and a block are ever
   allocated for it.
2. gzip may have several members, zstd several frames. Whatever follows the last one is refused, and so is a value that
   ends too early, or whose checksum does not hold.
3. deflate is zlib's format (RFC 1950) if the first two bytes are its header, else raw (RFC 1951). No encoder writes raw
   deflate that looks like that header: it would be a stored block with padding bits that are not zero.
4. auto goes by the first bytes: gzip 1f 8b, zstd 28 b5 2f fd (or a skippable frame), zlib 78 with a valid check. None
   of them can begin JSON. A value with other first bytes is taken as it stands; raw deflate has none to go by.
"""

import io
import zlib
from collections.abc import Callable

from ingest.config.format import Compression
from ingest.errors import DecodeError
from ingest.pipeline.formats import zstd
from ingest.pipeline.formats.inflated import BLOCK_BYTES, damaged, too_large, trailing, truncated

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS, _ZLIB_WBITS, _RAW_WBITS = 31, 15, -15
_DEFLATE = 8  # the method, in the low bits of zlib's first byte
_USUAL_ZLIB = 0x78  # deflate with a window of 32 KiB
_PIECE_BYTES = 16 * 1024


def inflater(compression: Compression, limit: int) -> Callable[[bytes], bytes]:
    """The step that inflates values. It raises DecodeError (bad_compression, inflated_size)."""
    steps: dict[Compression, Callable[[bytes], bytes]] = {
        "gzip": lambda value: _gzip(value, limit),
        "zstd": lambda value: zstd.inflate(value, limit),
        "deflate": lambda value: _deflate(value, limit),
        "auto": lambda value: _auto(value, limit),
    }
    return steps[compression]


def _gzip(value: bytes, limit: int) -> bytes:
    return _inflate("gzip", value, _GZIP_WBITS, limit)


def _deflate(value: bytes, limit: int) -> bytes:
    return _inflate("deflate", value, _ZLIB_WBITS if _is_zlib(value) else _RAW_WBITS, limit)


def _auto(value: bytes, limit: int) -> bytes:
    if value.startswith(_GZIP_MAGIC):
        return _gzip(value, limit)
    if zstd.begins(value):
        return zstd.inflate(value, limit)
    if _is_zlib(value) and value[0] == _USUAL_ZLIB:
        return _inflate("deflate", value, _ZLIB_WBITS, limit)
    return value


def _is_zlib(value: bytes) -> bool:
    return len(value) > 1 and value[0] & 15 == _DEFLATE and int.from_bytes(value[:2], "big") % 31 == 0


def _inflate(name: str, value: bytes, wbits: int, limit: int) -> bytes:
    # Of BytesIO the bytes are taken without a copy; the input goes in by pieces, so that what is left over is small.
    found, size, at = io.BytesIO(), 0, 0
    view = memoryview(value)
    while True:
        stream = zlib.decompressobj(wbits)
        while not stream.eof:
            piece: bytes | memoryview = stream.unconsumed_tail
            if not piece:
                piece = view[at : at + _PIECE_BYTES]
                at += len(piece)
            try:
                block = stream.decompress(piece, BLOCK_BYTES)
            except zlib.error as error:
                raise DecodeError(damaged(name, str(error).rpartition(": ")[2])) from None
            if not block and not piece:
                raise DecodeError(truncated(name))
            size += len(block)
            if size > limit:
                raise DecodeError(too_large(limit))
            found.write(block)
        at -= len(stream.unused_data)
        if at == len(value):
            return found.getvalue()
        if wbits != _GZIP_WBITS or value[at : at + 2] != _GZIP_MAGIC:
            raise DecodeError(trailing(name))
