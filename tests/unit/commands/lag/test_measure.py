"""The lag of a partition tells what can be read, what waits for a transaction, and what holds no message."""

import io
import json
from datetime import UTC, datetime

from rich.console import Console

from ingest.commands.lag.measure import PartitionLag, partition_lag
from ingest.commands.lag.text import as_json, as_table
from ingest.config.sections import Kafka
from ingest.pipeline.kafka.peek import Peeked
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import Counts, PartitionEnd
from tests.harness.messages import FakeMessage

KAFKA = Kafka(topic="rides", group="g")
NOON_MS = 1_784_548_800_000


def at(offset: int, timestamp_ms: int = NOON_MS) -> Peeked:
    return Peeked(FakeMessage(b"{}", partition=0, offset=offset, timestamp=(1, timestamp_ms)))


def lag(
    end: PartitionEnd,
    committed: int = 100,
    *,
    low: int = 0,
    oldest: Peeked | None = None,
    held_back: Peeked | None = None,
) -> PartitionLag:
    return partition_lag(
        0,
        Checkpoint(committed, Counts(committed)),
        low=low,
        end=end,
        start_offset=max(committed, low),
        oldest=oldest,
        held_back=held_back,
        now=NOON_MS / 1000 + 60,
    )


def shown(row: PartitionLag) -> str:
    stream = io.StringIO()
    Console(file=stream, width=220).print(as_table(KAFKA, [row], 220))
    return stream.getvalue()


def test_what_is_behind_an_open_transaction_is_lag_and_is_named() -> None:
    row = lag(PartitionEnd(100, 170), held_back=at(100))
    assert (row.lag, row.held_back, row.stable_offset, row.end_offset) == (70, 70, 100, 170)
    assert row.held_back_since_ms == NOON_MS
    assert "open transaction, first message 2026-07-20 12:00:00Z" in shown(row)
    assert "unknown" not in shown(row)
    found = json.loads(as_json(KAFKA, [row], datetime.now(UTC)))
    assert (found["lag"], found["held_back"], found["oldest_age_s"]) == (70, 70, None)


def test_a_part_of_the_lag_can_be_read() -> None:
    row = lag(PartitionEnd(150, 170), oldest=at(100), held_back=at(150))
    assert (row.lag, row.held_back, row.oldest_age_s, row.no_message) == (70, 20, 60.0, False)
    assert "open transaction" in shown(row)


def test_a_lag_of_control_records_holds_no_message() -> None:
    row = lag(PartitionEnd(170, 170), oldest=Peeked())
    assert (row.lag, row.held_back, row.no_message, row.oldest_age_s) == (70, 0, True, None)
    assert "no message in the lag" in shown(row)
    assert "unknown" not in shown(row)


def test_a_partition_that_does_not_answer_is_not_called_empty() -> None:
    row = lag(PartitionEnd(170, 170), oldest=None)
    assert row.no_message is False
    assert "the age of the oldest message is unknown" in shown(row)


def test_a_group_that_a_tool_moved_to_the_high_watermark_is_not_past_the_end() -> None:
    row = lag(PartitionEnd(100, 170), committed=170)
    assert (row.lag, row.held_back, row.commit_invalid) == (0, 0, False)
    assert lag(PartitionEnd(100, 170), committed=171).commit_invalid


def test_what_was_removed_is_not_lag_and_may_have_been_settled() -> None:
    row = lag(PartitionEnd(170, 170), low=120, oldest=at(120))
    assert (row.lag, row.expired_offsets) == (50, 20)
    assert "20 offsets removed from the log before the commit" in shown(row)
