"""The time of the first message from an offset on is asked on a thread, and what can't be known is missing."""

import threading
from collections.abc import Mapping

import pytest

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka.client import KafkaError, KafkaException
from ingest.pipeline.kafka.oldest_watch import Answer, OldestWatch
from ingest.pipeline.kafka.peek import Peeked
from tests.harness.messages import FakeMessage

KAFKA = Kafka(topic="rides")


def answered(watch: OldestWatch, positions: Mapping[int, int]) -> Answer | None:
    watch.ask(positions)
    for thread in threading.enumerate():
        if thread.name == "ingest-oldest":
            thread.join(10)
    found = watch.take_answer()
    assert not watch.asking
    return found


def test_only_a_timestamp_of_a_message_is_an_answer() -> None:
    def read(_: Kafka, positions: Mapping[int, int]) -> Mapping[int, Peeked]:
        assert set(positions) == {0, 1, 2, 3, 4}
        return {
            0: Peeked(FakeMessage(b"{}", partition=0, offset=12, timestamp=(1, 5_000))),
            1: Peeked(),
            2: Peeked(out_of_range=True),
            3: Peeked(FakeMessage(b"{}", partition=3, offset=1, timestamp=(0, -1))),
        }

    assert answered(OldestWatch(KAFKA, read), dict.fromkeys(range(5), 7)) == {0: (7, 5_000)}


@pytest.mark.parametrize(
    "fault",
    [FatalError("refused", exit_code=ExitCode.KAFKA), KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))],
)
def test_kafka_that_cant_be_asked_is_no_answer(fault: Exception) -> None:
    def read(_: Kafka, __: Mapping[int, int]) -> Mapping[int, Peeked]:
        raise fault

    assert answered(OldestWatch(KAFKA, read), {0: 7}) == {}


def test_it_does_not_wait_for_the_answer() -> None:
    told = threading.Event()

    def read(_: Kafka, __: Mapping[int, int]) -> Mapping[int, Peeked]:
        told.wait(10)
        return {}

    watch = OldestWatch(KAFKA, read)
    watch.ask({0: 7})
    assert watch.take_answer() is None
    assert watch.asking
    told.set()
