"""The time of a message in a header of its own, as CloudEvents in binary mode have it.

Rules
1. The time in a header is ISO 8601 text as in a message, or a number in JSON's grammar of s, ms, us or ns since 1970,
   each by its own size. [schema] timestamp_unit is about the messages' own.
2. All times of the column are in nanoseconds then, so that its type doesn't depend on who brings one; what nanoseconds
   of 64 bits don't reach becomes their extreme, which is out of Arize's range as well.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from ingest.config.schema import Unit
from ingest.pipeline.decoding.kafka_values import header, text
from ingest.pipeline.decoding.timestamps import read
from ingest.records import KafkaMessage

_NANOSECONDS = pa.timestamp("ns", tz="UTC")
_PER_SECOND: Mapping[Unit, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MOST_CHARACTERS = 40
_MOST_S = 9_200_000_000
_MOST_NS = _MOST_S * 10**9


def times_from_header(messages: Sequence[KafkaMessage], name: str) -> tuple[pa.Array, Sequence[int]]:
    """The times in a header, in nanoseconds; null where there is none. And the rows where it is no time."""
    found: list[int | None] = [None] * len(messages)
    unread: list[int] = []
    texts: dict[int, str] = {}
    units: dict[int, Unit] = {}
    for row, message in enumerate(messages):
        if not (raw := header(message.headers(), name)):
            continue
        if (written := text(raw)) is None:
            unread.append(row)
        elif len(written) <= _MOST_CHARACTERS and _NUMBER.fullmatch(written):
            found[row] = _nanoseconds(written, units)
        else:
            texts[row] = written
    if texts:
        times = read(pa.array(texts.values(), pa.string()), "iso8601").array.cast(pa.int64()).to_pylist()
        for row, time_ns in zip(texts, times, strict=True):
            found[row] = time_ns
        unread += [row for row in texts if found[row] is None]
    return pa.array(found, pa.int64()).cast(_NANOSECONDS), sorted(unread)


def in_nanoseconds(times: pa.Array) -> pa.Array:
    """A timestamp column as `read` makes it, in nanoseconds; seconds as floats to the nearest one."""
    if pa.types.is_null(times.type):
        return times.cast(_NANOSECONDS)
    if pa.types.is_floating(times.type):
        whole = pc.floor(times)
        parts = pc.round(pc.multiply(pc.subtract(times, whole), 1e9)).cast(pa.int64())
        return pc.add(pc.multiply(_within(whole, 1).cast(pa.int64()), 10**9), parts).cast(_NANOSECONDS)
    unit: Unit = times.type.unit if pa.types.is_timestamp(times.type) else "s"
    per_second = _PER_SECOND[unit]
    return pc.multiply(_within(times.cast(pa.int64()), per_second), 10**9 // per_second).cast(_NANOSECONDS)


def _within(numbers: pa.Array, per_second: int) -> pa.Array:
    most = pa.scalar(_MOST_S * per_second, numbers.type)
    return pc.max_element_wise(pc.min_element_wise(numbers, most, skip_nulls=False), pc.negate(most), skip_nulls=False)


def _nanoseconds(written: str, units: dict[int, Unit]) -> int:
    """Of a number in its unit; `units` has those found, by the power of ten, as no unit ends between two of these."""
    value = Decimal(written)
    power = min(max(value.adjusted(), 0), 20)
    if power not in units:
        units[power] = read(pa.array([5.0 * 10.0**power]), "auto").unit or "s"
    if value.adjusted() > power:
        return _MOST_NS if value > 0 else -_MOST_NS
    return max(-_MOST_NS, min(_MOST_NS, round(value * 10**9 / _PER_SECOND[units[power]])))
