"""Kafka is asked for the age of what nobody reads: seldom, a few partitions, and never for what is known."""

from collections.abc import Mapping

from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.events import Event, OldestMessages, Progress
from ingest.pipeline.kafka.end_offsets import EndWatch
from ingest.pipeline.kafka.oldest_watch import Answer, OldestWatch
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, PartitionEnd, PartitionProgress
from ingest.supervisor.ends import EndsOfTopics
from ingest.supervisor.ledger import Ledger
from ingest.supervisor.oldest import EVERY_S, LOOK_S, MOST, OldestOfTopics
from ingest.supervisor.plan import TopicPlan

TOPIC = "rides"


class Ends(EndWatch):
    def __init__(self, ends: dict[int, PartitionEnd]) -> None:
        super().__init__(Kafka(topic=TOPIC))
        self.ends: dict[int, PartitionEnd] | None = ends

    @property
    def asking(self) -> bool:
        return True

    def take_answer(self) -> dict[int, PartitionEnd] | None:
        answer, self.ends = self.ends, None
        return answer


class Watch(OldestWatch):
    def __init__(self) -> None:
        super().__init__(Kafka(topic=TOPIC))
        self.asked: list[Mapping[int, int]] = []
        self.answer: Answer | None = None

    @property
    def asking(self) -> bool:
        return False

    def ask(self, positions: Mapping[int, int]) -> None:
        self.asked.append(positions)

    def take_answer(self) -> Answer | None:
        answer, self.answer = self.answer, None
        return answer


class Scene:
    """A topic whose partitions end at 100, and are committed up to what is given; None without a commit."""

    def __init__(self, committed: Mapping[int, int | None], start: str = "earliest") -> None:
        settings = Config(kafka=Kafka.model_validate({"topic": TOPIC, "start": start})).topics[0]
        marks = {p: None if offset is None else Checkpoint(offset, NOTHING) for p, offset in committed.items()}
        bounds = dict.fromkeys(committed, (0, 100))
        plan = TopicPlan(settings, tuple(committed), bounds, marks, None, StartPlan("a"))
        self.ledger = Ledger()
        self.emitted: list[Event] = []
        ends = dict.fromkeys(committed, PartitionEnd(100, 100))
        known = EndsOfTopics({TOPIC: plan}, {TOPIC: self.ledger}, lambda _: None, 0.0, watches={TOPIC: Ends(ends)})
        known.poll(0.0)
        self.watch = Watch()
        self.oldest = OldestOfTopics(
            {TOPIC: plan}, {TOPIC: self.ledger}, known, self.emitted.append, now=0.0, watches={TOPIC: self.watch}
        )

    def reports(self, next_offset: int, oldest_ms: int | None) -> None:
        progress = PartitionProgress(next_offset, next_offset, 100, 0, NOTHING, oldest_ms)
        self.ledger.take(
            Progress(worker=0, loops=1, state="reading", uploads_in_flight=0, rss_bytes=1, partitions={0: progress})
        )

    def looks(self, *looks: float) -> list[Mapping[int, int]]:
        for look in looks:
            self.oldest.poll(look * LOOK_S)
        return self.watch.asked


def test_what_stays_unknown_is_asked_for_and_then_known() -> None:
    scene = Scene({0: 7, 1: 100})
    assert scene.looks(0, 1) == []
    assert scene.looks(2) == [{0: 7}]
    scene.watch.answer = {0: (7, 5_000)}
    scene.looks(3)
    assert scene.emitted == [OldestMessages(topic=TOPIC, next_offsets={0: 7}, timestamps_ms={0: 5_000})]
    assert len(scene.looks(4, 5, 20, 21)) == 1


def test_without_an_answer_it_is_asked_again_but_not_often() -> None:
    scene = Scene({0: 7})
    again = EVERY_S / LOOK_S
    assert len(scene.looks(1, 2, 3, 4, 1 + again)) == 1
    assert len(scene.looks(2 + again, 3 + again)) == 2


def test_what_a_worker_reports_is_not_asked_for() -> None:
    scene = Scene({0: 7})
    scene.reports(7, 5_000)
    assert scene.looks(1, 2, 3) == []
    scene.reports(7, None)  # hung before it has read
    assert scene.looks(4, 5) == [{0: 7}]


def test_few_partitions_at_a_time_in_turn() -> None:
    scene = Scene(dict.fromkeys(range(2 * MOST), 7))
    scene.looks(1, 2)
    scene.looks(20, 21)
    first, second = scene.watch.asked
    assert len(first) == len(second) == MOST
    assert set(first).isdisjoint(second)


def test_where_reading_begins_must_be_known() -> None:
    assert Scene({0: None}, start="latest").looks(1, 2, 3) == []
    assert Scene({0: None}).looks(1, 2, 3) == [{0: 0}]
