"""The supervisor knows where partitions end, names what waits for a transaction, and ends a run that would hang."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.events import Committed, Event, PartitionEnds, TransactionOpen
from ingest.pipeline.kafka.end_offsets import EndWatch
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.records import PartitionEnd
from ingest.supervisor.ends import EVERY_S, MARGIN_S, REPEAT_S, STANDS_S, EndsOfTopics
from ingest.supervisor.ledger import Ledger
from ingest.supervisor.plan import TopicPlan

TOPIC = "rides"


class Watch(EndWatch):
    """Answers what it was given, once it was asked."""

    def __init__(self) -> None:
        super().__init__(Kafka(topic=TOPIC))
        self.asked: list[tuple[int, ...]] = []
        self.answer: dict[int, PartitionEnd] | None = None

    @property
    def asking(self) -> bool:
        return False

    def ask(self, partitions: Iterable[int]) -> None:
        self.asked.append(tuple(partitions))

    def take_answer(self) -> dict[int, PartitionEnd] | None:
        answer, self.answer = self.answer, None
        return answer


class Scene:
    def __init__(self, *, until: Mapping[int, int] | None = None, longest_s: float | None = None) -> None:
        settings = Config(kafka=Kafka(topic=TOPIC)).topics[0]
        plan = TopicPlan(settings, (0, 1), {0: (0, 100), 1: (0, 9)}, {0: None, 1: None}, until, StartPlan("a"))
        self.emitted: list[Event] = []
        self.watch = Watch()
        self.ledgers = {TOPIC: Ledger()}
        self.ends = EndsOfTopics(
            {TOPIC: replace(plan, existing=2)},
            self.ledgers,
            self.emitted.append,
            0.0,
            longest_transaction_s=longest_s,
            watches={TOPIC: self.watch},
        )

    def answers(self, now: float, **ends: tuple[int, int]) -> str:
        self.watch.answer = {int(name[1:]): PartitionEnd(*end) for name, end in ends.items()}
        return self.ends.poll(now)

    def committed(self, **next_offsets: int) -> None:
        offsets = {int(name[1:]): offset for name, offset in next_offsets.items()}
        self.ledgers[TOPIC].take(Committed(worker=0, next_offsets=offsets))

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.emitted if isinstance(event, kind)]


def test_all_partitions_are_asked_for_every_few_seconds() -> None:
    scene = Scene()
    for now in (0.0, 1.0, EVERY_S - 0.1, EVERY_S, EVERY_S + 1):
        scene.ends.poll(now)
    assert scene.watch.asked == [(0, 1), (0, 1)]


def test_the_time_counts_from_when_the_stable_offset_was_first_seen_there() -> None:
    scene = Scene()
    scene.answers(10.0, p0=(100, 100), p1=(9, 9))
    scene.answers(15.0, p0=(100, 170), p1=(9, 9))
    scene.answers(20.0, p0=(100, 200))
    scene.answers(25.0, p0=(150, 200))  # another transaction
    scene.answers(30.0, p0=(201, 201))
    told = scene.told(PartitionEnds)
    assert all(isinstance(event, PartitionEnds) for event in told)
    held = [event.held_back_s for event in told if isinstance(event, PartitionEnds)]
    assert held == [{}, {0: 0.0}, {0: 5.0}, {0: 0.0}, {}]
    assert scene.told(TransactionOpen) == []


def test_a_transaction_that_stays_open_is_reported_now_and_then() -> None:
    scene = Scene()
    now = 0.0
    while now <= STANDS_S + REPEAT_S + 2 * EVERY_S:
        scene.answers(now, p0=(100, 170), p1=(9, 12))
        now += EVERY_S
    told = scene.told(TransactionOpen)
    assert len(told) == 2
    first = told[0]
    assert isinstance(first, TransactionOpen)
    assert (first.partition, first.stable_offset, first.held_back, first.held_back_s) == (0, 100, 70, STANDS_S)
    assert first.other_partitions == (1,)


def test_a_run_with_an_end_waits_for_a_transaction_as_long_as_the_brokers_allow_one() -> None:
    scene = Scene(until={0: 170, 1: 9}, longest_s=100.0)
    scene.committed(p0=100, p1=9)
    limit_s = 100.0 + MARGIN_S
    assert scene.answers(0.0, p0=(100, 170), p1=(9, 9)) == ""
    assert scene.answers(limit_s - 0.1, p0=(100, 170), p1=(9, 9)) == ""
    assert "rides partition 0 at offset 100" in scene.answers(limit_s, p0=(100, 170), p1=(9, 9))
    assert scene.answers(limit_s + 5, p0=(100, 170), p1=(9, 9)) == "", "a second stop would kill the workers"


def test_a_run_is_not_stopped_while_there_is_anything_to_do() -> None:
    scene = Scene(until={0: 170, 1: 9}, longest_s=100.0)
    held = {"p0": (100, 170), "p1": (9, 9)}
    scene.answers(0.0, **held)
    assert scene.answers(1_000.0, **held) == "", "neither is committed"
    scene.committed(p0=100)
    assert scene.answers(1_005.0, **held) == "", "one of them is not read to its end"
    scene.committed(p1=9)
    assert scene.answers(1_010.0, **held) != ""


def test_a_run_without_an_end_and_one_that_is_done_go_on() -> None:
    endless = Scene()
    done = Scene(until={0: 170, 1: 9}, longest_s=100.0)
    done.committed(p0=170, p1=9)
    for now in (0.0, 1_000.0):
        assert endless.answers(now, p0=(100, 170)) == ""
        assert done.answers(now, p0=(180, 400), p1=(9, 9)) == ""
