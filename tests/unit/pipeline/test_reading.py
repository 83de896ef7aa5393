"""Reading with a partition that is paused by request: the consumer is told once, and its quiet is no silence."""

from collections.abc import Mapping
from typing import Any, cast

from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.pipeline.kafka.consumer import Polled
from ingest.pipeline.kafka.silence import SILENCE_S
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.reading import Reading


class Consumer:
    """Brings nothing, although the brokers have more of each partition."""

    def __init__(self) -> None:
        self.paused: list[frozenset[int]] = []
        self.rebuilt: list[Mapping[int, int]] = []

    def assign(self, _positions: Mapping[int, int]) -> None: ...

    def keep_paused(self, partitions: frozenset[int]) -> None:
        self.paused.append(partitions)

    def poll(self, _most: int, _timeout_s: float) -> Polled:
        return Polled(None, {}, {})

    def has_unread(self, positions: Mapping[int, int]) -> bool:
        paused = self.paused[-1] if self.paused else frozenset()
        return bool(positions.keys() - paused)

    def credentials_changed(self) -> bool:
        return False

    def rebuild(self, positions: Mapping[int, int]) -> None:
        self.rebuilt.append(positions)


class Room:
    """One route that always has room; nothing is in hand."""

    in_flight = 0
    pending = blocked = False

    def items(self) -> list[tuple[int, Any]]:
        return [(0, self)]

    def room(self) -> int:
        return 100

    def messages(self, most: int) -> int:
        return most

    def due_in_s(self, _now: float) -> None: ...


def reading(consumer: Consumer) -> Reading:
    (config,) = Config(kafka=Kafka(brokers="k:1", topic="rides", group="g")).topics
    made = Reading(
        config,
        None,
        consumer=cast("Any", consumer),
        trackers={partition: PartitionTracker(partition, 7, None, "rules") for partition in (0, 1)},
        chunks=cast("Any", Room()),
        deliveries=cast("Any", Room()),
        emit=lambda _: None,
        on_trouble=lambda _: None,
    )
    made.begin(0.0)
    return made


def turn(made: Reading, now: float) -> None:
    made.poll(now, draining=False, committing=False, metadata_full=False)


def test_the_consumer_is_told_of_changes_only() -> None:
    consumer = Consumer()
    made = reading(consumer)
    for partitions in (frozenset[int](), frozenset({1}), frozenset({1}), frozenset[int]()):
        made.keep_paused(partitions, 1.0)
    assert consumer.paused == [{1}, frozenset()]


def test_what_is_paused_is_no_silence_and_what_is_resumed_has_all_its_time() -> None:
    consumer = Consumer()
    made = reading(consumer)
    made.keep_paused(frozenset({0, 1}), 1.0)
    for now in (2.0, SILENCE_S + 2.0, 3 * SILENCE_S + 2.0):
        turn(made, now)
    resumed_at = 4 * SILENCE_S + 10.0  # the last look is longer ago than SILENCE_S
    made.keep_paused(frozenset({0}), resumed_at)
    turn(made, resumed_at + 1.0)
    assert consumer.rebuilt == []
    turn(made, resumed_at + SILENCE_S)
    assert consumer.rebuilt == [{0: 7, 1: 7}], "with the paused one: its consumer keeps the pause"


def test_a_paused_partition_holds_up_the_end_of_a_run() -> None:
    made = reading(Consumer())
    made.keep_paused(frozenset({0, 1}), 1.0)
    assert not made.done
