"""Timestamps of every spelling, to the last digit."""

from datetime import UTC, datetime

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


def test_a_fraction_of_a_millisecond_is_refused_where_milliseconds_are_said() -> None:
    found = read(pa.array([1763850000123.5, 1763850000123.0]), "ms")
    assert found.unread == (0,)
    assert found.array.cast(pa.int64()).to_pylist() == [None, 1763850000123]


def test_the_unit_of_most_rows_is_the_columns() -> None:
    found = read(pa.array([1763850000, 1763850000123, None, 1763850000124]), "auto")
    assert found.unit == "ms"
    assert found.unread == (0,)
    assert found.array.cast(pa.int64()).to_pylist() == [None, 1763850000123, None, 1763850000124]


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


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("number", [1e300, -1e300, 2.0**63])
def test_a_number_past_64_bits_is_not_read_and_breaks_nothing(unit: Unit, number: float) -> None:
    found = read(pa.array([number, 1e12]), unit)
    assert found.unread == (0,)
    assert found.array.cast(pa.int64()).to_pylist() == [None, 10**12]
