"""The embedded Kafka and the producer, through ordinary clients."""

import contextlib
import time
from collections.abc import Callable

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from ingest.sandbox.generate import Generator
from ingest.sandbox.kafka import ApiKey, EmbeddedKafka, KafkaProcess
from ingest.sandbox.produce import ProduceError, produce, topic_partitions
from ingest.sandbox.service_process import SandboxError

WITHIN_S = 20.0


def read(bootstrap: str, topic: str, partition: int, count: int) -> list[Message]:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "error", "log_level": 0}
    )
    with contextlib.closing(consumer):
        consumer.assign([TopicPartition(topic, partition, 0)])
        found: list[Message] = []
        deadline_s = time.monotonic() + WITHIN_S
        while len(found) < count and time.monotonic() < deadline_s:
            found.extend(message for message in consumer.consume(count, 0.2) if message.error() is None)
        return found


def test_what_is_produced_can_be_made_again_from_each_place(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("t", 4)
    made_by = Generator(seed=2, bad_share=0.1)
    done = produce(embedded_kafka.bootstrap, "t", range(4), 4002, generator=made_by)
    assert done.end == {0: 1001, 1: 1001, 2: 1000, 3: 1000}
    assert done.events == 4002
    for partition, end in done.end.items():
        messages = read(embedded_kafka.bootstrap, "t", partition, end)
        assert [message.value() for message in messages] == list(made_by.events(partition, 0, end))
        assert [message.offset() for message in messages] == list(range(end))
        bad = sum(made_by.bad(partition, sequence) is not None for sequence in range(end))
        assert (done.bad[partition], done.good[partition]) == (bad, end - bad)


def test_producing_again_goes_on_where_it_ended(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("t", 1)
    made_by = Generator()
    produce(embedded_kafka.bootstrap, "t", [0], 100, generator=made_by)
    done = produce(embedded_kafka.bootstrap, "t", [0], 50, generator=made_by)
    assert (done.first, done.end) == ({0: 100}, {0: 150})
    messages = read(embedded_kafka.bootstrap, "t", 0, 150)
    assert [message.value() for message in messages] == list(made_by.events(0, 0, 150))


def test_a_failed_delivery_raises(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("t", 1)
    embedded_kafka.push_request_errors(ApiKey.PRODUCE, [KafkaError.TOPIC_AUTHORIZATION_FAILED] * 5)
    with pytest.raises(ProduceError, match="authorization"):
        produce(embedded_kafka.bootstrap, "t", [0], 10)


def test_a_passing_fault_of_kafka_loses_and_repeats_nothing(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("t", 2)
    embedded_kafka.push_request_errors(
        ApiKey.PRODUCE, [KafkaError.NOT_LEADER_FOR_PARTITION, 0, KafkaError.REQUEST_TIMED_OUT, KafkaError._TRANSPORT]
    )
    done = produce(embedded_kafka.bootstrap, "t", [0, 1], 2000, options={"log_level": 0})
    assert done.end == {0: 1000, 1: 1000}


def test_a_reader_can_hold_the_producer_and_a_rate_too(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("t", 1)
    asked: list[int] = []

    def may_produce(produced: int) -> bool:
        asked.append(produced)
        return len(asked) % 3 == 0

    produce(embedded_kafka.bootstrap, "t", [0], 1500, may_produce=may_produce)
    assert asked == [0, 0, 0, 500, 500, 500, 1000, 1000, 1000]
    assert produce(embedded_kafka.bootstrap, "t", [0], 1500, rate_per_s=2500).seconds >= 0.4


def test_a_topic_that_is_not_there_is_named(embedded_kafka: EmbeddedKafka) -> None:
    with pytest.raises(ProduceError, match="topic nothing does not exist"):
        topic_partitions(embedded_kafka.bootstrap, "nothing")


def test_retention_drops_the_oldest_first(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("t", 1)
    produce(embedded_kafka.bootstrap, "t", [0], 100)
    embedded_kafka.delete_records("t", 0, 60)
    consumer = Consumer({"bootstrap.servers": embedded_kafka.bootstrap, "group.id": "g"})
    with contextlib.closing(consumer):
        assert consumer.get_watermark_offsets(TopicPartition("t", 0), timeout=WITHIN_S) == (60, 100)


def test_commits_fail_as_told(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("t", 1)
    consumer = Consumer({"bootstrap.servers": embedded_kafka.bootstrap, "group.id": "g", "enable.auto.commit": False})
    with contextlib.closing(consumer):
        consumer.assign([TopicPartition("t", 0, 0)])
        embedded_kafka.push_request_errors(ApiKey.OFFSET_COMMIT, [KafkaError.GROUP_AUTHORIZATION_FAILED])
        with pytest.raises(KafkaException, match="GROUP_AUTHORIZATION_FAILED"):
            consumer.commit(offsets=[TopicPartition("t", 0, 7)], asynchronous=False)
        consumer.commit(offsets=[TopicPartition("t", 0, 8)], asynchronous=False)
        assert consumer.committed([TopicPartition("t", 0)], timeout=WITHIN_S)[0].offset == 8


def delivers(producer: Producer) -> Callable[[], bool]:
    delivered: list[bool] = []

    def one() -> bool:
        producer.produce("t", b"x", partition=0, on_delivery=lambda error, _: delivered.append(error is None))
        producer.flush(WITHIN_S)
        return delivered[-1]

    return one


def test_brokers_go_down_and_come_back_and_leaders_and_coordinators_move() -> None:
    with EmbeddedKafka(brokers=3) as kafka:
        kafka.create_topic("t", 1, replication=3)
        quick = {"bootstrap.servers": kafka.bootstrap, "log_level": 0}
        producer = Producer({**quick, "message.timeout.ms": 1000})
        one = delivers(producer)
        assert one()
        kafka.broker_down()
        assert not one()
        kafka.broker_up()
        for broker in (1, 2, 3):
            kafka.move_leader("t", 0, broker)
            kafka.move_coordinator("g", broker)
            deadline_s = time.monotonic() + WITHIN_S
            while not one():
                assert time.monotonic() < deadline_s
            assert producer.list_topics("t", timeout=WITHIN_S).topics["t"].partitions[0].leader == broker


def test_round_trips_take_as_long_as_told(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("t", 1)
    embedded_kafka.set_rtt(300)
    began_s = time.monotonic()
    topic_partitions(embedded_kafka.bootstrap, "t")
    assert time.monotonic() - began_s >= 0.3


def test_its_own_refusals_are_errors(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("t", 1)
    with pytest.raises(SandboxError, match="already exists"):
        embedded_kafka.create_topic("t", 1)
    with pytest.raises(SandboxError, match="set_leader"):
        embedded_kafka.move_leader("t", 7, 1)
    embedded_kafka.close()
    embedded_kafka.close()
    with pytest.raises(SandboxError, match="closed"):
        embedded_kafka.broker_down()


def test_a_process_of_its_own() -> None:
    with KafkaProcess("t", 3) as kafka:
        assert topic_partitions(kafka.bootstrap, "t") == [0, 1, 2]
        produce(kafka.bootstrap, "t", range(3), 300)
        process = psutil.Process(kafka.pid)
    assert not process.is_running()
