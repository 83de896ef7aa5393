"""Reads single messages again: those of refused rows, and dead letters by partition and offset.

A batch keeps no raw messages while it waits for Arize; they are still in Kafka, because nothing of it is committed.
A message counts as gone only if Kafka shows it: the log begins after it, or ends before it, or continues past it.
Silence shows nothing.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence

from ingest.config.sections import Kafka
from ingest.errors import RetryableError
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import KafkaError, KafkaException, Message, TopicPartition
from ingest.pipeline.kafka.metadata import watermarks_of
from ingest.records import KafkaMessage

_MESSAGES = 2_000
_POLL_S = 0.1
_SILENCE_S = 10.0
_REQUEST_S = 10.0


def refetch(kafka: Kafka, wanted: Mapping[int, Sequence[int]]) -> list[KafkaMessage]:
    """The messages at these offsets, by partition, without those that the log no longer holds.

    Raises RetryableError if Kafka does not answer: then nothing is known of them.
    """
    open_offsets = {partition: deque(sorted(offsets)) for partition, offsets in wanted.items() if len(offsets)}
    return _Reread(kafka, open_offsets).read() if open_offsets else []


class _Reread:
    def __init__(self, kafka: Kafka, wanted: dict[int, deque[int]]) -> None:
        self._wanted = wanted
        self._topic = kafka.topic
        self._found: list[KafkaMessage] = []
        self._consumer = client.consumer(kafka, len(wanted))

    def read(self) -> list[KafkaMessage]:
        """Read until each wanted message is found or known to be gone."""
        last_message_at = time.monotonic()
        try:
            self._consumer.assign([TopicPartition(self._topic, p, offsets[0]) for p, offsets in self._wanted.items()])
            while self._wanted:
                # consume() waits until it has as many messages as it may return, so it gets a short time-out.
                messages = self._consumer.consume(_MESSAGES, _POLL_S)
                for message in messages:
                    self._take(message)
                if messages:
                    last_message_at = time.monotonic()
                elif time.monotonic() - last_message_at >= _SILENCE_S:
                    raise RetryableError(f"topic {self._topic} can't be read again: Kafka sends nothing")
        except KafkaException as failed:
            raise RetryableError(f"topic {self._topic} can't be read again: {failed.args[0].str()}") from None
        finally:
            self._consumer.close()
        return self._found

    def _take(self, message: Message) -> None:
        partition, offset, error = message.partition(), message.offset(), message.error()
        if partition is None or offset is None or partition not in self._wanted:
            return
        if error is None:
            self._pass(partition, offset)
            if partition in self._wanted and self._wanted[partition][0] == offset:
                self._found.append(message)
                self._pass(partition, offset + 1)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  librdkafka's local codes have no public names
            self._pass(partition, self._wanted[partition][-1] + 1)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            self._skip_out_of_range(partition)

    def _skip_out_of_range(self, partition: int) -> None:
        """The log does not hold the offset where reading began: go on with the offsets that it holds."""
        own = TopicPartition(self._topic, partition)
        low, end = watermarks_of(self._consumer, own, _REQUEST_S)
        last = self._wanted[partition][-1]
        self._pass(partition, low if low <= last < end else last + 1)
        if partition in self._wanted:
            self._consumer.incremental_unassign([own])
            self._consumer.incremental_assign([TopicPartition(self._topic, partition, self._wanted[partition][0])])

    def _pass(self, partition: int, next_offset: int) -> None:
        """No message below `next_offset` will come."""
        wanted = self._wanted[partition]
        while wanted and wanted[0] < next_offset:
            wanted.popleft()
        if not wanted:
            del self._wanted[partition]
            self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
