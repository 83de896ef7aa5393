"""The poll step: reading from Kafka.

A `PartitionConsumer` owns one consumer, assigned to explicit partitions at explicit offsets: no group membership, no
rebalance. The group only stores the commits.

Not obvious, and learned the hard way (librdkafka 2.16):
- `auto.offset.reset=error` together with explicit offsets is what tells "never committed" from "expired": an
  offset outside the log comes as a message whose error is `_AUTO_OFFSET_RESET`, and nothing is skipped.
- A message's error is never ignored: a batch with a bad CRC is skipped by librdkafka right after it said so, so the
  only way not to commit past it is to stop.
- The end of a partition (`_PARTITION_EOF`) carries the next offset to be read: past trailing control records that
  never come as messages.
- `pause` throws away what was fetched ahead and reads it again after `resume`: it is for stalls, not for the gap
  between two uploads.
- A consumer that knows nothing of its topic looks for the leaders once a second: asked for the topic's metadata just
  before, it fetches at once.
- Commits are asynchronous; their answers come from within `consume`. A synchronous commit has no timeout.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import (
    OFFSET_INVALID,
    REFUSED,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from ingest.pipeline.kafka.metadata import bounds_of, committed_through, watermarks_through
from ingest.pipeline.offsets.checkpoint import Checkpoint, decode, encode
from ingest.pipeline.offsets.committer import Stored
from ingest.records import Chunk

# Called for every message, by `map`: a generator over them takes half as long again. A message of a poll has both.
_PARTITION = cast("Callable[[Message], int]", Message.partition)
_OFFSET = cast("Callable[[Message], int]", Message.offset)

_PROBE_S = 2.0  # asked from within the loop, which must go on
_LEADERS_S = 0.5  # what it saves is a second


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll brought: messages, ends reached (partition -> next offset), offsets outside the log."""

    chunk: Chunk | None
    ends: Mapping[int, int]
    outside: Mapping[int, int]


def joined(polled: Sequence[Polled]) -> Polled:
    """What polls one after the other brought."""
    chunks = [each.chunk for each in polled if each.chunk is not None]
    return Polled(
        Chunk(
            [message for chunk in chunks for message in chunk.messages],
            np.concatenate([chunk.partitions for chunk in chunks]),
            np.concatenate([chunk.offsets for chunk in chunks]),
            sum(chunk.raw_bytes for chunk in chunks),
        )
        if chunks
        else None,
        {partition: end for each in polled for partition, end in each.ends.items()},
        {partition: offset for each in polled for partition, offset in each.outside.items()},
    )


class PartitionConsumer:
    """One consumer on fixed partitions of one topic.

    `on_trouble` hears what librdkafka deals with by itself; `on_committed` hears a commit's answer: what
    is stored by partition, and the error texts of those refused.
    """

    def __init__(
        self,
        kafka: Kafka,
        partitions: Sequence[int],
        *,
        on_trouble: Callable[[str], None],
        on_committed: Callable[[Stored, Sequence[str]], None],
    ) -> None:
        self._kafka = kafka
        self._topic = kafka.topic
        self._partitions = tuple(partitions)
        self._on_trouble = on_trouble
        self._on_committed = on_committed
        self._paused = False
        self._consumer = self._connect()

    def _connect(self) -> Consumer:
        self._made_with = client.fingerprint(self._kafka)
        return client.consumer(self._kafka, len(self._partitions), on_error=self._on_trouble, on_commit=self._answered)

    def assign(self, positions: Mapping[int, int]) -> None:
        """Read each partition from its position (a next offset) on."""
        if positions:
            self._learn_leaders()
        self._consumer.assign([TopicPartition(self._topic, p, offset) for p, offset in positions.items()])
        self._paused = False

    def _learn_leaders(self) -> None:
        with contextlib.suppress(KafkaException):  # it finds out by itself
            self._consumer.list_topics(self._topic, timeout=_LEADERS_S)

    def reassign(self, partition: int, next_offset: int) -> None:
        """Read one partition from another offset on, the others go on where they are."""
        self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
        self._consumer.incremental_assign([TopicPartition(self._topic, partition, next_offset)])
        if self._paused:
            self._consumer.pause([TopicPartition(self._topic, partition)])

    def add(self, partition: int, next_offset: int) -> None:
        """Read one more partition, from this offset on; it may have been added to the topic just now."""
        if partition not in self._partitions:
            self._partitions = (*self._partitions, partition)
            self._learn_leaders()
        self._consumer.incremental_assign([TopicPartition(self._topic, partition, next_offset)])
        if self._paused:
            self._consumer.pause([TopicPartition(self._topic, partition)])

    def outdated(self) -> bool:
        """The consumer was made with a password or a certificate that has been replaced since."""
        now = client.fingerprint(self._kafka)
        return now is not None and now != self._made_with

    def rebuild(self, positions: Mapping[int, int]) -> None:
        """Replace a consumer that has gone silent (an assigned one can stay dead after a broker restart)."""
        self._consumer.close()
        self._consumer = self._connect()
        self.assign(positions)

    def poll(self, max_messages: int, timeout_s: float) -> Polled:
        """Up to `max_messages`, waiting at most `timeout_s` for so many; serves the answers of commits.

        Raises FatalError (exit code KAFKA) for a corrupt message and for what Kafka refuses for good.
        """
        found: list[Message] = self._consumer.consume(max_messages, timeout_s)
        ends: dict[int, int] = {}
        outside: dict[int, int] = {}
        messages: list[Message] = found
        # By type: a KafkaError can be equal to None (confluent-kafka 2.16).
        if set(map(type, map(Message.error, found))) - {type(None)}:
            messages = []
            for message in found:
                if message.error() is None:
                    messages.append(message)
                else:
                    self._note(message, ends, outside)
        return Polled(_chunk(messages), ends, outside)

    def _note(self, message: Message, ends: dict[int, int], outside: dict[int, int]) -> None:
        error = message.error()
        partition, offset = message.partition(), message.offset()
        if error is None or partition is None or offset is None:
            raise FatalError(
                f"Kafka reports for topic {self._topic}: {error.str() if error else 'a message without an offset'}",
                exit_code=ExitCode.KAFKA,
            )
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            ends[partition] = offset
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            outside[partition] = offset
        elif error.code() in REFUSED:
            raise FatalError(
                f"Kafka refuses topic {self._topic} partition {partition}: {error.str()}", exit_code=ExitCode.KAFKA
            )
        elif offset >= 0:
            # librdkafka skips past it next. Stopping here keeps it uncommitted; a new consumer reads it again,
            # which heals what the network broke, and what the disk broke comes back until someone looks.
            raise FatalError(
                f"topic {self._topic} partition {partition} offset {offset} can't be read: {error.str()}; "
                "nothing is committed past it. If it stays, the log segment is damaged: "
                "look at the brokers, or move the group past it with kafka-consumer-groups --reset-offsets",
                exit_code=ExitCode.KAFKA,
            )
        else:
            self._on_trouble(f"topic {self._topic} partition {partition}: {error.str()}")

    def pause(self) -> None:
        """Fetch nothing until `resume`; `poll` still serves commits and errors."""
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True

    def resume(self) -> None:
        """Fetch again."""
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    def drop(self, partition: int) -> None:
        """Read no more of this partition."""
        self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])

    def commit(self, watermarks: Mapping[int, Checkpoint]) -> None:
        """Send the commit; `on_committed` hears the answer from within a later `poll`."""
        try:
            self._consumer.commit(
                offsets=[
                    TopicPartition(self._topic, p, mark.next_offset, encode(mark)) for p, mark in watermarks.items()
                ],
                asynchronous=True,
            )
        except KafkaException as failed:
            self._on_committed({}, [failed.args[0].str()])

    def _answered(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        if error is not None:
            self._on_committed({}, [error.str()])
            return
        stored = {o.partition: (o.offset, o.metadata or "") for o in offsets if o.error is None}
        self._on_committed(
            stored, [f"partition {o.partition}: {o.error.str()}" for o in offsets if o.error is not None]
        )

    def committed(self, partitions: Iterable[int] | None = None) -> dict[int, Checkpoint | None]:
        """What the group has committed, None where nothing. Raises FatalError (KAFKA) when Kafka doesn't say."""
        return committed_through(self._consumer, self._kafka, self._partitions if partitions is None else partitions)

    def watermarks(self, partitions: Iterable[int] | None = None) -> dict[int, tuple[int, int]]:
        """Low watermark and end offset by partition, asked of the brokers. Raises FatalError (exit code KAFKA)."""
        return watermarks_through(self._consumer, self._kafka, self._partitions if partitions is None else partitions)

    def end_offset(self, partition: int) -> int:
        """The end of the log as the last fetch told it, -1 before the first. Costs no request."""
        try:
            low_end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
        except KafkaException:  # the client does not know the partition yet
            return -1
        return max(low_end[1], -1)

    def place(self, partition: int) -> tuple[Checkpoint | None, tuple[int, int]] | None:
        """What is committed of one partition, and its low watermark and end; None when Kafka doesn't say it in time."""
        asked = TopicPartition(self._topic, partition)
        try:
            (found,) = self._consumer.committed([asked], timeout=_PROBE_S)
            bounds = bounds_of(self._consumer, asked, _PROBE_S)
        except KafkaException:
            return None
        if found.error is not None:
            return None
        return (None if found.offset == OFFSET_INVALID else decode(found.offset, found.metadata)), bounds

    def behind(self, positions: Mapping[int, int]) -> bool:
        """The brokers hold messages past these positions. False too when they don't answer within two seconds."""
        try:
            return any(
                bounds_of(self._consumer, TopicPartition(self._topic, p), _PROBE_S)[1] > position
                for p, position in positions.items()
            )
        except KafkaException:
            return False

    def close(self) -> None:
        """Leave. Commits not answered by now stay unknown."""
        self._consumer.close()


def _chunk(messages: list[Message]) -> Chunk | None:
    if not messages:
        return None
    partitions = np.fromiter(map(_PARTITION, messages), dtype=np.int32, count=len(messages))
    offsets = np.fromiter(map(_OFFSET, messages), dtype=np.int64, count=len(messages))
    return Chunk(messages, partitions, offsets, sum(map(len, messages)))
