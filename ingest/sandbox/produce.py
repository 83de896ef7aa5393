"""Produces generated predictions to a topic.

Rules
1. Each event is produced to the partition that it names. Sequence numbers continue from the partition's end offset: on
   a topic that only this producer writes, an event's sequence is its offset, also over several runs.
2. The producer is idempotent and waits for all replicas, and a failed delivery raises: `Produced` counts only messages
   that are in Kafka.
3. Partitions take turns, so that they grow evenly.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from ingest.errors import IngestError
from ingest.sandbox.codecs import Codec
from ingest.sandbox.generate import Generator

TURN_EVENTS = 500
REQUEST_S = 30.0
FLUSH_S = 120.0
# Errors of a topic that has just been created.
_NOT_READY = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001  librdkafka's local codes have no public names
}

# Called after each turn with the number of events passed to the producer so far.
ProgressCallback = Callable[[int], None]


class ProduceError(IngestError):
    """Kafka didn't accept the messages."""


@dataclass(frozen=True, slots=True)
class Produced:
    """The messages of one run. `first` and `end` map a partition to its end offsets before and after the run."""

    topic: str
    first: dict[int, int] = field(default_factory=dict)
    end: dict[int, int] = field(default_factory=dict)
    good: dict[int, int] = field(default_factory=dict)
    bad: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def events(self) -> int:
        """The number of messages, good and bad."""
        return sum(self.good.values()) + sum(self.bad.values())


def produce(
    brokers: str,
    topic: str,
    partitions: Iterable[int],
    events: int,
    *,
    generator: Generator | None = None,
    rate_per_s: float | None = None,
    may_produce: Callable[[int], bool] = lambda _: True,
    progress: ProgressCallback = lambda _: None,
    codec: Codec = "lz4",
    options: Mapping[str, str | int | float | bool] | None = None,
) -> Produced:
    """Produce `events` events in all, shared evenly over `partitions`; acks from all replicas.

    `rate_per_s` limits events a second. `may_produce(produced)` is called before each turn; the producer waits
    while it returns false, so that it can wait for a reader. `codec` compresses the record batches, `options` are
    passed to librdkafka.
    Raises `ProduceError` when a delivery fails or an end offset isn't what was produced.
    """
    made_by = generator or Generator()
    shares = _shares(sorted(set(partitions)), events)
    failed: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(f"{topic} [{message.partition()}]: {error.str()}")

    producer = _producer(brokers, delivered, {"compression.type": codec, **(options or {})})
    began_s = time.monotonic()

    def may_go_on(produced: int) -> bool:
        early = rate_per_s is not None and produced > rate_per_s * (time.monotonic() - began_s)
        return not early and may_produce(produced)

    first = _ends(brokers, topic, shares)
    bad = dict.fromkeys(shares, 0)
    produced = 0
    for partition, start, stop in _turns(first, shares):
        while not may_go_on(produced) and not failed:
            producer.poll(0.02)
        _hand_over(producer, topic, partition, made_by, range(start, stop))
        if made_by.bad_share:
            bad[partition] += sum(made_by.bad(partition, sequence) is not None for sequence in range(start, stop))
        produced += stop - start
        producer.poll(0)
        if failed:
            break
        progress(produced)
    left = producer.flush(FLUSH_S)
    if failed or left:
        raise ProduceError(failed[0] if failed else f"{topic}: {left} messages not acknowledged within {FLUSH_S:g} s")
    end = _ends(brokers, topic, shares)
    _check_growth(topic, first, end, shares)
    good = {partition: share - bad[partition] for partition, share in shares.items()}
    return Produced(topic, first, end, good, bad, time.monotonic() - began_s)


def _check_growth(topic: str, first: dict[int, int], end: dict[int, int], shares: dict[int, int]) -> None:
    for partition, share in shares.items():
        if (grew := end[partition] - first[partition]) != share:
            raise ProduceError(
                f"{topic} [{partition}] grew by {grew} offsets where {share} messages were produced: "
                "another producer writes to it"
            )


def _producer(
    brokers: str,
    delivered: Callable[[KafkaError | None, Message], None],
    options: Mapping[str, str | int | float | bool],
) -> Producer:
    return Producer(
        {
            "bootstrap.servers": brokers,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 20,
            "queue.buffering.max.messages": 200_000,
            "queue.buffering.max.kbytes": 131_072,
            # A callback for each message would take as long as making it.
            "delivery.report.only.error": True,
            "on_delivery": delivered,
            **options,
        }
    )


def create_topic(
    brokers: str, topic: str, partitions: int, *, replication: int = 1, config: Mapping[str, str] | None = None
) -> bool:
    """Create the topic; returns False when it exists. `config` are its settings in Kafka.

    Raises `ProduceError` when Kafka refuses.

    Embedded Kafka doesn't support this request: use `EmbeddedKafka.create_topic`.
    """
    if _known_partitions(brokers, topic):
        return False
    admin = AdminClient({"bootstrap.servers": brokers})
    asked = admin.create_topics(
        [NewTopic(topic, partitions, replication, config=dict(config or {}))], request_timeout=REQUEST_S
    )
    try:
        asked[topic].result(REQUEST_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise ProduceError(f"{topic} can't be created: {error.args[0].str()}") from None
    except TimeoutError:
        raise ProduceError(f"{topic} can't be created: no answer from {brokers} in {REQUEST_S:g} s") from None
    return True


def topic_partitions(brokers: str, topic: str) -> list[int]:
    """The topic's partitions. Raises `ProduceError` when the topic doesn't exist or no broker answers."""
    known = _known_partitions(brokers, topic)
    if not known:
        raise ProduceError(
            f"topic {topic} does not exist at {brokers}; create it, or set the number of partitions to create it with"
        )
    return known


def _known_partitions(brokers: str, topic: str) -> list[int]:
    with _consumer(brokers) as consumer:
        try:
            found = consumer.list_topics(topic, timeout=REQUEST_S).topics[topic]
        except KafkaException as error:
            raise ProduceError(f"{brokers} can't be asked for {topic}: {error.args[0].str()}") from None
    return sorted(found.partitions) if found.error is None else []


def _ends(brokers: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """The end offset of each partition."""
    deadline = time.monotonic() + REQUEST_S
    with _consumer(brokers) as consumer:
        while True:
            try:
                return {
                    partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=REQUEST_S)[1]
                    for partition in partitions
                }
            except KafkaException as error:
                code = error.args[0].code()
                if code not in _NOT_READY or time.monotonic() >= deadline:
                    raise ProduceError(
                        f"{brokers} can't be asked for the end of {topic}: {error.args[0].str()}"
                    ) from None
            time.sleep(0.05)


def _consumer(brokers: str) -> contextlib.closing[Consumer]:
    # A consumer doesn't create a topic by asking for it, and embedded Kafka supports its requests.
    return contextlib.closing(
        Consumer({"bootstrap.servers": brokers, "group.id": "sandbox-produce", "enable.auto.commit": False})
    )


def _shares(partitions: Sequence[int], events: int) -> dict[int, int]:
    if not partitions:
        raise ProduceError("no partitions to produce to")
    even, rest = divmod(events, len(partitions))
    return {partition: even + (index < rest) for index, partition in enumerate(partitions)}


def _turns(first: dict[int, int], shares: dict[int, int]) -> Iterable[tuple[int, int, int]]:
    """(partition, from, to) sequences: a stretch of each partition in turn until all shares are done."""
    for done in range(0, max(shares.values()), TURN_EVENTS):
        for partition, share in shares.items():
            if done < share:
                yield partition, first[partition] + done, first[partition] + min(done + TURN_EVENTS, share)


def _hand_over(producer: Producer, topic: str, partition: int, made_by: Generator, sequences: range) -> None:
    for sequence in sequences:
        value, key = made_by.event(partition, sequence), made_by.key(partition, sequence)
        while True:
            try:
                producer.produce(topic, value=value, key=key, partition=partition)
            except BufferError:
                # The queue is full: let deliveries make room.
                producer.poll(0.1)
            else:
                break
