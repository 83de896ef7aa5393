"""The ends of partitions are asked in the order that never claims an open transaction where there is none."""

from concurrent.futures import Future

import pytest

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import end_offsets
from ingest.pipeline.kafka.client import IsolationLevel, KafkaError, KafkaException, ListOffsetsResultInfo
from ingest.pipeline.kafka.end_offsets import EndWatch
from ingest.records import PartitionEnd

KAFKA = Kafka(topic="rides")


class Scripted(EndWatch):
    """Its questions are answered by the test."""

    def __init__(self, kafka: Kafka = KAFKA) -> None:
        super().__init__(kafka)
        self.asked: list[IsolationLevel] = []
        self.futures: list[dict[int, Future[ListOffsetsResultInfo]]] = []

    def _send(self, partitions: object, isolation: IsolationLevel) -> end_offsets._Asked:
        self.asked.append(isolation)
        self.futures.append({partition: Future() for partition in partitions})  # type: ignore[attr-defined]
        return self.futures[-1]

    def answer(self, **offsets: int | None) -> None:
        for name, offset in offsets.items():
            future = self.futures[-1][int(name[1:])]
            if offset is None:
                future.set_exception(KafkaException(KafkaError(KafkaError._NOENT)))
            else:
                future.set_result(ListOffsetsResultInfo(offset, -1, 0))


def test_the_high_watermark_is_asked_first() -> None:
    watch = Scripted()
    watch.ask([0, 1])
    assert watch.take_answer() is None
    watch.answer(p0=170, p1=9)
    assert watch.take_answer() is None
    assert watch.asked == [IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED]
    assert watch.asking
    watch.answer(p0=100, p1=12)  # partition 1 has grown between the two
    found = watch.take_answer()
    assert found == {0: PartitionEnd(100, 170), 1: PartitionEnd(12, 9)}
    assert [end.held_back(0) for end in found.values()] == [70, 0]
    assert not watch.asking


def test_a_partition_without_an_answer_is_missing() -> None:
    watch = Scripted()
    watch.ask([0, 1])
    watch.answer(p0=170, p1=None)
    assert watch.take_answer() is None
    watch.answer(p0=100)
    assert watch.take_answer() == {0: PartitionEnd(100, 170)}
    watch.ask([0])
    watch.answer(p0=None)
    assert watch.take_answer() == {}
    assert not watch.asking


@pytest.mark.parametrize(
    ("option", "second"),
    [("read_uncommitted", IsolationLevel.READ_UNCOMMITTED), ("read_committed", IsolationLevel.READ_COMMITTED)],
)
def test_who_reads_uncommitted_messages_waits_for_no_transaction(option: str, second: IsolationLevel) -> None:
    watch = Scripted(Kafka(topic="rides", options={"isolation.level": option}))
    watch.ask([0])
    watch.answer(p0=170)
    watch.take_answer()
    assert watch.asked[1] is second
