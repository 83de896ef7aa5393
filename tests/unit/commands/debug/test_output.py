"""Each record of a trace is written as plain text and as one JSON line."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from ingest.commands.debug.json_lines import EVENTS, JsonOutput
from ingest.commands.debug.text import TextOutput
from ingest.commands.debug.trace import (
    BatchTrace,
    Cell,
    ChunkTrace,
    ColumnTrace,
    CommitTrace,
    MessageTrace,
    Note,
    Timing,
    TraceRecord,
    TraceStart,
    TraceSummary,
    UploadTrace,
)
from tests.harness.messages import FakeMessage


def sent(value: bytes | None) -> FakeMessage:
    return FakeMessage(
        value,
        partition=7,
        offset=12345,
        key=b"\x00\xff",
        headers=[("trace", b"abc"), ("empty", None)],
        timestamp=(1, 1_784_548_800_000),
    )


START = TraceStart(
    brokers="b:9092",
    topic="predictions",
    partition=7,
    partition_count=32,
    low_offset=0,
    stable_offset=20_000,
    end_offset=20_000,
    group="ingest",
    committed_next_offset=12_345,
    lag=7_655,
    acknowledged=12_000,
    dead_lettered=345,
    settled_above=12,
    start_offset=12_345,
    start_reason="where group ingest continues",
    limit=10,
    reading_group="ingest-debug-1",
    send=False,
    commit=False,
)
RECORDS: list[tuple[TraceRecord, list[str]]] = [
    (replace(START, stable_offset=19_000), ["offsets from 19000 on are behind an open transaction"]),
    (START, ["committed next offset 12345, lag 7,655", "12,000 acknowledged, 345 dead-lettered", "12 messages above"]),
    (
        MessageTrace(
            message=sent(b'{"a": [bold]1}'), verdict="accepted", cells=[Cell(name="a", type="int64", value=1)]
        ),
        ["offset 12345  14 bytes", "ACCEPTED", "[bold]1", "a  int64  1", "key      b'\\x00\\xff'"],
    ),
    (
        MessageTrace(message=sent(None), verdict="rejected", reason="tombstone", detail="the message has no value"),
        ["REJECTED", "tombstone: the message has no value", "(none: a tombstone)"],
    ),
    (MessageTrace(message=sent(b"{}"), verdict="settled"), ["SETTLED", "skipped"]),
    (
        MessageTrace(
            message=sent(b"\x1f\x8b"),
            verdict="accepted",
            unwrapped=b'{"a": 1}',
            steps=("compression gzip", "payload p"),
        ),
        ["2 bytes", "value after compression gzip, payload p", '"a": 1'],
    ),
    (
        MessageTrace(
            message=sent(b'{"op": "d"}'), verdict="rejected", reason="tombstone", steps=("envelope debezium",)
        ),
        ["value    (none after envelope debezium: a tombstone)"],
    ),
    (
        ChunkTrace(
            messages=3,
            first_offset=5,
            last_offset=9,
            raw_bytes=100,
            accepted=1,
            settled=1,
            rejected={"not_json": 1},
            widened=[("a", "integer", "float")],
            poll_s=0.25,
            decode_s=0.5,
            nulled={"b": 2, "c": 1},
            ignored={"d": 4},
        ),
        [
            "made null   3 (b 2, c 1) by [schema.conflicts]",
            "not sent    4 (d 4) by [schema] unknown",
        ],
    ),
    (
        ChunkTrace(
            messages=3,
            first_offset=5,
            last_offset=9,
            raw_bytes=100,
            accepted=1,
            settled=1,
            rejected={"not_json": 1},
            widened=[("a", "integer", "float")],
            poll_s=0.25,
            decode_s=0.5,
        ),
        ["polled 3 messages, offsets 5 to 9", "1 (not_json 1)", "was integer, is float", "poll 250.0 ms"],
    ),
    (
        BatchTrace(
            number=1,
            rows=1,
            raw_bytes=10,
            columns=[ColumnTrace(name="a", type="int64", role="feature", nulls=0, example=1)],
            schema={"feature_column_names": ["a"]},
            upload={"endpoint": "http://x"},
            to_dataframe_s=0.1,
        ),
        ["a       int64  feature  0      1", "feature_column_names  1: a", "http://x"],
    ),
    (
        UploadTrace(rows=2, answer="RetryableError", detail="HTTP 503", worker_action="A worker would", seconds=1.0),
        ["NOT ACKNOWLEDGED: RetryableError", "HTTP 503", "A worker would"],
    ),
    (
        UploadTrace(rows=2, answer="acknowledged", detail="", worker_action="", seconds=1.0),
        ["Arize acknowledged 2 rows"],
    ),
    (
        CommitTrace(dead_letters=2, dead_letter_store="dead", next_offset=9, committed=True, detail=""),
        ["wrote 2 dead letters to dead", "committed next offset 9"],
    ),
    (
        CommitTrace(dead_letters=0, dead_letter_store="dead", next_offset=9, committed=False, detail="another process"),
        ["NO CONFIRMED COMMIT: another process"],
    ),
    (Note(text="a sentence"), ["a sentence"]),
    (
        TraceSummary(
            messages=3,
            accepted=2,
            settled=0,
            rejected={},
            acknowledged=0,
            position=12,
            group="ingest",
            committed_next_offset=None,
            lag=None,
            timings=[Timing(step="poll", count=3, seconds=0.001)],
            stop_reason="--limit is 3",
        ),
        ["3 messages read: --limit is 3", "nothing committed", "poll  3     1.0 ms"],
    ),
]


@pytest.mark.parametrize(("record", "expected"), RECORDS)
def test_each_record_is_plain_text_off_a_terminal(record: TraceRecord, expected: list[str]) -> None:
    stream = io.StringIO()
    TextOutput(stream).write(record)
    shown = stream.getvalue()
    assert "\x1b" not in shown
    assert [text for text in expected if text not in shown] == [], shown


@pytest.mark.parametrize(("record", "expected"), RECORDS)
def test_each_record_is_one_json_line(record: TraceRecord, expected: list[str]) -> None:
    stream = io.StringIO()
    JsonOutput(stream).write(record)
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    assert expected
    assert found["event"] == EVENTS[type(record)]
    if isinstance(record, MessageTrace):
        assert (found["offset"], found["key"]) == (12345, {"base64": "AP8="})
        assert found["headers"] == [["trace", "abc"], ["empty", None]]


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(text)


@pytest.mark.parametrize("kind", [TextOutput, JsonOutput])
def test_output_whose_reader_went_away_is_closed_and_raises_nothing(kind: type[TextOutput] | type[JsonOutput]) -> None:
    output = kind(Broken())
    assert not output.closed
    output.write(Note(text="a"))
    output.write(Note(text="b"))
    assert output.closed


def test_the_unwrapped_value_is_in_the_json_where_there_are_steps() -> None:
    stream = io.StringIO()
    output = JsonOutput(stream)
    output.write(MessageTrace(message=sent(b"\xff"), verdict="accepted", unwrapped=b"{}", steps=("payload p",)))
    output.write(MessageTrace(message=sent(b"{}"), verdict="accepted"))
    unwrapped, plain = map(json.loads, stream.getvalue().splitlines())
    assert (unwrapped["value"], unwrapped["unwrapped"], unwrapped["steps"]) == ({"base64": "/w=="}, "{}", ["payload p"])
    assert not plain.keys() & {"unwrapped", "steps"}
