"""Whoever watches a run can't stop it."""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from ingest.accounting.run_account import RunAccount
from ingest.events import Event, HealthChanged, Notice, Progress, WorkerStarted
from ingest.status.run_state import RunState
from ingest.status.snapshot import Snapshot
from ingest.status.watchers import PUBLISH_S, Detached, Publisher

WALL = 1.7e9
QUIET: Mapping[str, Any] = {"uploads_in_flight": 0, "uploads_limit": 2, "rss_bytes": 1, "partitions": {}}
PATIENCE_S = 30.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Seen:
    """A watcher and screen that keeps what it is shown."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.snapshots: list[Snapshot] = []
        self.lost = 0
        self.entered = self.left = False

    def emit(self, event: Event, at: float) -> None:
        assert at == WALL
        self.events.append(event)

    def tick(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def account(self, account: RunAccount) -> None:
        assert account.topic

    def ending(self, snapshot: Snapshot) -> None:
        """Nothing."""

    def dropped(self, events: int, at: float) -> None:
        assert at > 0
        self.lost += events

    def __enter__(self) -> Self:
        self.entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left = True


class Raising(Seen):
    def emit(self, event: Event, at: float) -> None:
        super().emit(event, at)
        raise ValueError("a value that nobody may see")

    def tick(self, snapshot: Snapshot) -> None:
        super().tick(snapshot)
        raise OSError(28, "No space left on device")


class Blocking(Seen):
    """Blocks in its first event until it is released, as in a write to a pipe that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.blocked = threading.Event()
        self.released = threading.Event()

    def emit(self, event: Event, at: float) -> None:
        self.blocked.set()
        assert self.released.wait(PATIENCE_S)
        super().emit(event, at)


def publisher(*watchers: Seen | Detached, clock: Clock | None = None) -> Publisher:
    return Publisher(RunState(), watchers, clock=clock or Clock(), wall=lambda: WALL)


def test_a_snapshot_is_published_twice_a_second_at_most_and_the_last_one_says_how_it_ended() -> None:
    clock, seen = Clock(), Seen()
    published = publisher(seen, clock=clock)
    first = published.snapshot()
    for _ in range(10):
        published.tick()
    assert published.snapshot() is first
    clock.now += PUBLISH_S
    published.tick()
    assert published.snapshot() is seen.snapshots[-1] is not first
    published.end(6)
    assert (published.snapshot().ended, published.snapshot().exit_code) == (True, 6)


def test_a_fault_that_has_no_event_of_its_own_is_told_to_every_watcher_as_soon_as_a_snapshot_shows_it() -> None:
    clock, seen = Clock(), Seen()
    published = publisher(seen, clock=clock)
    published.emit(WorkerStarted(worker=0, pid=7, partitions=(0,), lane="fast"))
    published.emit(Progress(worker=0, loops=1, state="reading", kafka_silent_s=1.0, **QUIET))
    clock.now += PUBLISH_S
    published.tick()
    (told,) = [event for event in seen.events if isinstance(event, HealthChanged)]
    assert told.text == published.snapshot().sentence == seen.snapshots[-1].sentence
    assert "Kafka has not answered" in told.text
    clock.now += PUBLISH_S
    published.tick()
    assert [line.event for line in published.snapshot().events].count("health_changed") == 1


def test_every_watcher_gets_every_event_and_one_that_raises_is_reported_to_the_others_once() -> None:
    clock, raising, seen = Clock(), Raising(), Seen()
    published = publisher(raising, seen, clock=clock)
    for text in ("one", "two"):
        published.emit(Notice(text=text))
        clock.now += PUBLISH_S
        published.tick()
    texts = [event.text for event in seen.events if isinstance(event, Notice)]
    assert [text for text in texts if text in {"one", "two"}] == ["one", "two"]
    reports = [text for text in texts if "what shows the run has failed" in text]
    assert len(reports) == 2, "one for each of the two faults"
    assert "nobody may see" not in "".join(texts)
    assert any("what shows the run has failed" in line.text for line in published.snapshot().events)


def test_a_screen_that_blocks_holds_nothing_up_and_what_it_missed_is_counted() -> None:
    blocking = Blocking()
    shown = Detached(blocking, wanted=lambda _: True, most=3)
    with shown:
        published = publisher(shown)
        published.emit(Notice(text="0"))
        assert blocking.blocked.wait(PATIENCE_S)
        for number in range(1, 8):
            published.emit(Notice(text=str(number)))
        blocking.released.set()
    assert blocking.left
    assert [event.text for event in blocking.events if isinstance(event, Notice)] == ["0", "1", "2", "3"]
    assert blocking.lost == 4


def test_the_run_ends_without_a_screen_that_never_comes_back_and_its_thread_closes_what_it_writes_to() -> None:
    blocking, closed = Blocking(), threading.Event()
    shown = Detached(blocking, wanted=lambda _: True, at_end=closed.set)
    shown.__enter__()
    publisher(shown).emit(Notice(text="0"))
    assert blocking.blocked.wait(PATIENCE_S)
    assert not shown.close(within_s=0.01)
    assert not closed.is_set()
    blocking.released.set()
    assert shown.close(within_s=PATIENCE_S)
    assert closed.is_set()


def test_a_screen_gets_only_what_it_wants_and_the_newest_snapshot() -> None:
    seen = Seen()
    with Detached(seen, wanted=lambda event: event.level != "debug") as shown:
        assert str(shown) == "Seen"
        published = publisher(shown)
        published.emit(Notice(text="x"))
        published.end(0)
    assert (seen.entered, seen.left) == (True, True)
    assert [type(event) for event in seen.events] == [Notice]
    assert [snapshot.ended for snapshot in seen.snapshots][-1:] == [True]


def test_what_a_detached_screen_raised_is_reported_to_the_others() -> None:
    seen = Seen()
    shown = Detached(Raising(), wanted=lambda _: True)
    with shown:
        published = publisher(shown, seen)
        published.emit(Notice(text="x"))
        shown.close(PATIENCE_S)
        published.emit(Notice(text="y"))
    assert any("Detached" not in e.text and "Raising" in e.text for e in seen.events if isinstance(e, Notice))


class Failing(RunState):
    """A state that fails like one for which no thread can be had."""

    failing = False

    def take(self, event: Event, now: float) -> None:
        if self.failing:
            raise RuntimeError("can't start new thread")
        super().take(event, now)

    def snapshot(self, now: float, wall: float) -> Snapshot:
        if self.failing:
            raise RuntimeError("can't start new thread")
        return super().snapshot(now, wall)


def test_a_state_that_fails_ends_no_run_and_the_last_snapshot_stays() -> None:
    clock, state, seen = Clock(), Failing(), Seen()
    publisher = Publisher(state, [seen], clock=clock, wall=lambda: WALL)
    before = publisher.snapshot()
    state.failing = True
    clock.now += PUBLISH_S
    publisher.emit(Notice(text="x"))
    publisher.tick()
    assert publisher.snapshot() is before
    assert any("the state of the run" in event.text for event in seen.events if isinstance(event, Notice))
    state.failing = False
    clock.now += PUBLISH_S
    publisher.tick()
    assert publisher.snapshot() is not before
