"""Timestamps of every spelling, to the last digit."""

import math
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.schema import Unit
from ingest.pipeline.decoding.timestamps import read

SECONDS = st.integers(1_000_000_000, 4_000_000_000)  # 2001 to 2096


@given(
    st.lists(SECONDS | st.none(), min_size=1), st.sampled_from([("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
)
def test_a_number_keeps_its_instant_in_any_unit(values: list[int | None], unit: tuple[Unit, int]) -> None:
    name, factor = unit
    scaled = [None if value is None else value * factor + factor - 1 for value in values]
    for asked in (name, "auto"):
        found = read(pa.array(scaled, type=pa.int64()), asked)
        assert found.unread == ()
        assert found.array.cast(pa.int64()).to_pylist() == scaled
        if any(value is not None for value in values):
            assert found.unit == name


def test_floats_of_seconds_stay_as_they_are() -> None:
    found = read(pa.array([1763850000.123, None]), "auto")
    assert found.array.to_pylist() == [1763850000.123, None]
    assert found.unit == "s"


@pytest.mark.parametrize("asked", ["auto", None])
@pytest.mark.parametrize(
    ("unit", "number", "instant"),
    [
        ("ms", 1795820762233.592, 1_795_820_762_233_592_041),
        ("ms", 1763850000123.5, 1_763_850_000_123_500_000),
        ("us", 1795820762233592.25, 1_795_820_762_233_592_250),
        ("ns", 1.795820762233592e18, 1_795_820_762_233_592_064),
    ],
)
def test_a_fraction_keeps_what_the_double_holds(unit: Unit, number: float, instant: int, asked: Unit | None) -> None:
    assert round(Fraction(number) * {"ms": 10**6, "us": 10**3, "ns": 1}[unit]) == instant
    found = read(pa.array([number, None, float(math.floor(number))], type=pa.float64()), asked or unit)
    assert (found.unread, found.unit) == ((), unit)
    assert found.array.cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()).to_pylist()[:2] == [instant, None]


SPELLINGS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "s": (pa.int64(), [1763850000]),
    "s in floats": (pa.float64(), [1763850000.5]),
    "ms": (pa.timestamp("ms", tz="UTC"), [1763850000123]),
    "us": (pa.timestamp("us", tz="UTC"), [1763850000123456]),
    "ns": (pa.timestamp("ns", tz="UTC"), [1763850000123456789]),
    "text": (pa.timestamp("ns", tz="UTC"), ["2025-11-22T22:20:00.123Z"]),
}


@pytest.mark.parametrize("one", SPELLINGS)
@pytest.mark.parametrize("other", SPELLINGS)
def test_units_side_by_side_keep_their_instants(one: str, other: str) -> None:
    alone: list[int | None] = []
    for name in (one, other):
        arrow_type, values = SPELLINGS[name]
        found = read(pa.array(values), "auto")
        assert (found.unread, found.array.type) == ((), arrow_type)
        alone.append(nanoseconds(found.array)[0])
    ours, theirs = SPELLINGS[one][1][0], SPELLINGS[other][1][0]
    beside = read(pa.array([ours, None, None]), "auto", {2: theirs})
    assert beside.unread == ()
    assert nanoseconds(beside.array) == [alone[0], None, alone[1]]
    if SPELLINGS[one][0] == SPELLINGS[other][0]:
        assert beside.array.type == SPELLINGS[one][0]


def nanoseconds(array: pa.Array) -> list[int | None]:
    """Seconds as numbers are rounded to the nearest nanosecond."""
    if pa.types.is_timestamp(array.type):
        return list(array.cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()).to_pylist())
    return [round(Fraction(value) * 10**9) if value is not None else None for value in array.to_pylist()]


def test_a_value_that_nanoseconds_do_not_reach_breaks_nothing() -> None:
    found = read(pa.array([10**11, 1763850000123, -(2**63)]), "auto")
    assert found.unread == ()
    assert nanoseconds(found.array) == [9_200_000_000 * 10**9, 1763850000123 * 10**6, -(2**63)]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-23T10:00:00Z", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23T10:00:00.250+02:00", datetime(2026, 11, 23, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-23 10:00:00", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_iso_8601_with_and_without_a_zone_also_side_by_side(text: str, instant: datetime) -> None:
    nanoseconds = int(instant.timestamp()) * 10**9 + instant.microsecond * 1000
    assert read(pa.array([text]), "auto").array.cast(pa.int64()).to_pylist() == [nanoseconds]
    mixed = read(pa.array([text, "2026-11-23T10:00:00Z", "2026-11-23", "yesterday", None]), "iso8601")
    assert mixed.array.cast(pa.int64()).to_pylist()[0] == nanoseconds
    assert mixed.unread == (3,)


def test_nanoseconds_of_a_text_are_kept() -> None:
    found = read(pa.array(["2026-11-23T10:00:00.123456789Z"]), "auto")
    assert found.array.cast(pa.int64()).to_pylist() == [1_795_428_000_123_456_789]


@pytest.mark.parametrize(
    ("values", "unit"),
    [(["2026-11-23"], "ms"), ([1763850000], "iso8601"), ([True], "auto"), (["9999-12-31T00:00:00Z"], "auto")],
)
def test_what_is_none_is_not_read(values: list[object], unit: Unit) -> None:
    found = read(pa.array(values), unit)
    assert found.unread == (0,)
    assert found.array.to_pylist() == [None]


def test_a_negative_number_decides_about_no_other() -> None:
    found = read(pa.array([-1.7e12, 1763850000.0, 1.7e12]), "auto")
    assert nanoseconds(found.array) == [-17 * 10**17, 1763850000 * 10**9, 17 * 10**17]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("number", [1e300, -1e300, 2.0**63])
def test_a_number_past_64_bits_is_not_read_and_breaks_nothing(unit: Unit, number: float) -> None:
    found = read(pa.array([number, 1e12]), unit)
    assert found.unread == (0,)
    assert found.array.cast(pa.int64()).to_pylist() == [None, 10**12]
