"""Messages in the forms that [format] takes: how producers write them, and what unwrapping makes of them."""

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from ingest.config.format import Format
from ingest.pipeline.formats.unwrap import Unwrapper
from tests.harness.messages import FakeMessage, Headers


def unwrapped(value: bytes | None, *, headers: Headers = None, as_written: bool = False, **keys: Any) -> Any:
    """What becomes of one message: its bytes, None for a tombstone, or the code and detail of the reason."""
    steps = Unwrapper(Format(**keys), as_written=as_written)
    found = steps.unwrap([FakeMessage(value, headers=headers)])
    if found.rejected:
        reason = found.rejected[0].reason
        return reason.code, reason.detail
    return found.values[0]


def zstd(value: bytes) -> bytes:
    """A frame that names its content's size."""
    compressed: bytes = pa.compress(value, codec="zstd", asbytes=True)
    return compressed


def zstd_of_unknown_size(value: bytes) -> bytes:
    """A frame as writers of streams make it."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(value)
    compressed: bytes = sink.getvalue().to_pybytes()
    return compressed


def raw_deflate(value: bytes) -> bytes:
    """Deflate without a header."""
    writer = zlib.compressobj(wbits=-15)
    return writer.compress(value) + writer.flush()


def confluent(value: bytes, schema_id: int = 7) -> bytes:
    """Framed by a serializer of Confluent's."""
    return b"\0" + schema_id.to_bytes(4, "big") + value


# Of every form: the keys of [format], and how a JSON object is written in it.
WRAPPED: Mapping[str, tuple[Mapping[str, Any], Callable[[bytes], bytes]]] = {
    "confluent": ({"framing": "confluent"}, confluent),
    "gzip": ({"compression": "gzip"}, gzip.compress),
    "gzip of members": (
        {"compression": "auto"},
        lambda value: b"".join(gzip.compress(value[at : at + 7]) for at in range(0, len(value), 7)),
    ),
    "zstd": ({"compression": "zstd"}, zstd),
    "zstd of unknown size": ({"compression": "auto"}, zstd_of_unknown_size),
    "zstd of frames": ({"compression": "zstd"}, lambda value: zstd(value[:5]) + zstd_of_unknown_size(value[5:])),
    "zlib": ({"compression": "deflate"}, zlib.compress),
    "zlib found": ({"compression": "auto"}, zlib.compress),
    "raw deflate": ({"compression": "deflate"}, raw_deflate),
    "not compressed": ({"compression": "auto"}, bytes),
    "byte order mark": ({"skip_bom": True}, lambda value: b"\xef\xbb\xbf" + value),
    "string": ({"json_string": True}, lambda value: json.dumps(value.decode()).encode()),
    "string of a string": ({"json_string": True}, lambda value: json.dumps(json.dumps(value.decode())).encode()),
    "connect": ({"envelope": "connect"}, lambda value: b'{"schema": null, "payload": ' + value + b"}"),
    "connect of a string": (
        {"envelope": "connect", "json_string": True},
        lambda value: json.dumps({"schema": {"type": "string"}, "payload": value.decode()}).encode(),
    ),
    "debezium": (
        {"envelope": "debezium"},
        lambda value: b'{"before": {"x": 0}, "op": "u", "after": ' + value + b"}",
    ),
    "debezium with schema": (
        {"envelope": "debezium"},
        lambda value: b'{"schema": {}, "payload": {"op": "c", "before": null, "after": ' + value + b"}}",
    ),
    "payload": ({"payload": "a.b"}, lambda value: b'{"a": {"c": 1, "b": ' + value + b"}}"),
    "everything": (
        {"framing": "confluent", "compression": "gzip", "skip_bom": True, "envelope": "connect", "payload": "p"},
        lambda value: confluent(
            gzip.compress(b'\xef\xbb\xbf{"schema": {}, "payload": {"p": ' + value + b"}}"),
        ),
    ),
}
