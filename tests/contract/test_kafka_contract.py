"""What the product relies on in Kafka, held against the embedded one and a real one."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from confluent_kafka import (
    OFFSET_INVALID,
    TIMESTAMP_CREATE_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from ingest.config.sections import Kafka
from ingest.pipeline.kafka.end_offsets import EndWatch, partition_ends
from ingest.records import PartitionEnd
from ingest.sandbox.kafka import EmbeddedKafka
from ingest.sandbox.produce import create_topic

WITHIN_S = 30.0
_names = itertools.count()


@dataclass(frozen=True, slots=True)
class Cluster:
    """Either Kafka: where it is, and the two things that are asked of each in its own way."""

    bootstrap: str
    create: Callable[[str, int], object]
    delete_records: Callable[[str, int, int], object]


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real)])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    if request.param == "embedded":
        with EmbeddedKafka() as kafka:
            yield Cluster(kafka.bootstrap, kafka.create_topic, kafka.delete_records)
        return
    bootstrap = request.getfixturevalue("real_kafka").bootstrap
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def delete_records(topic: str, partition: int, before: int) -> None:
        for deleted in admin.delete_records([TopicPartition(topic, partition, before)]).values():
            deleted.result(WITHIN_S)

    yield Cluster(bootstrap, lambda topic, partitions: create_topic(bootstrap, topic, partitions), delete_records)


@pytest.fixture
def name() -> str:
    """A topic or group that no other test has."""
    return f"contract-{os.getpid()}-{next(_names)}"


@contextlib.contextmanager
def consumer_of(cluster: Cluster, group: str) -> Iterator[Consumer]:
    """A consumer as the product makes one."""
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    with contextlib.closing(consumer):
        yield consumer


def put(cluster: Cluster, topic: str, count: int, partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "compression.type": "lz4", "log_level": 0})
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=partition)
    assert producer.flush(WITHIN_S) == 0


def take_until(consumer: Consumer, enough: Callable[[Sequence[Message]], bool]) -> list[Message]:
    taken: list[Message] = []
    deadline_s = time.monotonic() + WITHIN_S
    while not enough(taken):
        assert time.monotonic() < deadline_s, f"{len(taken)} messages within {WITHIN_S:g} s"
        taken.extend(consumer.consume(500, 0.2))
    return taken


def code_of(message: Message) -> int | None:
    error = message.error()
    return None if error is None else error.code()


def good(messages: Sequence[Message]) -> list[Message]:
    """Without ends of partitions, and without what a topic made a moment ago may say first."""
    return [message for message in messages if message.error() is None]


def has(code: int) -> Callable[[Sequence[Message]], bool]:
    return lambda messages: any(code_of(message) == code for message in messages)


def committed(consumer: Consumer, *places: TopicPartition) -> list[TopicPartition]:
    """On a fresh broker the first answers can be NOT_COORDINATOR, while the offsets topic is being made."""
    deadline_s = time.monotonic() + WITHIN_S
    while True:
        try:
            return consumer.committed(list(places), timeout=WITHIN_S)
        except KafkaException:
            if time.monotonic() >= deadline_s:
                raise


def commit(consumer: Consumer, *places: TopicPartition) -> None:
    committed(consumer, *places)
    consumer.commit(offsets=list(places), asynchronous=False)


def test_messages_keep_key_headers_timestamp_and_null_value(cluster: Cluster, name: str) -> None:
    cluster.create(name, 2)
    years_ago_ms = 1_700_000_000_123  # the sandbox's broker keeps messages of any age
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    headers: list[tuple[str, str | bytes | None]] = [("trace", b"\x00\xff"), ("trace", b"again"), ("empty", None)]
    producer.produce(name, b'{"a": 1}', key=b"\x01k", partition=1, headers=headers, timestamp=years_ago_ms)
    producer.produce(name, None, key=b"gone", partition=1)
    assert producer.flush(WITHIN_S) == 0
    with consumer_of(cluster, name) as consumer:
        consumer.assign([TopicPartition(name, 1, 0)])
        found = take_until(consumer, lambda messages: len(good(messages)) >= 2)
    first, tombstone = good(found)
    assert (first.topic(), first.partition(), first.offset(), first.value()) == (name, 1, 0, b'{"a": 1}')
    assert (first.key(), first.headers()) == (b"\x01k", headers)
    assert first.timestamp() == (TIMESTAMP_CREATE_TIME, years_ago_ms)
    assert (tombstone.offset(), tombstone.value(), tombstone.key()) == (1, None, b"gone")
    assert tombstone.error() is None


def test_the_end_of_a_partition_is_a_message_with_the_end_offset(cluster: Cluster, name: str) -> None:
    cluster.create(name, 1)
    put(cluster, name, 25)
    with consumer_of(cluster, name) as consumer:
        consumer.assign([TopicPartition(name, 0, 0)])
        messages = take_until(consumer, has(KafkaError._PARTITION_EOF))
        assert [message.offset() for message in messages if message.error() is None] == list(range(25))
        end = next(message for message in messages if message.error() is not None)
        assert (end.topic(), end.partition(), end.offset()) == (name, 0, 25)
        assert consumer.get_watermark_offsets(TopicPartition(name, 0), timeout=WITHIN_S) == (0, 25)


def test_an_empty_partition_ends_at_offset_zero(cluster: Cluster, name: str) -> None:
    cluster.create(name, 1)
    with consumer_of(cluster, name) as consumer:
        consumer.assign([TopicPartition(name, 0, 0)])
        (end,) = take_until(consumer, has(KafkaError._PARTITION_EOF))
        assert end.offset() == 0


def test_a_group_without_commits_has_no_offset(cluster: Cluster, name: str) -> None:
    cluster.create(name, 1)
    with consumer_of(cluster, name) as consumer:
        (found,) = committed(consumer, TopicPartition(name, 0))
        assert (found.offset, found.error) == (OFFSET_INVALID, None)
        assert found.offset == -1001


def test_a_commit_gives_its_offset_and_metadata_back(cluster: Cluster, name: str) -> None:
    cluster.create(name, 2)
    put(cluster, name, 10)
    metadata = '{"above":[[5,7]],"é":1}'
    with consumer_of(cluster, name) as consumer:
        consumer.assign([TopicPartition(name, 0, 0)])
        commit(consumer, TopicPartition(name, 0, 4, metadata))
    with consumer_of(cluster, name) as later:
        first, second = committed(later, TopicPartition(name, 0), TopicPartition(name, 1))
        assert (first.offset, first.metadata) == (4, metadata)
        assert second.offset == OFFSET_INVALID


def test_a_commit_without_metadata_replaces_the_metadata(cluster: Cluster, name: str) -> None:
    cluster.create(name, 1)
    with consumer_of(cluster, name) as consumer:
        commit(consumer, TopicPartition(name, 0, 4, "something"))
        commit(consumer, TopicPartition(name, 0, 5))
        (found,) = committed(consumer, TopicPartition(name, 0))
        assert (found.offset, found.metadata or "") == (5, "")


def test_an_asynchronous_commit_reports_to_its_callback_while_consuming(cluster: Cluster, name: str) -> None:
    cluster.create(name, 1)
    reports: list[tuple[KafkaError | None, list[TopicPartition]]] = []
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": name,
            "enable.auto.commit": False,
            "on_commit": lambda error, places: reports.append((error, places)),
            "log_level": 0,
        }
    )
    with contextlib.closing(consumer):
        consumer.assign([TopicPartition(name, 0, 0)])
        committed(consumer, TopicPartition(name, 0))
        consumer.commit(offsets=[TopicPartition(name, 0, 3, "m")], asynchronous=True)
        deadline_s = time.monotonic() + WITHIN_S
        while not reports:
            assert time.monotonic() < deadline_s
            consumer.consume(1, 0.1)
        ((error, (place,)),) = reports
        assert (error, place.partition, place.offset, place.error) == (None, 0, 3, None)


def test_metadata_of_4095_bytes_is_taken(cluster: Cluster, name: str) -> None:
    """One less than the broker's 4,096: the client sends its terminating NUL along."""
    cluster.create(name, 1)
    with consumer_of(cluster, name) as consumer:
        commit(consumer, TopicPartition(name, 0, 1, "x" * 4095))
        assert committed(consumer, TopicPartition(name, 0))[0].metadata == "x" * 4095


@pytest.mark.parametrize("cluster", [pytest.param("real", marks=pytest.mark.real)], indirect=True)
@pytest.mark.parametrize("size", [4096, 4097])
def test_longer_metadata_fails_the_commit(cluster: Cluster, name: str, size: int) -> None:
    """The embedded Kafka knows no such limit: only this one check is the real one's alone."""
    cluster.create(name, 1)
    with consumer_of(cluster, name) as consumer:
        commit(consumer, TopicPartition(name, 0, 1, "before"))
        with pytest.raises(KafkaException) as raised:
            consumer.commit(offsets=[TopicPartition(name, 0, 2, "x" * size)], asynchronous=False)
        assert raised.value.args[0].code() == KafkaError.OFFSET_METADATA_TOO_LARGE
        (found,) = committed(consumer, TopicPartition(name, 0))
        assert (found.offset, found.metadata) == (1, "before")


@pytest.mark.parametrize(("start", "where"), [(3, "retention"), (40, "past the end")])
def test_an_offset_outside_the_log_is_an_error_message_and_nothing_is_skipped(
    cluster: Cluster, name: str, start: int, where: str
) -> None:
    cluster.create(name, 2)
    put(cluster, name, 20, partition=0)
    put(cluster, name, 5, partition=1)
    cluster.delete_records(name, 0, 10)
    with consumer_of(cluster, name) as consumer:
        consumer.assign([TopicPartition(name, 0, start), TopicPartition(name, 1, 0)])
        messages = take_until(
            consumer, lambda taken: has(KafkaError._AUTO_OFFSET_RESET)(taken) and has(KafkaError._PARTITION_EOF)(taken)
        )
        (error,) = [message for message in messages if code_of(message) == KafkaError._AUTO_OFFSET_RESET]
        assert (error.topic(), error.partition(), error.offset()) == (name, 0, start), where
        read = [(message.partition(), message.offset()) for message in messages if message.error() is None]
        assert read == [(1, offset) for offset in range(5)]
        assert consumer.get_watermark_offsets(TopicPartition(name, 0), timeout=WITHIN_S) == (10, 20)


def test_a_paused_partition_gives_nothing_until_it_is_resumed(cluster: Cluster, name: str) -> None:
    cluster.create(name, 2)
    put(cluster, name, 5, partition=0)
    put(cluster, name, 5, partition=1)
    with consumer_of(cluster, name) as consumer:
        consumer.assign([TopicPartition(name, 0, 0), TopicPartition(name, 1, 0)])
        consumer.pause([TopicPartition(name, 0)])
        messages = take_until(consumer, has(KafkaError._PARTITION_EOF))
        assert {message.partition() for message in messages} == {1}
        consumer.resume([TopicPartition(name, 0)])
        messages = take_until(consumer, has(KafkaError._PARTITION_EOF))
        assert [message.offset() for message in messages if message.error() is None] == list(range(5))
        assert {message.partition() for message in messages} == {0}


def test_both_ends_of_partitions_without_transactions_are_the_same(cluster: Cluster, name: str) -> None:
    cluster.create(name, 2)
    put(cluster, name, 7)
    kafka = Kafka(brokers=cluster.bootstrap, topic=name)
    expected = {0: PartitionEnd(7, 7), 1: PartitionEnd(0, 0)}
    assert partition_ends(kafka, [0, 1]) == expected
    watch = EndWatch(kafka)
    deadline_s = time.monotonic() + WITHIN_S
    found = None
    while not found:
        assert time.monotonic() < deadline_s
        if not watch.asking:
            watch.ask([0, 1])
        found = watch.take_answer()
    assert found == expected
