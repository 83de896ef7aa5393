"""Where partitions end: the high watermark, and the last stable offset, which an open transaction holds back.

Rules
1. The high watermark is asked before the last stable offset. So what lies between the two was behind an open
   transaction when the second answer came; in the other order, messages that came between the questions would count.
2. With [kafka.options] "isolation.level" = "read_uncommitted" nothing is held back: both are the high watermark.
3. A partition whose leader does not answer is missing in an answer of `EndWatch`; `partition_ends` asks it again.

Our consumers read committed messages, so that `metadata.watermarks` and the end of a partition that a poll
returns are the last stable offset, while the watermark that a consumer has cached is the high one (librdkafka 2.16).
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from functools import partial

from ingest.config.sections import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka import client, metadata
from ingest.pipeline.kafka.client import (
    AdminClient,
    IsolationLevel,
    KafkaException,
    ListOffsetsResultInfo,
    OffsetSpec,
    TopicPartition,
)
from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.kafka.peek import Peeked, first_messages
from ingest.records import PartitionEnd

_REQUEST_S = 10.0

_Asked = Mapping[int, "Future[ListOffsetsResultInfo]"]


def partition_ends(kafka: Kafka, partitions: Iterable[int]) -> dict[int, PartitionEnd]:
    """The end of each partition. Raises FatalError (exit code KAFKA), ConfigError if librdkafka refuses an option."""
    admin = client.admin(kafka)
    wanted = tuple(partitions)

    def ends(isolation: IsolationLevel) -> dict[int, int]:
        return metadata.ask_until_answered(
            kafka, f"the ends of topic {kafka.topic}", partial(_ends_through, admin, kafka.topic, wanted, isolation)
        )

    high = ends(IsolationLevel.READ_UNCOMMITTED)
    stable = ends(_readable(kafka))
    return {partition: PartitionEnd(stable[partition], high[partition]) for partition in wanted}


def _readable(kafka: Kafka) -> IsolationLevel:
    uncommitted = kafka.options.get("isolation.level") == "read_uncommitted"
    return IsolationLevel.READ_UNCOMMITTED if uncommitted else IsolationLevel.READ_COMMITTED


def _ends_through(
    admin: AdminClient, topic: str, partitions: Iterable[int], isolation: IsolationLevel
) -> dict[int, int]:
    asked = _ask(admin, topic, partitions, isolation)
    return {partition: each.result(2 * _REQUEST_S).offset for partition, each in asked.items()}


def _ask(admin: AdminClient, topic: str, partitions: Iterable[int], isolation: IsolationLevel) -> _Asked:
    latest = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in partitions}  # type: ignore[no-untyped-call]
    if not latest:
        return {}
    asked = admin.list_offsets(latest, isolation_level=isolation, request_timeout=_REQUEST_S)
    return {each.partition: future for each, future in asked.items()}


def first_held_back(kafka: Kafka, stable_offsets: Mapping[int, int], within_s: float) -> dict[int, Peeked]:
    """The first message at each of these last stable offsets, by partition: it begins the open transaction.

    It is read, but as nobody knows what becomes of it, only its timestamp means something. Raises FatalError (exit
    code KAFKA).
    """
    reader = PartitionConsumer(
        kafka.with_uncommitted(), tuple(stable_offsets), on_trouble=lambda _: None, on_committed=lambda *_: None
    )
    try:
        return first_messages(reader, stable_offsets, within_s)
    finally:
        reader.close()


class EndWatch:
    """Asks for the ends of one topic's partitions repeatedly, without blocking; one question at a time."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._admin: AdminClient | None = None
        self._high: _Asked = {}
        self._stable: _Asked = {}

    @property
    def asking(self) -> bool:
        """A question was sent, and its answer has not been taken."""
        return bool(self._high)

    def ask(self, partitions: Iterable[int]) -> None:
        """Send the question; the answer to the one before must have been taken."""
        self._high = self._send(partitions, IsolationLevel.READ_UNCOMMITTED)

    def take_answer(self) -> dict[int, PartitionEnd] | None:
        """The ends of the partitions that were answered for, None if the answer has not come."""
        if not self._high or not all(each.done() for each in self._high.values()):
            return None
        high = _answered(self._high)
        if high and not self._stable:
            self._stable = self._send(high, _readable(self._kafka))
        if not all(each.done() for each in self._stable.values()):
            return None
        stable = _answered(self._stable)
        self._high, self._stable = {}, {}
        if not stable:
            self._admin = None  # a new client reads the password or certificate again
        return {p: PartitionEnd(stable[p], high[p]) for p in stable}

    def _send(self, partitions: Iterable[int], isolation: IsolationLevel) -> _Asked:
        try:
            if self._admin is None:
                self._admin = client.admin(self._kafka)
            return _ask(self._admin, self._kafka.topic, partitions, isolation)
        except (ConfigError, KafkaException):  # a password's file may be missing for a moment
            return {}


def _answered(asked: _Asked) -> dict[int, int]:
    return {partition: each.result().offset for partition, each in asked.items() if each.exception() is None}
