"""Timestamps as producers write them."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.config.zones import zone
from ingest.pipeline.decoding.timestamp_text import instant_ns, read_texts

AT = datetime(2026, 11, 28, 10, 15, tzinfo=UTC)
BERLIN = zone("Europe/Berlin")


def ns(moment: datetime, fraction: int = 0) -> int:
    return round(moment.timestamp()) * 10**9 + fraction


SAME = [
    "2026-11-28T10:15:00Z", "2026-11-28T10:15Z", "2026-11-28 10:15:00Z", "2026-11-28t10:15:00z", "20261128T101500Z",
    "20261128T1015Z", "2026-11-28T101500Z", " 2026-11-28T10:15:00Z\n", "2026-11-28 10:15:00 UTC",
    "2026-11-28 10:15:00 GMT", "2026-11-28T10:15:00UTC", "2026-11-28 10:15:00 +0000", "2026-11-28 10:15:00 +00",
    "2026-11-28 10:15:00 +0000 UTC", "2026-11-28T12:15:00+02:00", "2026-11-28T12:15:00 +02", "2026-11-28T04:45:00-0530",
    "2026-11-28T10:15:00Z[UTC]", "2026-11-28T11:15:00+01:00[Europe/Berlin]", "2026-11-28T10:15:00Z[Etc/GMT+1]",
    "2026-11-28T11:15:00 +0100 CET", "2026-11-28T10:15:00.0Z", "2026-11-28T10:15:00,000Z", "2026-11-28T10:15:00",
    "2026-11-28 10:15",
]  # fmt: skip


@pytest.mark.parametrize("text", SAME)
def test_one_instant_in_many_forms(text: str) -> None:
    assert instant_ns(text) == ns(AT)
    found, unread = read_texts(pa.array([text, None, "20261128T101500Z"]))
    assert (found.cast(pa.int64()).to_pylist(), unread) == ([ns(AT), None, ns(AT)], ())


@pytest.mark.parametrize(
    ("digits", "fraction"),
    [
        ("5", 500_000_000), ("25", 250_000_000), ("1234567", 123_456_700), ("123456789", 123_456_789),
        ("000000001", 1), ("1234567891", 123_456_789), ("999999999999", 999_999_999),
    ],
)  # fmt: skip
def test_a_fraction_is_read_to_the_nanosecond_and_cut_off_there(digits: str, fraction: int) -> None:
    for mark in ".,":
        assert instant_ns(f"2026-11-28T10:15:00{mark}{digits}Z") == ns(AT, fraction)


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "20261128", "1784517300", "2026-11", "2026-02-29", "2026-13-01T00:00:00Z", "2026-11-28T24:00:00Z",
        "2026-11-28T10:60:00Z", "2026-11-28T10:15:61Z", "2026-11-28T10:15:00.Z", "2026-11-28T10:15:00+24:00",
        "2026-11-28T10:15:00+02:60", "2026-11-28T10:15:00[Europe/Berlin]", "2026-11-28T10:15:00Z[Europe/Berlin",
        "2026-11-28Z", "2026-W48-6", "2026-332", "2026-11-28T1:15", "0000-01-01", "9999-12-31T00:00:00Z",
        "1600-01-01T00:00:00Z", "+2026-11-28", "2026-11-28T10:15:00 PST", "28.11.2026", "٢٠٢٦-11-28", "2026-1128",
        "2026-11-28T10:15:00Z Z", "2026-11-28T10:15:60Z", "2026-11-28T10:15:00Z\x00",
    ],
)  # fmt: skip
def test_other_texts_are_not_read(text: str) -> None:
    assert instant_ns(text) is None
    assert read_texts(pa.array(["2026-11-28T10:15:00Z", text]))[1] == (1,)


def test_a_leap_second_is_the_second_after_it() -> None:
    assert instant_ns("2016-12-31T23:59:60.5Z") == ns(datetime(2017, 1, 1, tzinfo=UTC), 500_000_000)
    assert instant_ns("2017-01-01T08:59:60+09:00") == ns(datetime(2017, 1, 1, tzinfo=UTC))
    assert instant_ns("2026-11-28T23:59:60Z") is None


@given(
    st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)),  # noqa: DTZ001  local ones
    st.sampled_from(["", "Z", "+05:30", "-0330", "+01"]),
    st.sampled_from(["%Y-%m-%d", "%Y-%m-%d %H", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"]),
)
def test_arrow_reads_the_same(moment: datetime, tail: str, form: str) -> None:
    """Arrow's way is taken for plain texts; it must not depend on the neighbours which way it was."""
    text = moment.strftime(form) + (tail if "H" in form else "")
    alone, _ = read_texts(pa.array([text]))
    other, unread = read_texts(pa.array([text, "20261128T101500Z"]))
    assert unread == ()
    assert alone.cast(pa.int64())[0].as_py() == other.cast(pa.int64())[0].as_py() == instant_ns(text)


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "-03:30", "UTC"])
@given(moment=st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)))  # noqa: DTZ001  local ones
def test_a_text_without_a_zone_is_local_time(name: str, moment: datetime) -> None:
    there = zone(name)
    moment = moment.replace(microsecond=0)
    text = str(moment)
    wanted = moment.replace(tzinfo=there)
    is_time = wanted.astimezone(UTC).astimezone(there).replace(tzinfo=None) == moment
    plain, unread = read_texts(pa.array([text, None]), there)
    assert unread == (() if is_time else (0,))
    assert plain.cast(pa.int64()).to_pylist() == [ns(wanted) if is_time else None, None]
    assert instant_ns(text, there) == (ns(wanted) if is_time else None)
    assert instant_ns(text + "Z", there) == ns(moment.replace(tzinfo=UTC))


def test_of_a_time_that_comes_twice_the_first_is_taken_and_one_that_clocks_skip_is_none() -> None:
    summer = timezone(timedelta(hours=2))
    assert instant_ns("2026-10-25 02:30:00", BERLIN) == ns(datetime(2026, 10, 25, 2, 30, tzinfo=summer))
    assert instant_ns("2026-03-29 02:30:00", BERLIN) is None
    texts = pa.array(["2026-10-25 02:30:00.5", "2026-03-29 02:30:00", None, "2026-03-29 03:00:00"])
    found, unread = read_texts(texts, BERLIN)
    assert unread == (1,)
    assert found.cast(pa.int64()).to_pylist() == [
        ns(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 500_000_000),
        None,
        None,
        ns(datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ]


def test_the_ends_of_time_break_nothing() -> None:
    texts = pa.array(["2262-04-11T23:47:16", "1677-09-21T00:12:44", "2026-11-28T10:15:00"])
    _, unread = read_texts(texts, BERLIN)
    assert set(unread) <= {0, 1}
    assert instant_ns("0001-01-01", zone("+14:00")) is None
    assert instant_ns("9999-12-31T23:59", zone("-12:00")) is None
