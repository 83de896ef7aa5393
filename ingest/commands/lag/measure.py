"""Measures lag by asking only Kafka, so it works with and without a running supervisor, and disturbs none.

Rules
1. Committed offsets are asked before end offsets: lag is never too small.
2. Lag is counted in offsets up to the high watermark, as in Kafka's own tools. With gaps (compaction, transactions) it
   is an upper bound on messages. Messages that are settled above the committed offset are included.
3. The age is that of the first message at or above the committed offset that can be read, by its own timestamp. That
   message is not settled, because otherwise the commit would be above it. It does not count what retention has removed.
4. Without a commit, lag counts from where a worker would start ([kafka] start).
5. The part of the lag at or past the last stable offset is held back by an open transaction: nobody can read it. Since
   when is the timestamp of the first message there, which began the transaction; with a producer that sets timestamps
   of its own it is not the time of sending.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import consumer, first_contact, rights
from ingest.pipeline.kafka.end_offsets import first_held_back, partition_ends
from ingest.pipeline.kafka.peek import Peeked, first_messages
from ingest.pipeline.kafka.start_offset import first_offset, from_former_topic, partitions_at_last_commit
from ingest.pipeline.kafka.topic_watch import TopicWatch
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, PartitionEnd, TopicShape

_OLDEST_S = 5.0
_TIMESTAMP_KNOWN = 1  # librdkafka's TIMESTAMP_CREATE_TIME; higher kinds are times too
_QUEUE_BYTES = 1  # the minimum: one message of each partition is enough


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLag:
    """One partition. `acknowledged` to `filtered` count messages since the group's first commit; `lag` counts offsets.

    `end_offset` is the high watermark, `stable_offset` the last stable offset. Of the lag, `held_back` offsets are
    behind an open transaction, whose first message is from `held_back_since_ms` (since the epoch; None if nothing is
    held back or it has no timestamp). `no_message`: what can be read of the lag holds no message, but control records,
    aborted transactions or gaps of compaction. `committed_next_offset` is None without a commit; `settled_above` counts
    messages that are settled above it. The oldest uncommitted message that can be read is from `oldest_timestamp_ms`
    (since the epoch; None if there is none, or it has no timestamp), `oldest_age_s` ago. `expired_offsets` counts the
    offsets that were removed from the log before they were committed. `commit_invalid`: the committed offset is above
    the end offset or belongs to another topic id, as after the topic was recreated or truncated.
    """

    partition: int
    committed_next_offset: int | None
    low_offset: int
    stable_offset: int
    end_offset: int
    lag: int
    held_back: int
    held_back_since_ms: int | None
    no_message: bool
    settled_above: int
    acknowledged: int
    dead_lettered: int
    tombstones: int
    filtered: int
    oldest_timestamp_ms: int | None
    oldest_age_s: float | None
    expired_offsets: int
    commit_invalid: bool


class LagMeter:
    """Measures the lag of one topic repeatedly, over one connection."""

    def __init__(self, kafka: Kafka, now: Callable[[], float] = time.time) -> None:
        """Raises FatalError (exit code KAFKA) when Kafka is unreachable or the topic does not exist."""
        self._kafka = kafka
        self._now = now
        self._partitions = first_contact.topic_partitions(kafka)
        rights.may_ask_group(kafka)
        self._topic = TopicWatch(kafka)
        self.committed: Mapping[int, Checkpoint | None] = {}  # as last measured
        self._reader = consumer.PartitionConsumer(
            kafka.with_queue_bytes(_QUEUE_BYTES),
            self._partitions,
            on_trouble=lambda _: None,
            on_committed=lambda *_: None,
        )

    def measure(self) -> list[PartitionLag]:
        """The lag of all partitions now. Raises FatalError (exit code KAFKA)."""
        answer = self._topic.describe()  # partitions may have been added since
        shape = answer if isinstance(answer, TopicShape) else TopicShape("", self._partitions)
        self._partitions = shape.partitions
        committed = self.committed = self._reader.committed(self._partitions)
        bounds = self._reader.watermarks(self._partitions)
        ends = partition_ends(self._kafka, self._partitions)
        former = {
            partition for partition, mark in committed.items() if mark is not None and from_former_topic(mark, shape)
        }
        start_offsets = {
            partition: max(first_offset(self._kafka, mark, bounds[partition])[0], bounds[partition][0])
            for partition, mark in committed.items()
        } | {partition: bounds[partition][0] for partition in former}
        if then := partitions_at_last_commit(committed):  # partitions added since are read from their first message
            added = [partition for partition, mark in committed.items() if mark is None and partition >= then]
            start_offsets |= {partition: bounds[partition][0] for partition in added}
        behind = {partition: offset for partition, offset in start_offsets.items() if offset < bounds[partition][1]}
        oldest = first_messages(self._reader, behind, _OLDEST_S) if behind else {}
        held = {
            partition: end.stable_offset
            for partition, end in ends.items()
            if end.held_back(start_offsets.get(partition, 0))
        }
        held_back = first_held_back(self._kafka, held, _OLDEST_S) if held else {}
        return [
            partition_lag(
                partition,
                mark,
                low=bounds[partition][0],
                end=ends[partition],
                start_offset=start_offsets[partition],
                oldest=oldest.get(partition),
                held_back=held_back.get(partition),
                now=self._now(),
                former=partition in former,
            )
            for partition, mark in sorted(committed.items())
        ]

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()


def partition_lag(
    partition: int,
    mark: Checkpoint | None,
    *,
    low: int,
    end: PartitionEnd,
    start_offset: int,
    oldest: Peeked | None,
    now: float,
    held_back: Peeked | None = None,
    former: bool = False,
) -> PartitionLag:
    """The lag of one partition, from Kafka's answers.

    `low` is the low watermark, `start_offset` is where a worker would continue, `oldest` the message there (None if it
    was not asked for or Kafka did not answer), `held_back` the one at the last stable offset, `now` is in epoch
    seconds. `former`: the commit belongs to a former topic of the same name.
    """
    counts = NOTHING if mark is None else mark.counts
    oldest_timestamp_ms = _timestamp_ms(oldest)
    return PartitionLag(
        partition=partition,
        committed_next_offset=None if mark is None else mark.next_offset,
        low_offset=low,
        stable_offset=end.stable_offset,
        end_offset=end.end_offset,
        lag=max(end.end_offset - start_offset, 0),
        held_back=end.held_back(start_offset),
        held_back_since_ms=_timestamp_ms(held_back),
        no_message=oldest is not None and oldest.message is None and not oldest.out_of_range,
        settled_above=0 if mark is None else (mark.settled() - mark.counts).total,
        acknowledged=counts.acknowledged,
        dead_lettered=counts.dead_lettered,
        tombstones=counts.tombstones,
        filtered=counts.filtered,
        oldest_timestamp_ms=oldest_timestamp_ms,
        oldest_age_s=None if oldest_timestamp_ms is None else max(now - oldest_timestamp_ms / 1000, 0.0),
        expired_offsets=0 if mark is None else max(low - mark.next_offset, 0),
        commit_invalid=mark is not None and (former or mark.next_offset > end.end_offset),
    )


def _timestamp_ms(oldest: Peeked | None) -> int | None:
    if oldest is None or oldest.message is None:
        return None
    kind, timestamp_ms = oldest.message.timestamp()
    return timestamp_ms if kind >= _TIMESTAMP_KNOWN and timestamp_ms >= 0 else None
