"""Partitions that are added to the topic while a worker runs."""

from collections.abc import Mapping
from typing import cast

from ingest.pipeline.kafka.added_partitions import AddedPartitions
from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.pipeline.offsets.committer import Committer
from ingest.records import Counts

Answer = tuple[Checkpoint | None, tuple[int, int]]


class Kafka:
    """Says where partitions begin, once it knows them."""

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}
        self.asked: list[int] = []

    def committed_and_watermarks(self, partition: int) -> Answer | None:
        self.asked.append(partition)
        return self.answers.get(partition)


class Scene:
    def __init__(self) -> None:
        self.kafka = Kafka()
        self.committer = Committer(interval_s=1.0)
        self.tracked: dict[int, tuple[int, str]] = {}
        self.read: list[int] = []
        self.trouble: list[str] = []
        self.added = AddedPartitions(
            cast("PartitionConsumer", self.kafka),
            self.committer,
            track=self.track,
            read=lambda partition, _: self.read.append(partition),
            on_trouble=self.trouble.append,
        )

    def track(self, partition: int, offset: int, why: str, _mark: Checkpoint | None) -> None:
        self.tracked[partition] = offset, why

    def commit(self, checkpoints: Mapping[int, Checkpoint]) -> None:
        self.committer.prepare_commit(checkpoints, 0.0)
        self.committer.send_prepared(0.0)
        self.committer.handle_answer({p: (checkpoint.next_offset, "") for p, checkpoint in checkpoints.items()}, 0.0)


def test_a_new_partition_is_read_from_its_first_message_once_that_is_committed() -> None:
    scene = Scene()
    scene.kafka.answers = {4: (None, (7, 100))}
    scene.added.add([4])
    scene.added.poll(0.0)
    assert scene.tracked == {4: (7, "added")}
    assert scene.read == []
    scene.commit({4: Checkpoint(7)})
    scene.added.poll(0.1)
    scene.added.poll(0.2)
    assert scene.read == [4]


def test_one_that_was_committed_before_goes_on_there() -> None:
    scene = Scene()
    scene.kafka.answers = {4: (Checkpoint(50, Counts(43)), (7, 100))}
    scene.added.add([4])
    scene.added.poll(0.0)
    assert scene.tracked == {4: (50, "committed")}
    assert scene.read == [4]


def test_one_that_kafka_says_nothing_of_holds_up_neither_the_others_nor_the_loop() -> None:
    scene = Scene()
    scene.kafka.answers = {5: (None, (0, 0)), 6: (None, (0, 0))}
    scene.added.add([4, 5, 6])
    now = 0.0
    for _ in range(1000):
        now += 0.1
        scene.added.poll(now)
    assert set(scene.tracked) == {5, 6}
    assert scene.kafka.asked.count(4) <= 8, "less and less often"
    assert "partition 4" in scene.trouble[0]
    scene.kafka.answers[4] = None, (0, 0)
    for _ in range(1000):
        now += 0.1
        scene.added.poll(now)
    assert set(scene.tracked) == {4, 5, 6}
