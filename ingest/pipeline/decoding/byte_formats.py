"""Formats of bytes that are not JSON text: recognised by their first bytes, each with what to do.

Rules
1. At most the first `HEAD_BYTES` are examined; only the search for what is not UTF-8 reads all.
2. A format is named only where its bytes tell it with confidence; else it is "binary data".
3. The remedy is an option of [format] where one takes the format, else it is the producer's. No text quotes a byte.
4. A message that begins as JSON does is never called another format: something in it is broken.
"""

import re
import zlib
from collections.abc import Callable, Iterator

HEAD_BYTES = 512
BLANKS = b" \t\r\n"

_AROUND = 64  # bytes before and after a position
_AT_PRODUCER = "send the JSON text itself, as UTF-8"
_COMPRESSED = (
    "let the producer send the JSON uncompressed; Kafka's own compression (its compression.type) needs no option here"
)
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (
        b"\xef\xbb\xbf",
        "the message begins with a byte order mark, which JSON does not allow; set [format] skip_bom = true",
    ),
    (b"\xff\xfe\x00\x00", f"it is UTF-32 with a byte order mark; {_AT_PRODUCER}"),
    (b"\x00\x00\xfe\xff", f"it is UTF-32 with a byte order mark; {_AT_PRODUCER}"),
    (b"\xff\xfe", f"it is UTF-16 with a byte order mark; {_AT_PRODUCER}"),
    (b"\xfe\xff", f"it is UTF-16 with a byte order mark; {_AT_PRODUCER}"),
    (b"\x1f\x8b", 'it is compressed with gzip; set [format] compression = "gzip"'),
    (b"\x28\xb5\x2f\xfd", 'it is compressed with zstd; set [format] compression = "zstd"'),
    (b"\x04\x22\x4d\x18", f"it is compressed with lz4, which no option takes; {_COMPRESSED}"),
    (b"\xff\x06\x00\x00sNaPpY", f"it is compressed with snappy, which no option takes; {_COMPRESSED}"),
    (b"\x82SNAPPY\x00", f"it is compressed with snappy, which no option takes; {_COMPRESSED}"),
    (b"BZh", f"it is compressed with bzip2, which no option takes; {_COMPRESSED}"),
    (b"\xfd7zXZ\x00", f"it is compressed with xz, which no option takes; {_COMPRESSED}"),
    (b"PK\x03\x04", f"it is a zip archive, which no option takes; {_COMPRESSED}"),
    (b"Obj\x01", "it is an Avro container file; let the producer send JSON, one object per message"),
    (b"PAR1", "it is a Parquet file; let the producer send JSON, one object per message"),
    (b"\xff\xff\xff\xff", "it looks like Arrow's IPC format; let the producer send JSON, one object per message"),
    (b"\xac\xed\x00\x05", "it is a serialized Java object; use a JSON serializer at the producer"),
)
_FRAME_BYTES, _GLUE_BYTES = 5, 18
_BINARY_DATA = "it is binary data; let the producer send JSON"
_SCHEMA_REGISTRY = "it has the framing of Confluent's Schema Registry (a 0 and 4 bytes of schema id)"
_ZLIB_HEADERS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_OPENING = '{["<-0123456789ntf \t\r\n'
_WORD_BYTES = re.compile(rb"[\x20-\x7e]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def byte_format(value: bytes) -> str:
    """The format that `value` has by its first bytes, and what to do; "" if it may be text in UTF-8 or near it."""
    head = value[:HEAD_BYTES]
    return next(_recognised(head, len(value)), "")


def _recognised(head: bytes, size: int) -> Iterator[str]:
    yield from (words for magic, words in _MAGIC if head.startswith(magic))
    if head.startswith(_ZLIB_HEADERS) and _inflates(head):
        yield 'it is compressed with deflate (zlib); set [format] compression = "deflate"'
    if wide := _wide_text(head):
        yield f"it is {wide} without a byte order mark; {_AT_PRODUCER}"
    if head[:1] == b"\x00" and size > _FRAME_BYTES:
        yield _framed(head)
    if head[:2] in {b"\x03\x00", b"\x03\x05"} and size > _GLUE_BYTES:
        yield "it has the header of AWS Glue's Schema Registry, which no option takes; send plain JSON"
    begins_as_json = head.lstrip(BLANKS)[:1] in {b"{", b"["}
    if not begins_as_json and (_CONTROL.search(head[:64]) or _is_binary(head)):
        yield from (f"it looks like {name}; let the producer send JSON" for name, is_it in _BINARY if is_it(head, size))
        yield _BINARY_DATA


def _inflates(head: bytes) -> bool:
    try:
        return bool(zlib.decompressobj().decompress(head, 16))
    except zlib.error:
        return False


def _wide_text(head: bytes) -> str:
    """UTF-16 or UTF-32 by the zeros around the first two characters, which are ASCII in JSON."""
    for name, width in (("UTF-32", 4), ("UTF-16", 2)):
        for order in ("little", "big"):
            first, second = (int.from_bytes(head[at : at + width], order) for at in (0, width))
            if len(head) >= 2 * width and chr(first & 0x7F) in _OPENING and first < 0x80 and 0x09 <= second < 0x80:
                return name
    return ""


def _framed(head: bytes) -> str:
    """A message that begins with 0."""
    if head[_FRAME_BYTES:].lstrip(BLANKS)[:1] in {b"{", b"["}:
        return f'{_SCHEMA_REGISTRY}; set [format] framing = "confluent"'
    if head[9:].lstrip(BLANKS)[:1] == b"{":
        return "it has a framing of 9 bytes, as Apicurio's registry writes it, which no option takes; send plain JSON"
    if not any(head[:8]):
        return _BINARY_DATA
    return f"{_SCHEMA_REGISTRY}, and Avro or Protobuf behind it; let the producer send JSON (a JSON serializer)"


def _is_binary(head: bytes) -> bool:
    """Text in a one-byte encoding is mostly ASCII; a message of other bytes is none."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start > len(head) - 4 and error.end == len(head):
            return False  # a character is cut by the end of the head
        return sum(byte >= 0x80 for byte in head) * 4 > len(head)
    return False


def _has_word(head: bytes, start: int, length: int) -> bool:
    word = head[start : start + length]
    return 0 < length == len(word) and _WORD_BYTES.fullmatch(word) is not None


def _is_messagepack(head: bytes, _: int) -> bool:
    start = {0xDE: 3, 0xDF: 5}.get(head[0], 1 if 0x81 <= head[0] <= 0x8F else 0)
    if not start or len(head) <= start + 1:
        return False
    kind = head[start]
    if kind == 0xD9:
        return _has_word(head, start + 2, head[start + 1])
    return 0xA1 <= kind <= 0xBF and _has_word(head, start + 1, kind & 0x1F)


def _is_cbor(head: bytes, _: int) -> bool:
    if head.startswith(b"\xd9\xd9\xf7"):
        return True
    if head[0] == 0xBF or 0xA1 <= head[0] <= 0xB7:
        return len(head) > 2 and 0x61 <= head[1] <= 0x77 and _has_word(head, 2, head[1] & 0x1F)
    return False


def _is_bson(head: bytes, size: int) -> bool:
    return len(head) > 5 and int.from_bytes(head[:4], "little") == size and 0x01 <= head[4] <= 0x13


def _is_pickle(head: bytes, _: int) -> bool:
    return len(head) > 2 and head[0] == 0x80 and head[1] in {2, 3, 4, 5} and head[2] in b"\x95}](cXq"


def _is_thrift(head: bytes, _: int) -> bool:
    """Thrift's binary protocol: a field of type string, its id in 2 bytes, its length in 4."""
    return len(head) > 8 and head[0] == 0x0B and head[1] == 0 and _has_word(head, 7, int.from_bytes(head[3:7], "big"))


def _is_protobuf(head: bytes, size: int) -> bool:
    """Protobuf: field 1 is a short text, and a tag follows."""
    if len(head) < 4 or head[0] != 0x0A or not _has_word(head, 2, head[1]):
        return False
    end = 2 + head[1]
    return end == size or (end < len(head) and head[end] & 7 in {0, 1, 2, 5} and 1 <= head[end] >> 3 <= 15)


_BINARY: tuple[tuple[str, Callable[[bytes, int], bool]], ...] = (
    ("a pickled Python object", _is_pickle),
    ("BSON", _is_bson),
    ("Thrift", _is_thrift),
    ("Protobuf", _is_protobuf),
    ("MessagePack", _is_messagepack),
    ("CBOR", _is_cbor),
)


def not_utf8(value: bytes) -> str:
    """Why `value`, which is text by its first bytes, is not UTF-8; "" if it is."""
    try:
        value.decode()
    except UnicodeDecodeError as error:
        at, end = error.start, error.end
    else:
        return ""
    where = f"it is not UTF-8 at byte {at}"
    if value[at] == 0xED and value[at + 1 : at + 2] >= b"\xa0":
        return f"{where}: half of a surrogate pair, as Java's modified UTF-8 and CESU-8 write it; {_AT_PRODUCER}"
    if value[at : at + 2] == b"\xc0\x80":
        return f"{where}: a NUL as Java's modified UTF-8 writes it; {_AT_PRODUCER}"
    if len(value) - at < 4 and end == len(value) and value[at] >= 0xC2:
        return f"{where}, within the last character: the message is cut off"
    if _CONTROL.search(value[max(at - _AROUND, 0) : at + _AROUND]):
        return f"{where}, where it holds binary data; encode that at the producer, for example with base64"
    return f"{where}; it looks like Latin-1 (ISO 8859-1 or Windows-1252): {_AT_PRODUCER}"
