"""The offsets of a partition that lie between two times.

Rules
1. A time is looked up by Kafka: the first offset whose message has that timestamp or a later one. So reading from a
   time on misses no message of that time or later. Reading up to a time ends at the first message that is as late.
2. Timestamps of CreateTime are the producers' own and may be out of order: then the range also holds messages that are
   earlier than its begin, and messages of the range's time that come after its end offset are not in it. With
   LogAppendTime the brokers' clock sets them in order.
3. If no message is as late as the time, its offset is the end (high watermark) of now.
4. Messages behind an open transaction count: they are looked up with the isolation level read_uncommitted.
5. Without a begin the range begins at the low watermark, without an end it ends at the high watermark of now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka import client, metadata
from ingest.pipeline.kafka.client import AdminClient, IsolationLevel, OffsetSpec, TopicPartition
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import PartitionEnd
from ingest.time_range import TimeRange, text_of

_REQUEST_S = 10.0


@dataclass(frozen=True, slots=True)
class FoundOffset:
    """The first offset at or after a time, and the timestamp there (epoch milliseconds; None if unknown)."""

    offset: int
    timestamp_ms: int | None


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The offsets `first` <= offset < `next_offset` of a partition.

    `removed` offsets below them are no longer in the log, and Kafka can't tell whether they were of the range's time;
    0 if the log shows that they weren't. The log begins with a message of `log_begins_ms` (None if unknown).
    """

    first: int
    next_offset: int
    removed: int = 0
    log_begins_ms: int | None = None

    @property
    def offsets(self) -> int:
        """How many offsets lie in the range; with gaps there are fewer messages."""
        return self.next_offset - self.first


def offsets_at(kafka: Kafka, partitions: Iterable[int], timestamp_ms: int) -> dict[int, FoundOffset]:
    """The first offset at or after a time by partition; those with no message as late are missing.

    Raises FatalError (exit code KAFKA).
    """
    admin = client.admin(kafka)
    what = f"the offsets of {text_of(timestamp_ms)} in topic {kafka.topic}"
    return metadata.ask_until_answered(kafka, what, partial(_ask, admin, kafka.topic, tuple(partitions), timestamp_ms))


def _ask(admin: AdminClient, topic: str, partitions: tuple[int, ...], timestamp_ms: int) -> dict[int, FoundOffset]:
    wanted = {TopicPartition(topic, partition): OffsetSpec.for_timestamp(timestamp_ms) for partition in partitions}
    if not wanted:
        return {}
    asked = admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_REQUEST_S)
    answers = {each.partition: future.result(2 * _REQUEST_S) for each, future in asked.items()}
    return {
        partition: FoundOffset(found.offset, found.timestamp if found.timestamp >= 0 else None)
        for partition, found in answers.items()
        if found.offset >= 0
    }


def offset_ranges(
    kafka: Kafka, span: TimeRange, lows: Mapping[int, int], ends: Mapping[int, PartitionEnd]
) -> dict[int, OffsetRange]:
    """The range of each partition of `lows` (low watermarks). Raises FatalError (exit code KAFKA)."""
    begins = {} if span.from_ms is None else offsets_at(kafka, lows, span.from_ms)
    untils = {} if span.until_ms is None else offsets_at(kafka, lows, span.until_ms)
    return {
        partition: offset_range(span, low, ends[partition].end_offset, begins.get(partition), untils.get(partition))
        for partition, low in lows.items()
    }


def offset_range(
    span: TimeRange, low: int, end: int, begin: FoundOffset | None, until: FoundOffset | None
) -> OffsetRange:
    """The range of one partition with this low and high watermark, from the answers to its two times."""
    # Messages may have come, or have been removed, between the questions.
    next_offset = min(until.offset, end) if until is not None else end
    if span.from_ms is None:
        return OffsetRange(min(low, next_offset), next_offset)
    if begin is None:
        return OffsetRange(next_offset, next_offset)
    first = max(begin.offset, low)
    removed = low if begin.offset <= low else 0
    return OffsetRange(min(first, next_offset), next_offset, removed, begin.timestamp_ms if removed else None)


def check_group(
    kafka: Kafka,
    span: TimeRange,
    ranges: Mapping[int, OffsetRange],
    committed: Mapping[int, Checkpoint | None],
    lows: Mapping[int, int],
) -> None:
    """Check that the commits of a group that the user has named lie in the ranges.

    Raises FatalError (exit code USAGE): committed offsets win over the range's begin, so that a group of another range
    would pass messages over.
    """
    if not span.named_group:
        return
    for partition, mark in sorted(committed.items()):
        found = ranges[partition]
        if mark is None or mark.next_offset < lows[partition] or found.first <= mark.next_offset <= found.next_offset:
            continue
        raise FatalError(
            f"group {kafka.group} is at offset {mark.next_offset} of topic {kafka.topic} partition {partition}, "
            f"but {span} is offsets {found.first} to {found.next_offset}: the group belongs to another range. Name a "
            "group without offsets, or omit --group",
            exit_code=ExitCode.USAGE,
        )
