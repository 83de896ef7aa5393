"""What is left to do, asked of Kafka alone: works whether a supervisor runs or not, and disturbs none.

1. The committed offsets are asked first, the ends after them: lag is never too small.
2. Lag is counted in offsets, as in Kafka's own tools. With gaps (compaction, transactions) it is an upper bound of
   messages, and what is settled above the committed offset lies within it.
3. The age is that of the first message at or past the committed offset, by its own timestamp. That message is not
   settled: else the commit would be past it.
4. Where nothing is committed, lag counts from where a worker would start ([kafka] start).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import consumer, metadata
from ingest.pipeline.kafka.peek import Peeked, first_messages
from ingest.pipeline.kafka.start_offset import first_offset, foreign, partitions_then
from ingest.pipeline.kafka.topic_watch import TopicWatch
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, TopicShape

_AGES_S = 5.0
_TIMESTAMP_KNOWN = 1  # librdkafka's TIMESTAMP_CREATE_TIME; every higher one is a time, too
_QUEUE_BYTES = 1  # the least that a reader takes: one message of each partition is wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLag:
    """One partition. Counts are of messages since the group's first commit, offsets and `lag` are offsets.

    `next_offset` is None where nothing is committed. `ahead` counts messages that are settled above it. The oldest
    uncommitted message is from `oldest_ms` (epoch milliseconds; None when there is none, or it says no time), `age_s`
    ago. `expired` counts the offsets that retention has removed before they were committed. `beyond`: the committed
    offset is past the end or belongs to another topic id, so the topic was recreated or truncated.
    """

    partition: int
    next_offset: int | None
    low_offset: int
    end_offset: int
    lag: int
    ahead: int
    acknowledged: int
    dead_lettered: int
    tombstones: int
    filtered: int
    oldest_ms: int | None
    age_s: float | None
    expired: int
    beyond: bool


class LagMeter:
    """Asks about one topic, as often as wanted, over one connection."""

    def __init__(self, kafka: Kafka, now: Callable[[], float] = time.time) -> None:
        """Raises FatalError (exit code KAFKA) when Kafka is unreachable or has no such topic."""
        self._kafka = kafka
        self._now = now
        self._partitions = metadata.topic_partitions(kafka)
        self._topic = TopicWatch(kafka)
        self._reader = consumer.PartitionConsumer(
            kafka.model_copy(update={"queue_bytes": _QUEUE_BYTES}),
            self._partitions,
            on_trouble=lambda _: None,
            on_committed=lambda *_: None,
        )

    def take(self) -> list[PartitionLag]:
        """All partitions as they are now. Raises FatalError (exit code KAFKA)."""
        answer = self._topic.look()  # partitions may have been added since
        shape = answer if isinstance(answer, TopicShape) else TopicShape("", self._partitions)
        self._partitions = shape.partitions
        committed = self._reader.committed(self._partitions)
        bounds = self._reader.watermarks(self._partitions)
        former = {partition for partition, mark in committed.items() if mark is not None and foreign(mark, shape)}
        places = {
            partition: max(first_offset(self._kafka, mark, bounds[partition])[0], bounds[partition][0])
            for partition, mark in committed.items()
        } | {partition: bounds[partition][0] for partition in former}
        if then := partitions_then(committed):  # what was added since is read from its first message
            added = [partition for partition, mark in committed.items() if mark is None and partition >= then]
            places |= {partition: bounds[partition][0] for partition in added}
        behind = {partition: place for partition, place in places.items() if place < bounds[partition][1]}
        glances = first_messages(self._reader, behind, _AGES_S) if behind else {}
        return [
            partition_lag(
                partition,
                mark,
                bounds=bounds[partition],
                place=places[partition],
                glance=glances.get(partition, Peeked()),
                now=self._now(),
                former=partition in former,
            )
            for partition, mark in sorted(committed.items())
        ]

    def close(self) -> None:
        """Let go of the connection."""
        self._reader.close()


def partition_lag(
    partition: int,
    mark: Checkpoint | None,
    *,
    bounds: tuple[int, int],
    place: int,
    glance: Peeked,
    now: float,
    former: bool = False,
) -> PartitionLag:
    """One partition, from what Kafka said.

    `bounds` are low watermark and end, `place` is where a worker would go on, `glance` what lies there, `now` is in
    epoch seconds. `former`: the commit belongs to a former topic of the same name.
    """
    low, end = bounds
    counts = NOTHING if mark is None else mark.counts
    oldest_ms = _time_of(glance)
    return PartitionLag(
        partition=partition,
        next_offset=None if mark is None else mark.next_offset,
        low_offset=low,
        end_offset=end,
        lag=max(end - place, 0),
        ahead=0 if mark is None else (mark.settled() - mark.counts).total,
        acknowledged=counts.acknowledged,
        dead_lettered=counts.dead_lettered,
        tombstones=counts.tombstones,
        filtered=counts.filtered,
        oldest_ms=oldest_ms,
        age_s=None if oldest_ms is None else max(now - oldest_ms / 1000, 0.0),
        expired=0 if mark is None else max(low - mark.next_offset, 0),
        beyond=mark is not None and (former or mark.next_offset > end),
    )


def _time_of(glance: Peeked) -> int | None:
    if glance.message is None:
        return None
    kind, timestamp_ms = glance.message.timestamp()
    return timestamp_ms if kind >= _TIMESTAMP_KNOWN and timestamp_ms >= 0 else None
