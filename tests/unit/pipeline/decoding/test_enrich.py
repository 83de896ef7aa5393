"""Columns that are not in the message."""

from typing import Any

import pyarrow as pa
import pytest

from ingest.config.schema import Schema, Unit
from ingest.pipeline.decoding.enrich import enrich
from tests.harness.messages import NO_TIMESTAMP, FakeMessage, Headers

CREATED = (1, 1_763_850_000_123)


def sent(key: bytes | None = b"key", headers: Headers = (), timestamp: tuple[int, int] = CREATED) -> FakeMessage:
    return FakeMessage(partition=3, offset=2**40, key=key, headers=headers, timestamp=timestamp)


def batch(**columns: list[object]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def test_nothing_asked_for_changes_nothing() -> None:
    table = batch(a=[1, None], b=["x", "y"])
    assert enrich(table, [sent(), sent()], Schema()).table.equals(table)


def test_kafkas_values_and_constants_are_columns() -> None:
    added = Schema(
        kafka={"partition": "p", "offset": "o", "timestamp": "t", "key": "k", "headers.trace": "h"},
        constants={"pipeline": "v3", "weight": 0.5, "live": True},
    )
    headers: list[tuple[str, str | bytes | None]] = [("trace", b"1"), ("other", b"x"), ("trace", b"2")]
    messages = [sent(headers=headers), sent(key=b"\xff", timestamp=NO_TIMESTAMP)]
    found = enrich(batch(a=[1, 2]), messages, added)
    assert not found.rejected
    assert found.table.to_pydict() == {
        "a": [1, 2],
        "p": [3, 3],
        "o": [2**40, 2**40],
        "t": [1_763_850_000_123, None],
        "k": ["key", None],
        "h": ["2", None],
        "pipeline": ["v3", "v3"],
        "weight": [0.5, 0.5],
        "live": [True, True],
    }


def test_a_message_may_not_bring_an_added_column_itself() -> None:
    found = enrich(batch(a=[1, 2], p=[None, 7]), [sent(), sent()], Schema(kafka={"partition": "p"}))
    assert [(fault.index, fault.reason.code) for fault in found.rejected] == [(1, "reserved_column")]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ([1_763_850_000.5, None], [1_763_850_000.5, 1_763_850_000.123]),
        ([1_763_850_000, None], [1_763_850_000.0, 1_763_850_000.123]),
    ],
)
def test_kafkas_timestamp_fills_in_seconds(written: list[object], wanted: list[float]) -> None:
    added = Schema(timestamp="ts", timestamp_from_kafka=True)
    found = enrich(batch(ts=written), [sent(), sent()], added)
    assert found.table.to_pydict() == {"ts": wanted}


def test_kafkas_timestamp_fills_in_exact_units_and_whole_columns() -> None:
    added = Schema(timestamp="ts", timestamp_from_kafka=True)
    nanoseconds = 1_763_850_000_123_456_789
    found = enrich(batch(ts=[nanoseconds, None]), [sent(), sent()], added)
    assert found.table.column("ts").cast(pa.int64()).to_pylist() == [nanoseconds, 1_763_850_000_123_000_000]
    whole = enrich(batch(a=[1]), [sent()], added)
    assert whole.table.column("ts").cast(pa.int64()).to_pylist() == [1_763_850_000_123]


def test_a_row_without_any_timestamp_is_refused() -> None:
    added = Schema(timestamp="ts", timestamp_from_kafka=True)
    found = enrich(batch(ts=[1_763_850_000, None]), [sent(), sent(timestamp=NO_TIMESTAMP)], added)
    assert [(fault.index, fault.reason.code) for fault in found.rejected] == [(1, "missing_column")]


def test_what_is_no_timestamp_is_refused_without_its_value() -> None:
    found = enrich(batch(ts=["secret", "2026-11-23"]), [sent(), sent()], Schema(timestamp="ts"))
    assert [(fault.index, fault.reason.code) for fault in found.rejected] == [(0, "bad_timestamp")]
    assert "secret" not in found.rejected[0].reason.detail
    assert found.unit == "iso8601"


@pytest.mark.parametrize(
    ("values", "unit", "looks"),
    [
        ([1_763_850_000_123], "iso8601", '; the value looks like "ms"'),
        ([1_763_850_000], "iso8601", '; the value looks like "s"'),
        (["2026-11-23"], "ms", '; the value looks like "iso8601"'),
        (["yesterday"], "ms", ""),
        (["yesterday"], "auto", ""),
    ],
)
def test_a_value_that_another_unit_would_read_names_it(values: list[Any], unit: Unit, looks: str) -> None:
    (refused,) = enrich(batch(ts=values), [sent()], Schema(timestamp="ts", timestamp_unit=unit)).rejected
    assert refused.reason.detail == f'"ts" is no timestamp ([schema] timestamp_unit is "{unit}"){looks}'


def test_kafkas_timestamp_fills_gaps_beside_any_number() -> None:
    table = pa.RecordBatch.from_pydict({"at": pa.array([2**63 - 1, None], pa.int64())})
    found = enrich(table, [sent(), sent()], Schema(timestamp="at", timestamp_unit="s", timestamp_from_kafka=True))
    assert found.table.column("at").to_pylist()[1] == 1_763_850_000.123


@pytest.mark.parametrize("written", [[1_763_850_000, None], [1_763_850_000.5, None], ["2026-11-23T10:00:00Z", None]])
@pytest.mark.parametrize("far", [2**62, -(2**63)])
def test_a_timestamp_in_kafka_that_is_too_far_away_breaks_nothing(written: list[object], far: int) -> None:
    found = enrich(
        batch(ts=written), [sent(), sent(timestamp=(1, far))], Schema(timestamp="ts", timestamp_from_kafka=True)
    )
    assert not found.rejected
    assert found.table.column("ts").null_count == 0
