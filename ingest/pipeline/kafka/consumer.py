"""The poll step: reads messages from Kafka and commits offsets.

A `PartitionConsumer` owns one consumer, assigned to explicit partitions at explicit offsets: it is no member of the
group, so there is no rebalance. The group only stores the commits.

Not obvious (librdkafka 2.16):
- `auto.offset.reset=error` together with explicit offsets distinguishes "never committed" from "expired": an offset
  that is out of range comes as a message whose error is `_AUTO_OFFSET_RESET`, and nothing is skipped.
- A message's error is never ignored: librdkafka skips a batch with a bad CRC right after it has reported it, so the
  only way not to commit past it is to stop. What the same poll brings before the error is whole and is returned;
  what comes after it in that partition is not, and the next poll raises.
- The end of a partition (`_PARTITION_EOF`) has the next offset to be read: past trailing control records, which are
  never returned as messages.
- `pause` discards the messages that were fetched ahead, and `resume` reads them again: it is for stalls, not for the
  time between two uploads.
- A consumer without metadata of its topic looks for the leaders once a second. If the metadata is requested right
  before `assign`, it fetches without that delay.
- Commits are asynchronous; their answers come from within `consume`. A synchronous commit has no timeout.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from ingest.config.sections import Kafka
from ingest.errors import DamagedRecordError, ExitCode, FatalError
from ingest.pipeline.kafka import client, grants
from ingest.pipeline.kafka.broker_watch import BrokerWatch
from ingest.pipeline.kafka.client import (
    OFFSET_INVALID,
    REFUSED,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from ingest.pipeline.kafka.login import login_of
from ingest.pipeline.kafka.metadata import committed_through, watermarks_of, watermarks_through
from ingest.pipeline.kafka.pauses import Pauses
from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES, Checkpoint, decode, encode
from ingest.pipeline.offsets.committer import Stored
from ingest.records import Chunk

# Called for every message with `map`: a generator takes 1.5 times as long. A polled message has both.
_PARTITION = cast("Callable[[Message], int]", Message.partition)
_OFFSET = cast("Callable[[Message], int]", Message.offset)

_QUICK_REQUEST_S = 2.0  # of requests from within the loop, which must go on
_FETCH_WAIT_MS = 500  # librdkafka's default
_LEADERS_S = 0.5  # it saves a second


@dataclass(frozen=True, slots=True)
class Polled:
    """The result of one poll: messages, and by partition the next offset at an end, and the offset out of range."""

    chunk: Chunk | None
    ends: Mapping[int, int]
    out_of_range: Mapping[int, int]


def concatenate(polled: Sequence[Polled]) -> Polled:
    """The results of consecutive polls as one."""
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
        {partition: offset for each in polled for partition, offset in each.out_of_range.items()},
    )


class PartitionConsumer:
    """One consumer on fixed partitions of one topic.

    `on_trouble` is called with the text of an error that librdkafka handles itself, `on_committed` with the answer to a
    commit: what is stored by partition, the errors of the partitions that were refused, and whether one was refused
    because its metadata is too large.
    """

    def __init__(
        self,
        kafka: Kafka,
        partitions: Sequence[int],
        *,
        on_trouble: Callable[[str], None],
        on_committed: Callable[[Stored, Sequence[str], bool], None],
        watched: bool = False,
    ) -> None:
        """`watched`: `brokers` follows whether brokers answer."""
        self._kafka = kafka
        self._topic = kafka.topic
        self._partitions = tuple(partitions)
        self._on_trouble = on_trouble
        self._on_committed = on_committed
        self._pauses = Pauses(
            lambda partitions: self._consumer.pause(self._plain(partitions)),
            lambda partitions: self._consumer.resume(self._plain(partitions)),
        )
        self.commit_failures: Counter[str] = Counter()  # commits refused or lost, by Kafka's name of the error
        self._damage: DamagedRecordError | None = None  # reported by Kafka, and to be raised by the next poll
        self._watched = watched
        self.brokers = BrokerWatch(fetch_wait_s(kafka))
        self._consumer = self._connect()

    def _connect(self) -> Consumer:
        self._credentials = client.fingerprint(self._kafka)
        return client.consumer(
            self._kafka,
            len(self._partitions),
            on_error=self._on_error,
            on_commit=self._on_commit_answer,
            on_statistics=self._on_statistics if self._watched else None,
        )

    def _on_error(self, text: str) -> None:
        self.brokers.error(text)
        self._on_trouble(text)

    def _on_statistics(self, statistics: str) -> None:
        self.brokers.take(statistics, time.monotonic())

    def assign(self, positions: Mapping[int, int]) -> None:
        """Read exactly these partitions, each from its position (a next offset) on."""
        if positions:
            self._find_leaders()
        self._consumer.assign([TopicPartition(self._topic, p, offset) for p, offset in positions.items()])
        self._pauses.assign(positions)

    def _find_leaders(self) -> None:
        with contextlib.suppress(KafkaException):  # then it finds them by itself
            self._consumer.list_topics(self._topic, timeout=_LEADERS_S)

    def reassign(self, partition: int, next_offset: int) -> None:
        """Read one partition from another offset on; the positions of the others stay."""
        self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
        self._consumer.incremental_assign([TopicPartition(self._topic, partition, next_offset)])
        self._pauses.add(partition)

    def add(self, partition: int, next_offset: int) -> None:
        """Read one more partition from this offset on; it may be new in the topic."""
        if partition not in self._partitions:
            self._partitions = (*self._partitions, partition)
            self._find_leaders()
        self._consumer.incremental_assign([TopicPartition(self._topic, partition, next_offset)])
        self._pauses.add(partition)

    def credentials_changed(self) -> bool:
        """A password or certificate that the consumer was created with has been replaced since."""
        now = client.fingerprint(self._kafka)
        return now is not None and now != self._credentials

    def rebuild(self, positions: Mapping[int, int]) -> None:
        """Replace a consumer that has gone silent (an assigned one may never recover after a broker restart)."""
        self._consumer.close()
        self._consumer = self._connect()
        self._damage = None
        self.assign(positions)

    def poll(self, max_messages: int, timeout_s: float) -> Polled:
        """Up to `max_messages`, waiting at most `timeout_s` for that number; also processes the answers to commits.

        Raises DamagedRecordError, once what came before the record has been returned, and FatalError (both with exit
        code KAFKA) for an error that no retry can heal.
        """
        found: list[Message] = self._consumer.consume(max_messages, timeout_s)
        if self._damage is not None:
            raise self._damage
        ends: dict[int, int] = {}
        out_of_range: dict[int, int] = {}
        messages: list[Message] = found
        # By type: a KafkaError can be equal to None (confluent-kafka 2.16).
        if set(map(type, map(Message.error, found))) - {type(None)}:
            messages = self._sorted_out(found, ends, out_of_range)
        return Polled(_chunk(messages), ends, out_of_range)

    def _sorted_out(self, found: list[Message], ends: dict[int, int], out_of_range: dict[int, int]) -> list[Message]:
        messages: list[Message] = []
        damaged: set[int] = set()
        for message in found:
            if message.partition() in damaged:
                continue  # librdkafka has passed over the record: to track what follows would commit past it
            if message.error() is None:
                messages.append(message)
                continue
            damage = self._handle_error(message, ends, out_of_range)
            if damage is not None:
                self._damage = self._damage or damage
                damaged.add(cast("int", message.partition()))
        for partition in damaged:
            self.drop(partition)
        if self._damage is not None and not (messages or ends or out_of_range):
            raise self._damage
        return messages

    def _handle_error(
        self, message: Message, ends: dict[int, int], out_of_range: dict[int, int]
    ) -> DamagedRecordError | None:
        """Returns what is to be raised of a record that can't be read, once all before it is taken."""
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
            out_of_range[partition] = offset
        elif error.code() in REFUSED:
            text = f"Kafka refuses topic {self._topic} partition {partition}: {error.str()}"
            if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                how = login_of(client.consumer_options(self._kafka, 1))
                text = f"{text}; {grants.no_topic_right(self._kafka, how, visible=True)}"
            raise FatalError(text, exit_code=ExitCode.KAFKA)
        elif offset >= 0:
            # librdkafka skips it next. Stopping here keeps it uncommitted, and a new consumer reads it again: if the
            # network broke it, it is whole then; if the disk did, the error returns until somebody repairs the log.
            return DamagedRecordError(
                f"topic {self._topic} partition {partition} offset {offset} can't be read: {error.str()}; "
                "nothing is committed past it. If the error stays, the log segment is damaged: check the brokers. "
                f"The damaged batch begins here; ingest offsets set --partitions {partition} --to-offset N passes over "
                "everything from the committed offset up to N, also good messages: its preview says how many",
                exit_code=ExitCode.KAFKA,
            )
        else:
            self._on_trouble(f"topic {self._topic} partition {partition}: {error.str()}")
        return None

    def pause(self) -> None:
        """Fetch nothing until `resume`; `poll` still processes commits and errors."""
        self._pauses.stall(stalled=True)

    def resume(self) -> None:
        """Fetch again after `pause`, except what `keep_paused` names."""
        self._pauses.stall(stalled=False)

    def keep_paused(self, partitions: frozenset[int]) -> None:
        """Fetch nothing of exactly these partitions, also over `resume`, `rebuild` and new assignments."""
        self._pauses.request(partitions)

    def _plain(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in partitions]

    def drop(self, partition: int) -> None:
        """Stop reading this partition."""
        self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
        self._pauses.drop(partition)

    def commit(self, checkpoints: Mapping[int, Checkpoint], *, metadata_bytes: int = MAX_METADATA_BYTES) -> None:
        """Send the commit; a later `poll` calls `on_committed` with the answer.

        Its metadata has at most `metadata_bytes` for each partition.
        """
        try:
            self._consumer.commit(
                offsets=[
                    self._place(partition, checkpoint.next_offset, encode(checkpoint, metadata_bytes))
                    for partition, checkpoint in checkpoints.items()
                ],
                asynchronous=True,
            )
        except KafkaException as failed:
            self.commit_failures[failed.args[0].name()] += 1
            self._on_committed({}, [failed.args[0].str()], _too_large(failed.args[0]))

    def _place(self, partition: int, next_offset: int, text: str) -> TopicPartition:
        if not text:  # an empty text would be sent with its NUL, and be too large for brokers that take none
            return TopicPartition(self._topic, partition, next_offset)
        return TopicPartition(self._topic, partition, next_offset, text)

    def _on_commit_answer(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        refused = [o.error for o in offsets or () if o.error is not None]
        if error is not None or refused:
            self.commit_failures[(refused[0] if error is None else error).name()] += 1
        if error is not None:
            self._on_committed({}, [error.str()], any(map(_too_large, [error, *refused])))
            return
        stored = {o.partition: (o.offset, o.metadata or "") for o in offsets if o.error is None}
        self._on_committed(
            stored,
            [f"partition {o.partition}: {o.error.str()}" for o in offsets if o.error is not None],
            any(map(_too_large, refused)),
        )

    def committed(self, partitions: Iterable[int] | None = None) -> dict[int, Checkpoint | None]:
        """The group's checkpoints, None if there is none. Raises FatalError (exit code KAFKA)."""
        return committed_through(self._consumer, self._kafka, self._partitions if partitions is None else partitions)

    def watermarks(self, partitions: Iterable[int] | None = None) -> dict[int, tuple[int, int]]:
        """Low watermark and end offset by partition, from the brokers. Raises FatalError (exit code KAFKA)."""
        return watermarks_through(self._consumer, self._kafka, self._partitions if partitions is None else partitions)

    def end_offset(self, partition: int) -> int:
        """The end of the log as of the last fetch, -1 before the first. Costs no request."""
        try:
            low_end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
        except KafkaException:  # the client does not know the partition yet
            return -1
        return max(low_end[1], -1)

    def committed_and_watermarks(self, partition: int) -> tuple[Checkpoint | None, tuple[int, int]] | None:
        """One partition's checkpoint, and its low watermark and end offset; None if Kafka does not answer in 2 s."""
        asked = TopicPartition(self._topic, partition)
        try:
            (found,) = self._consumer.committed([asked], timeout=_QUICK_REQUEST_S)
            watermarks = watermarks_of(self._consumer, asked, _QUICK_REQUEST_S)
        except KafkaException:
            return None
        if found.error is not None:
            return None
        return (None if found.offset == OFFSET_INVALID else decode(found.offset, found.metadata)), watermarks

    def has_unread(self, positions: Mapping[int, int]) -> bool:
        """The brokers have messages past these positions, of what `keep_paused` does not name.

        Also False if they don't answer within 2 s.
        """
        try:
            return any(
                watermarks_of(self._consumer, TopicPartition(self._topic, p), _QUICK_REQUEST_S)[1] > position
                for p, position in positions.items()
                if p not in self._pauses.requested
            )
        except KafkaException:
            return False

    def close(self) -> None:
        """Close the consumer. Whether unanswered commits were stored stays unknown."""
        self._consumer.close()


def fetch_wait_s(kafka: Kafka) -> float:
    """How long a broker may hold a fetch for which it has no message: fetch.wait.max.ms."""
    own = kafka.options.get("fetch.wait.max.ms", _FETCH_WAIT_MS)
    return (float(own) if str(own).isdigit() else _FETCH_WAIT_MS) / 1000


def _too_large(error: KafkaError) -> bool:
    return error.code() == KafkaError.OFFSET_METADATA_TOO_LARGE


def _chunk(messages: list[Message]) -> Chunk | None:
    if not messages:
        return None
    partitions = np.fromiter(map(_PARTITION, messages), dtype=np.int32, count=len(messages))
    offsets = np.fromiter(map(_OFFSET, messages), dtype=np.int64, count=len(messages))
    return Chunk(messages, partitions, offsets, sum(map(len, messages)))
