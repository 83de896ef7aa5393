"""Partitions that are added to a topic during a run are assigned to its workers, or reported."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.events import Committed, Event, PartitionsNotRead
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.pipeline.kafka.time_range import OffsetRange
from ingest.pipeline.kafka.topic_identity import Answer, NoAnswer, NoTopic
from ingest.pipeline.kafka.topic_watch import TopicWatch
from ingest.records import TopicShape
from ingest.supervisor.growth import EVERY_S, PartitionGrowth
from ingest.supervisor.ledger import Ledger
from ingest.supervisor.plan import TopicPlan

TOPIC = "rides"


class Watch(TopicWatch):
    """Answers what it was given, once it was asked."""

    def __init__(self) -> None:
        super().__init__(Kafka(topic=TOPIC))
        self.asked = 0
        self.answer: Answer | None = None

    @property
    def asking(self) -> bool:
        return False

    def ask(self) -> None:
        self.asked += 1

    def take_answer(self) -> Answer | None:
        answer, self.answer = self.answer, None
        return answer


class Scene:
    def __init__(self, *, named_by: str = "", ends: dict[int, int] | None = None) -> None:
        settings = Config(kafka=Kafka(topic=TOPIC, start="latest")).topics[0]
        plan = TopicPlan(settings, (0, 1), {0: (0, 9), 1: (0, 9)}, {0: None, 1: None}, ends, StartPlan("a"))
        self.plans = {TOPIC: replace(plan, named_by=named_by, existing=2)}
        self.given: list[tuple[str, tuple[int, ...]]] = []
        self.nobody = False
        self.emitted: list[Event] = []
        self.watch = Watch()
        self.ledgers = {TOPIC: Ledger()}
        self.confirmations: list[int] = []
        self.growth = PartitionGrowth(self.plans, self, self.emitted.append, 0.0, {TOPIC: self.watch})

    def confirmed(self, _topic: str, partitions: int) -> None:
        self.confirmations.append(partitions)

    def add(self, topic: str, partitions: Sequence[int]) -> list[int]:
        self.given.append((topic, tuple(partitions)))
        return list(partitions) if self.nobody else []

    def answers(self, answer: Answer) -> None:
        self.watch.answer = answer
        self.growth.poll(1.0)

    def has(self, partitions: int, topic_id: str = "a") -> None:
        self.answers(TopicShape(topic_id, tuple(range(partitions))))


def test_each_added_partition_is_assigned_once_and_read_from_the_first_message() -> None:
    scene = Scene()
    for partitions in (2, 4, 4, 5):
        scene.has(partitions)
    assert scene.given == [(TOPIC, (2, 3)), (TOPIC, (4,))]
    assert scene.plans[TOPIC].partitions == (0, 1, 2, 3, 4)
    assert scene.plans[TOPIC].start_plan.chosen_starts == {2: None, 3: None, 4: None}
    assert scene.emitted == []


@pytest.mark.parametrize(
    ("scene", "reason"), [(Scene(named_by="--partitions"), "--partitions"), (Scene(ends={0: 9, 1: 9}), "run ends")]
)
def test_partitions_that_are_not_read_are_reported_once(scene: Scene, reason: str) -> None:
    scene.has(4)
    scene.has(4)
    (event,) = scene.emitted
    assert isinstance(event, PartitionsNotRead)
    assert event.partitions == (2, 3)
    assert reason in event.reason
    assert scene.given == []
    assert scene.plans[TOPIC].partitions == (0, 1)


def test_partitions_that_nobody_can_take_are_reported_and_count_as_lag_in_the_end() -> None:
    scene = Scene()
    scene.nobody = True
    scene.has(3)
    (event,) = scene.emitted
    assert isinstance(event, PartitionsNotRead)
    assert "have ended" in event.reason
    assert scene.plans[TOPIC].partitions == (0, 1, 2)


def test_another_topic_or_a_missing_one_is_left_to_the_workers() -> None:
    scene = Scene()
    scene.has(9, topic_id="b")
    scene.answers(NoTopic())
    scene.answers(NoAnswer("timed out"))
    assert (scene.given, scene.emitted) == ([], [])


def test_the_topic_is_asked_for_every_few_seconds() -> None:
    scene = Scene()
    for now in (1.0, EVERY_S - 0.1, EVERY_S, EVERY_S + 0.1, 2 * EVERY_S + 0.1):
        scene.growth.poll(now)
    assert scene.watch.asked == 2


def test_the_workers_are_told_how_many_partitions_have_a_commit_and_none_is_left_out() -> None:
    scene = Scene()
    scene.has(4)
    for partition, confirmations in ((1, []), (0, [2]), (3, [2]), (2, [2, 4])):
        scene.ledgers[TOPIC].take(Committed(worker=0, next_offsets={partition: 0}))
        scene.growth.poll(scene.growth._ask_at)
        assert scene.confirmations == confirmations
    assert scene.plans[TOPIC].start_plan.topic_partitions == 4


def test_named_partitions_confirm_nothing() -> None:
    scene = Scene(named_by="--partitions")
    scene.ledgers[TOPIC].take(Committed(worker=0, next_offsets={0: 0, 1: 0}))
    scene.growth.poll(EVERY_S)
    assert scene.confirmations == []


def test_a_backfill_does_not_read_partitions_that_are_added() -> None:
    """It reads all partitions, so the reason is not that others are named."""
    scene = Scene(named_by="--from and --until", ends={0: 9, 1: 9})
    scene.plans[TOPIC] = replace(scene.plans[TOPIC], ranges={0: OffsetRange(0, 9), 1: OffsetRange(0, 9)})
    scene.has(3)
    (reported,) = scene.emitted
    assert isinstance(reported, PartitionsNotRead)
    assert reported.reason.startswith("a backfill reads")
    assert scene.given == []
