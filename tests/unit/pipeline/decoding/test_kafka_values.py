"""The id and the time of messages that bring none: from the key, the place or a header, the same at every replay."""

from typing import Any

import pyarrow as pa
import pytest

from ingest.commands.dead_letters.index_entry import IndexEntry, Origin
from ingest.commands.dead_letters.republish import record
from ingest.commands.dead_letters.stored import StoredDeadLetter
from ingest.config.load import load
from ingest.pipeline.decoding.header_times import in_nanoseconds
from ingest.pipeline.decoding.kafka_values import id_from_kafka
from ingest.pipeline.rows import RowProcessor
from tests.harness.messages import FakeMessage, Headers

NOW_S = 1_763_900_000.0
AT_S = 1_763_850_000
ROW = b'{"prediction_ts": 1763850000, "prediction_label": "a"}'
WITH_ID = b'{"prediction_id": "7", "prediction_ts": 1763850000, "prediction_label": "a"}'
WITHOUT_TIME = b'{"prediction_id": "1", "prediction_label": "a"}'


def processor(lane: str = "auto", **schema: Any) -> RowProcessor:
    flags = {"kafka": {"topic": "t"}, "arize": {"model_name": "m"}, "schema": schema, "batch": {"lane": lane}}
    return RowProcessor(load(flags=flags).topics[0].routes[0], lambda: NOW_S)


def sent(value: bytes, offset: int = 0, key: bytes | None = b"k", headers: Headers = None) -> FakeMessage:
    return FakeMessage(value, topic="t-1", partition=2, offset=offset, key=key, headers=headers)


@pytest.mark.parametrize("lane", ["auto", "orjson"])
@pytest.mark.parametrize(
    ("source", "wanted"), [("key", "k"), ("offset", "t-1-2-5"), ("headers.ce_id", "last"), ("headers.ce-id", "é")]
)
def test_an_id_fills_in_and_all_ids_are_text(lane: str, source: str, wanted: str) -> None:
    one = processor(lane, prediction_id_from=source)
    headers: Headers = [("ce_id", b"first"), ("ce_id", b"last"), ("ce-id", "é".encode())]
    messages = [
        sent(WITH_ID),
        sent(ROW, 5, headers=headers),
        sent(ROW[:-1] + b', "prediction_id": null}', 5, b"k", headers),
    ]
    for _ in range(3):  # the first time learns the columns
        decoded = one.process(messages)
        assert not decoded.rejected
        assert decoded.table.column("prediction_id").to_pylist() == ["7", wanted, wanted]
    alone = one.process(messages[:1])
    assert alone.table.column("prediction_id").to_pylist() == ["7"]


def test_without_an_id_in_any_message_the_column_is_made() -> None:
    decoded = processor(prediction_id_from="offset").process([sent(ROW, 1), sent(ROW, 2)])
    assert decoded.table.column("prediction_id").to_pylist() == ["t-1-2-1", "t-1-2-2"]


@pytest.mark.parametrize("source", ["key", "offset"])
def test_an_integer_is_text_like_the_ids_from_kafka(source: str) -> None:
    integers = [sent(WITH_ID.replace(b'"7"', b"-7")), sent(ROW, 5)]
    decoded = processor(prediction_id_from=source).process(integers)
    assert decoded.table.column("prediction_id").to_pylist() == ["-7", {"key": "k", "offset": "t-1-2-5"}[source]]


@pytest.mark.parametrize("key", [None, b"", b"\xff"])
def test_a_message_without_an_id_anywhere_is_rejected_alone(key: bytes | None) -> None:
    decoded = processor(prediction_id_from="key").process([sent(ROW, 1, key), sent(ROW, 2), sent(WITH_ID, 3, key)])
    (fault,) = decoded.rejected
    assert (fault.index, fault.reason.code) == (0, "no_kafka_id")
    assert decoded.accepted.tolist() == [1, 2]


def test_an_id_from_kafka_is_as_long_as_any_other() -> None:
    decoded = processor(prediction_id_from="key").process([sent(ROW, key=b"x" * 513)])
    assert [fault.reason.code for fault in decoded.rejected] == ["id_length"]


@pytest.mark.parametrize(
    ("written", "wanted_ns"),
    [
        (b"2025-11-22T22:20:00Z", AT_S * 10**9),
        (b"2025-11-22T23:20:00.123456789+01:00", AT_S * 10**9 + 123_456_789),
        (b"1763850000", AT_S * 10**9),
        (b"1763850000.123456789", AT_S * 10**9 + 123_456_789),
        (b"1.76385e9", AT_S * 10**9),
        (b"1763850000123", AT_S * 10**9 + 123_000_000),
        (b"1763850000123456", AT_S * 10**9 + 123_456_000),
        (b"1763850000123456789", AT_S * 10**9 + 123_456_789),
    ],
)
@pytest.mark.parametrize("lane", ["auto", "orjson"])
def test_a_header_fills_the_time_in(lane: str, written: bytes, wanted_ns: int) -> None:
    one = processor(lane, timestamp_from_kafka="headers.ce_time")
    messages = [sent(WITH_ID), sent(WITHOUT_TIME, headers=[("ce_time", written)])]
    for _ in range(2):
        decoded = one.process(messages)
        assert not decoded.rejected
        assert decoded.table.column("prediction_ts").cast(pa.int64()).to_pylist() == [AT_S * 10**9, wanted_ns]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (None, "missing_column"),
        (b"", "missing_column"),
        (b"yesterday", "bad_timestamp"),
        (b"\xff", "bad_timestamp"),
        (b"1" * 41, "bad_timestamp"),
        (b"7", "timestamp_range"),
        (b"-1e38", "timestamp_range"),
        (b"1e999999999", "timestamp_range"),
    ],
)
def test_a_header_that_is_no_time_rejects_its_message_alone(written: bytes | None, code: str) -> None:
    good = sent(WITHOUT_TIME, headers=[("ce_time", b"1763850000123")])
    bad = sent(WITHOUT_TIME, headers=[("ce_time", written)])
    decoded = processor(timestamp_from_kafka="headers.ce_time").process([good, bad, good, sent(WITH_ID)])
    assert [(fault.index, fault.reason.code) for fault in decoded.rejected] == [(1, code)]
    times = decoded.table.column("prediction_ts").cast(pa.int64()).to_pylist()
    assert times == [AT_S * 10**9 + 123_000_000] * 2 + [AT_S * 10**9]


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        (pa.array([1, None], pa.int64()), [10**9, None]),
        (pa.array([1_763_850_000.123, -0.5]), [1_763_850_000_122_999_907, -500_000_000]),
        (pa.array([2**62, -(2**63)], pa.timestamp("ms", tz="UTC")), [9_200_000_000 * 10**9, -9_200_000_000 * 10**9]),
        (pa.array([1e300, None]), [9_200_000_000 * 10**9, None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_times_in_nanoseconds(times: pa.Array, wanted: list[int | None]) -> None:
    assert in_nanoseconds(times).cast(pa.int64()).to_pylist() == wanted


def letter(headers: list[tuple[str, bytes | None]], offset: int = 5) -> StoredDeadLetter:
    origin = Origin("t-1", 2, offset, 1_763_850_000_123)
    entry = IndexEntry(origin, "not_json", "", None, "2026-01-01T00:00:00.000Z", 0, (0, 0))
    return StoredDeadLetter(entry, b"k", headers, ROW)


def test_a_replayed_dead_letter_has_the_same_id() -> None:
    headers: list[tuple[str, bytes | None]] = [("ce_id", b"7")]
    first = sent(ROW, 5, headers=headers)
    stored = letter(headers)
    replayed = record(stored)
    again = FakeMessage(ROW, topic="t-1", partition=2, offset=99, key=replayed.key, headers=replayed.headers)
    for source in ("key", "offset", "headers.ce_id"):
        assert id_from_kafka(first, source) == id_from_kafka(stored, source) == id_from_kafka(again, source)
    # It is a dead letter once more, with the place of its replay.
    later = record(letter([*headers, ("ingest.origin", b"t-1-2-5")], 99))
    assert [value for name, value in later.headers or () if name == "ingest.origin"] == [b"t-1-2-5"]
