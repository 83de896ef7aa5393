"""Reading single messages again: those of refused rows, and dead letters by their place.

A batch keeps no raw messages while it waits for Arize; they are still in Kafka, because nothing of it is committed.
Only Kafka itself says that a message is gone: the log begins after it, or ends, or goes on past it. Silence says
nothing.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence

from ingest.config.sections import Kafka
from ingest.errors import RetryableError
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import KafkaError, KafkaException, Message, TopicPartition
from ingest.pipeline.kafka.metadata import bounds_of
from ingest.records import KafkaMessage

_MESSAGES = 2_000
_POLL_S = 0.1
_SILENCE_S = 10.0
_REQUEST_S = 10.0


def refetch(kafka: Kafka, wanted: Mapping[int, Sequence[int]]) -> list[KafkaMessage]:
    """The messages at these offsets, by partition, but for those that the log does not hold any more.

    Raises RetryableError when Kafka can't be asked or stays silent: then nothing is known of them.
    """
    open_offsets = {partition: deque(sorted(offsets)) for partition, offsets in wanted.items() if len(offsets)}
    return _Again(kafka, open_offsets).read() if open_offsets else []


class _Again:
    def __init__(self, kafka: Kafka, wanted: dict[int, deque[int]]) -> None:
        self._wanted = wanted
        self._topic = kafka.topic
        self._found: list[KafkaMessage] = []
        self._consumer = client.consumer(kafka, len(wanted))

    def read(self) -> list[KafkaMessage]:
        """Read until each wanted message is found or known to be gone."""
        heard = time.monotonic()
        try:
            self._consumer.assign([TopicPartition(self._topic, p, offsets[0]) for p, offsets in self._wanted.items()])
            while self._wanted:
                # consume() waits until it has all of the messages it is asked for: a long wait would be for nothing.
                messages = self._consumer.consume(_MESSAGES, _POLL_S)
                for message in messages:
                    self._take(message)
                if messages:
                    heard = time.monotonic()
                elif time.monotonic() - heard >= _SILENCE_S:
                    raise RetryableError(f"topic {self._topic} can't be read again: Kafka is silent")
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
            self._passed(partition, offset)
            if partition in self._wanted and self._wanted[partition][0] == offset:
                self._found.append(message)
                self._passed(partition, offset + 1)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  librdkafka's local codes have no public names
            self._passed(partition, self._wanted[partition][-1] + 1)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            self._outside(partition)

    def _outside(self, partition: int) -> None:
        """The log does not hold where we began: go on with what it holds."""
        place = TopicPartition(self._topic, partition)
        low, end = bounds_of(self._consumer, place, _REQUEST_S)
        last = self._wanted[partition][-1]
        self._passed(partition, low if low <= last < end else last + 1)
        if partition in self._wanted:
            self._consumer.incremental_unassign([place])
            self._consumer.incremental_assign([TopicPartition(self._topic, partition, self._wanted[partition][0])])

    def _passed(self, partition: int, next_offset: int) -> None:
        """Nothing below `next_offset` will come any more."""
        left = self._wanted[partition]
        while left and left[0] < next_offset:
            left.popleft()
        if not left:
            del self._wanted[partition]
            self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
