"""Timestamps in any unit that producers write, as Arize takes them, without losing a digit.

Rules
1. `s`: numbers of seconds since the epoch, sent as they are (the SDK takes integers and floats of seconds).
2. `ms`, `us`, `ns`: integers of 64 bits, sent as Arrow timestamps of that unit. Nothing is divided, so nothing is
   rounded.
3. `iso8601`: strings with a zone (`Z`, `+02:00`), read to the nanosecond. Without a zone they are UTC, as the config
   says they are timestamps and Arize's are UTC.
4. `auto`: strings are ISO 8601; a number's unit is detected by its size, for the whole column: seconds reach 1e11 in
   the year 5138, milliseconds have passed it since 1973. Rows whose size is of another unit than the column's are
   rejected.
5. A value that can't be read rejects its row; the reason names the column, never the value.

Theory: the SDK's limits (5 years back, 1 year ahead) leave no overlap between the units' ranges.
"""

import contextlib
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from ingest.config.schema import Unit
from ingest.pipeline.decoding.column_types import PAST_INT64

# Where each unit ends: the largest absolute value that is read as it.
_LIMITS: tuple[tuple[Literal["s", "ms", "us", "ns"], float], ...] = (
    ("s", 1e11),
    ("ms", 1e14),
    ("us", 1e17),
    ("ns", float("inf")),
)


@dataclass(frozen=True, slots=True)
class Read:
    """The column as Arize takes it, the rows that can't be read, and the unit used, None where all are null."""

    array: pa.Array
    unread: tuple[int, ...] = ()
    unit: Unit | None = None


def read(array: pa.Array, unit: Unit) -> Read:
    """Convert a timestamp column. Nulls stay nulls; rows in `unread` are null in the result."""
    if array.null_count == len(array):
        return Read(array)
    if pa.types.is_string(array.type):
        return _iso8601(array) if unit in ("auto", "iso8601") else Read(_nulls(array), _all(array), unit)
    if unit == "iso8601" or not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return Read(_nulls(array), _all(array), unit)
    if unit != "auto":
        return _number(array, unit)
    units = [_unit_of(value) for value in _extremes(array)]
    if units[0] == units[1]:
        return _number(array, units[0])
    return _mixed(array)


def _number(array: pa.Array, unit: Literal["s", "ms", "us", "ns"]) -> Read:
    if unit == "s":
        return Read(array, (), unit)
    if pa.types.is_floating(array.type):
        whole = pc.and_(pc.equal(pc.floor(array), array), pc.less(pc.abs(array), PAST_INT64))
        unread = tuple(pc.indices_nonzero(pc.invert(pc.fill_null(whole, fill_value=True))).to_pylist())
        array = pc.if_else(whole, array, None).cast(pa.int64())
        return Read(array.cast(pa.timestamp(unit, tz="UTC")), unread, unit)
    return Read(array.cast(pa.timestamp(unit, tz="UTC")), (), unit)


def _mixed(array: pa.Array) -> Read:
    """Several units in one column: the column has the unit of most rows, and the others are not read."""
    size = _size(array)
    rows_by_unit: list[tuple[int, Literal["s", "ms", "us", "ns"], pa.Array]] = []
    below = -1.0
    for unit, limit in _LIMITS:
        mask = pc.fill_null(pc.and_(pc.greater(size, below), pc.less_equal(size, limit)), fill_value=False)
        rows_by_unit.append((pc.sum(mask).as_py() or 0, unit, mask))
        below = limit
    _, unit, mask = max(rows_by_unit, key=lambda found: found[0])
    others = pc.and_(array.is_valid(), pc.invert(mask))
    found = _number(pc.if_else(mask, array, None), unit)
    unread = (*pc.indices_nonzero(others).to_pylist(), *found.unread)
    return Read(found.array, tuple(sorted(unread)), unit)


def _iso8601(array: pa.Array) -> Read:
    zoned, naive = pa.timestamp("ns", tz="UTC"), pa.timestamp("ns")
    for arrow_type in (zoned, naive):
        with contextlib.suppress(pa.ArrowInvalid):  # some have a zone and some not, or are no timestamps at all
            return Read(array.cast(arrow_type).cast(zoned), (), "iso8601")
    values: list[object] = []
    unread = []
    for row, text in enumerate(array):
        found = None
        for arrow_type in (zoned, naive):
            with contextlib.suppress(pa.ArrowInvalid):
                found = found or text.cast(arrow_type).cast(zoned)
        if found is None and text.is_valid:
            unread.append(row)
        values.append(None if found is None else found.value)
    return Read(pa.array(values, type=pa.int64()).cast(zoned), tuple(unread), "iso8601")


def _unit_of(value: float) -> Literal["s", "ms", "us", "ns"]:
    return next(unit for unit, limit in _LIMITS if abs(value) <= limit)


def _extremes(array: pa.Array) -> tuple[float, float]:
    size = pc.min_max(_size(array))
    return size["min"].as_py(), size["max"].as_py()


def _size(array: pa.Array) -> pa.Array:
    """Magnitudes, to tell units apart: rounding past 2**53 does no harm here."""
    return pc.abs(array.cast(pa.float64(), safe=False))


def _nulls(array: pa.Array) -> pa.Array:
    return pa.nulls(len(array), pa.timestamp("ns", tz="UTC"))


def _all(array: pa.Array) -> tuple[int, ...]:
    return tuple(pc.indices_nonzero(array.is_valid()).to_pylist())
