"""Timestamps in any unit that producers write, as Arize takes them, without losing a digit.

Rules
1. `s`: numbers of seconds since the epoch, sent as they are (the SDK takes integers and floats of seconds).
2. `ms`, `us`, `ns`: integers of 64 bits, sent as Arrow timestamps of that unit. Nothing is divided, so nothing is
   rounded. Floats of whole units are integers. A fraction (`time.time() * 1000`) is rounded to the nearest nanosecond
   of what the double stands for, and the column is sent in nanoseconds.
3. `iso8601`: strings, read to the nanosecond (`timestamp_text`).
4. `auto`: strings are ISO 8601; a number's unit is detected by its size: seconds reach 1e11 in the year 5138,
   milliseconds have passed it since 1973. Each value has its own unit, whatever its neighbours have.
5. A column of one unit is sent in that unit. Where units differ, the column is sent in nanoseconds: the same instants,
   seconds as floats to the nearest nanosecond.
6. A value that can't be read rejects its row; the reason names the column, never the value.

Theory: the SDK's limits (5 years back, 1 year ahead) leave no overlap between the units' ranges. What nanoseconds of 64
bits don't reach becomes their extreme, which those limits refuse as well (`validate`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.config.schema import Unit
from ingest.pipeline.decoding.column_types import PAST_INT64
from ingest.pipeline.decoding.timestamp_text import read_texts

_NumberUnit = Literal["s", "ms", "us", "ns"]
_Ints = npt.NDArray[np.int64]

# Where each unit ends: the largest absolute value that is read as it.
_LIMITS: tuple[tuple[_NumberUnit, float], ...] = (
    ("s", 1e11),
    ("ms", 1e14),
    ("us", 1e17),
    ("ns", float("inf")),
)
_NANOSECONDS: dict[_NumberUnit, int] = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_MOST_NS = 9_200_000_000 * 10**9
_TIME = pa.timestamp("ns", tz="UTC")


@dataclass(frozen=True, slots=True)
class Read:
    """The column as Arize takes it, the rows that can't be read, and the unit of most rows, None where all are null."""

    array: pa.Array
    unread: tuple[int, ...] = ()
    unit: Unit | None = None


def read(array: pa.Array, unit: Unit, odd: Mapping[int, Any] | None = None, zone: tzinfo = UTC) -> Read:
    """Convert a timestamp column. Nulls stay nulls; rows in `unread` are null in the result.

    `odd` has the values of other types than the array's, by row, where the array has a null. Texts without a zone are
    local times of `zone`.
    """
    if odd:
        return _side_by_side(array, unit, odd, zone)
    if array.null_count == len(array):
        return Read(array)
    if pa.types.is_string(array.type) and unit in ("auto", "iso8601"):
        return Read(*read_texts(array, zone), "iso8601")
    if unit == "iso8601" or not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return Read(pa.nulls(len(array), _TIME), _all(array), unit)
    smallest, largest = _extremes(array) if unit == "auto" else (unit, unit)
    return _number(array, smallest) if smallest == largest else _side_by_side(array, unit, {}, zone)


def _number(array: pa.Array, unit: _NumberUnit) -> Read:
    """Numbers of one unit."""
    if unit == "s":
        return Read(array, (), unit)
    unread: tuple[int, ...] = ()
    if pa.types.is_floating(array.type):
        within = pc.less(pc.abs(array), PAST_INT64)
        unread = tuple(pc.indices_nonzero(pc.invert(pc.fill_null(within, fill_value=True))).to_pylist())
        array = pc.if_else(within, array, None)
        if not pc.all(pc.equal(pc.floor(array), array), min_count=0).as_py():
            return Read(_times(array, unit), unread, unit)
        array = array.cast(pa.int64())
    return Read(array.cast(pa.timestamp(unit, tz="UTC")), unread, unit)


def _times(array: pa.Array, unit: _NumberUnit) -> pa.Array:
    """Numbers of one unit in nanoseconds."""
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    numbers = array.fill_null(0).to_numpy()
    factor = _NANOSECONDS[unit]
    most = _MOST_NS // factor
    if pa.types.is_integer(array.type):
        return pa.array(np.clip(numbers, -most, most) * factor, mask=~valid).cast(_TIME)
    # A double of this size has few enough bits behind the point for the product to be exact before it is rounded.
    numbers = np.clip(numbers, -float(most), float(most))
    whole = np.floor(numbers)
    fraction = np.rint((numbers - whole) * factor).astype(np.int64)
    return pa.array(whole.astype(np.int64) * factor + fraction, mask=~valid).cast(_TIME)


def _side_by_side(array: pa.Array, unit: Unit, odd: Mapping[int, Any], zone: tzinfo) -> Read:
    """Values of several units, or of several types: each is read by itself."""
    parts: list[tuple[_Ints, Read]] = []
    for rows, values in _by_type(array, odd):
        for own, mask in _by_unit(values, unit):
            parts.append((rows[mask], read(values.filter(pa.array(mask)), own, None, zone)))
    counts = Counter[Unit]()
    for rows, part in parts:
        counts[part.unit or unit] += len(rows)
    arrow_type = _common_type([part.array.type for _, part in parts])
    places = np.full(len(array), -1, dtype=np.int64)
    places[np.concatenate([rows for rows, _ in parts])] = np.arange(sum(counts.values()))
    together = pa.concat_arrays([_as(part.array, arrow_type) for _, part in parts])
    unread = sorted(int(rows[row]) for rows, part in parts for row in part.unread)
    return Read(together.take(pa.array(places, mask=places < 0)), tuple(unread), counts.most_common(1)[0][0])


def _common_type(types: Sequence[pa.DataType]) -> pa.DataType:
    """The type for all: that of all, floats where some are seconds in floats and some in integers, or nanoseconds."""
    if all(one.equals(types[0]) for one in types):
        return types[0]
    return _TIME if any(map(pa.types.is_timestamp, types)) else pa.float64()


def _as(array: pa.Array, arrow_type: pa.DataType) -> pa.Array:
    if array.type.equals(arrow_type):
        return array
    if arrow_type.equals(_TIME):
        timed = pa.types.is_timestamp(array.type)
        return _times(array.cast(pa.int64()) if timed else array, array.type.unit if timed else "s")
    return array.cast(arrow_type, safe=False)  # integers past 2**53 of seconds are refused anyway


def _by_type(array: pa.Array, odd: Mapping[int, Any]) -> Iterator[tuple[_Ints, pa.Array]]:
    """The values by type, without the nulls, and the row of each."""
    rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    if len(rows):
        yield rows, array.drop_null()
    for python_type, arrow_type in ((int, pa.int64()), (float, pa.float64()), (str, pa.string())):
        own = {row: value for row, value in odd.items() if type(value) is python_type}
        if own:
            yield np.array(list(own), dtype=np.int64), pa.array(list(own.values()), type=arrow_type)


def _by_unit(values: pa.Array, unit: Unit) -> Iterator[tuple[Unit, npt.NDArray[np.bool_]]]:
    """The units of values without nulls, each with a mask of its values."""
    if unit != "auto" or not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        yield "iso8601" if unit == "auto" else unit, np.ones(len(values), dtype=np.bool_)
        return
    size = _size(values).to_numpy()
    below = -1.0
    for own, limit in _LIMITS:
        mask = (size > below) & (size <= limit)
        if mask.any():
            yield own, mask
        below = limit


def _extremes(array: pa.Array) -> tuple[_NumberUnit, _NumberUnit]:
    size = pc.min_max(_size(array))
    return _unit_of(size["min"].as_py()), _unit_of(size["max"].as_py())


def _unit_of(size: float) -> _NumberUnit:
    return next(unit for unit, limit in _LIMITS if size <= limit)


def _size(array: pa.Array) -> pa.Array:
    """Magnitudes, to tell units apart: rounding past 2**53 does no harm here."""
    return pc.abs(array.cast(pa.float64(), safe=False))


def _all(array: pa.Array) -> tuple[int, ...]:
    return tuple(pc.indices_nonzero(array.is_valid()).to_pylist())
