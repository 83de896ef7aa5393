"""Histories of workers, replayed through a fake clock and fake processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ingest.config.sections import Supervisor as SupervisorPolicy
from ingest.errors import ExitCode
from ingest.events import (
    Committed,
    DrainStarted,
    DuplicatesPossible,
    Event,
    Notice,
    PartitionPaused,
    PartitionResumed,
    PartitionsAdded,
    Progress,
    UploadStarted,
    WorkerExited,
    WorkerGivenUp,
    WorkerHung,
    WorkerRestarting,
)
from ingest.records import PartitionProgress, Span
from ingest.supervisor.ledger import Bounds
from ingest.supervisor.partition_sets import Assignment
from ingest.supervisor.supervisor import GRACE_S, LEAST_START_LIMIT_S, STEP_S, Supervisor

KILLED = -9


@dataclass
class FakeWorker:
    index: int
    assignment: Assignment
    pid: int
    code: int | None = None
    said: list[Event] = field(default_factory=list)
    added: list[int] = field(default_factory=list)
    confirmations: list[int] = field(default_factory=list)
    pauses: list[list[int]] = field(default_factory=list)
    drains: int = 0
    kills: int = 0
    closed: bool = False
    immortal: bool = False

    def exit_code(self) -> int | None:
        assert not self.closed
        return self.code

    def events(self) -> list[Event]:
        assert not self.closed
        said, self.said = self.said, []
        return said

    def sentinel(self) -> int:
        return 100 + self.pid

    def fds(self) -> list[int]:
        return [self.pid]

    def drain(self) -> None:
        self.drains += 1

    def add(self, partitions: Sequence[int]) -> None:
        self.added += partitions

    def confirmed(self, partitions: int) -> None:
        self.confirmations.append(partitions)

    def keep_paused(self, partitions: Sequence[int]) -> None:
        self.pauses.append(list(partitions))

    def kill(self) -> None:
        self.kills += 1
        if not self.immortal:
            self.code = KILLED

    def close(self) -> None:
        self.closed = True

    def live(self, **partitions: PartitionProgress) -> None:
        self.said.append(
            Progress(
                worker=self.index,
                loops=1,
                state="reading",
                uploads_in_flight=0,
                rss_bytes=0,
                partitions={int(name.removeprefix("p")): progress for name, progress in partitions.items()},
            )
        )


class History:
    """A supervisor with a clock that only moves when told to."""

    def __init__(self, workers: int = 2, *, topics: Sequence[str] = (), ends: bool = False, **policy: Any) -> None:
        self.now = 1000.0
        self.emitted: list[Event] = []
        self.started: list[FakeWorker] = []
        self.refuse: Callable[[], None] = lambda: None
        settings = {"drain_s": 10.0, "hang_s": 5.0, "base_backoff_s": 1.0, "max_crashes": 3, "crash_window_s": 60.0}
        self.supervisor = Supervisor(
            [
                Assignment(topic, (index * 2, index * 2 + 1))
                for index, topic in enumerate(topics or ["rides"] * workers)
            ],
            self.spawn,
            SupervisorPolicy.model_validate({**settings, **policy}),
            emit=self.emitted.append,
            clock=lambda: self.now,
            jitter=lambda: 1.0,
            ends=ends,
        )

    def spawn(self, index: int, assignment: Assignment) -> FakeWorker:
        self.refuse()
        worker = FakeWorker(index, assignment, pid=100 + len(self.started))
        self.started.append(worker)
        return worker

    def step(self) -> None:
        self.supervisor.step()

    def passes(self, seconds: float, *, alive: bool = True) -> None:
        """Time passes in steps; the running workers report progress if `alive`."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + STEP_S, end)
            if alive:
                for worker in self.started:
                    if worker.code is None:
                        worker.live()
            self.step()

    def done(self) -> bool:
        return self.supervisor.done

    def emissions(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.emitted if isinstance(event, kind)]

    def running(self, index: int) -> FakeWorker:
        return next(worker for worker in reversed(self.started) if worker.index == index)


def test_every_share_gets_a_worker() -> None:
    history = History(workers=3)
    history.step()
    assert [(worker.index, worker.assignment.partitions) for worker in history.started] == [
        (0, (0, 1)),
        (1, (2, 3)),
        (2, (4, 5)),
    ]
    assert history.supervisor.fds() == [100, 101, 102]
    assert history.supervisor.sentinels() == [200, 201, 202]
    assert not history.done()


def test_workers_that_reach_their_end_are_done() -> None:
    history = History(ends=True)
    history.step()
    history.started[0].code = 0
    history.step()
    assert not history.done()
    history.started[1].code = 0
    history.step()
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.DONE
    assert len(history.started) == 2
    assert history.emissions(WorkerExited) == []


def test_a_worker_that_leaves_without_an_end_to_reach_is_started_again() -> None:
    history = History()
    history.step()
    history.started[0].code = 0
    history.passes(2.0)
    assert [worker.index for worker in history.started] == [0, 1, 0]


def test_a_crash_restarts_only_that_worker_after_its_backoff() -> None:
    history = History(base_backoff_s=2.0)
    history.step()
    history.started[1].code = -11
    history.step()
    assert history.emissions(WorkerExited) == [WorkerExited(worker=1, pid=101, exit_code=-11, ran_s=0.0)]
    assert history.emissions(WorkerRestarting) == [WorkerRestarting(worker=1, restart_in_s=2.0, crashes=1)]
    assert history.supervisor.wait_s() == STEP_S
    history.passes(1.9)
    assert len(history.started) == 2
    assert history.supervisor.wait_s() == pytest.approx(0.1)
    history.passes(0.1)
    assert [worker.index for worker in history.started] == [0, 1, 1]
    assert history.started[2].assignment.partitions == (2, 3)


def test_a_worker_that_keeps_crashing_is_given_up_and_the_others_go_on() -> None:
    history = History(max_crashes=3)
    history.step()
    for _ in range(4):
        history.running(0).code = 1
        history.passes(5.0)
    assert history.emissions(WorkerGivenUp) == [
        WorkerGivenUp(worker=0, partitions=(0, 1), crashes=4, crash_window_s=60.0),
    ]
    assert [worker.index for worker in history.started].count(0) == 4
    assert history.running(1).code is None
    assert not history.done()
    history.supervisor.stop("SIGTERM")
    history.running(1).code = 0
    history.step()
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.CRASHING


def test_crashes_far_apart_never_give_up() -> None:
    history = History(workers=1, max_crashes=1, crash_window_s=10.0)
    history.step()
    for _ in range(5):
        history.running(0).code = KILLED
        history.passes(12.0)
    assert history.emissions(WorkerGivenUp) == []
    assert [event.restart_in_s for event in history.emissions(WorkerRestarting)] == [1.0] * 5


def test_a_worker_that_kafka_keeps_refusing_ends_as_that() -> None:
    history = History(workers=1, max_crashes=1)
    history.step()
    for _ in range(2):
        history.running(0).code = ExitCode.KAFKA
        history.passes(5.0)
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.KAFKA


def test_no_progress_for_hang_s_is_killed_and_started_again() -> None:
    history = History(workers=2)
    history.step()
    history.passes(1.0)
    stuck, lively = history.started
    while not stuck.kills:
        lively.live()
        history.passes(STEP_S, alive=False)
        assert history.now < 1010
    assert history.now == pytest.approx(1001 + 5.0 + STEP_S)
    assert history.emissions(WorkerHung)[0].worker == 0
    assert lively.kills == 0
    history.passes(3.0)
    assert [worker.index for worker in history.started] == [0, 1, 0]
    assert len(history.emissions(WorkerHung)) == 1


def test_a_starting_worker_has_longer() -> None:
    history = History(workers=1, hang_s=5.0)
    history.step()
    history.passes(LEAST_START_LIMIT_S, alive=False)
    assert history.started[0].kills == 0
    history.passes(2 * STEP_S, alive=False)
    assert history.started[0].kills == 1


def test_a_suspended_supervisor_does_not_blame_its_workers() -> None:
    history = History(workers=1)
    history.step()
    history.passes(1.0)
    history.now += 3600
    history.step()
    history.passes(4.0, alive=False)
    assert history.started[0].kills == 0
    history.passes(4.0, alive=False)
    assert history.started[0].kills == 1


def test_words_that_wait_in_the_pipe_are_read_before_the_worker_is_judged() -> None:
    history = History(workers=1)
    history.step()
    history.passes(1.0)
    history.now += 5.1
    history.started[0].live()
    history.step()
    assert history.started[0].kills == 0


def test_a_killed_worker_that_the_kernel_holds_is_killed_once() -> None:
    history = History(workers=1)
    history.step()
    history.passes(1.0)
    history.started[0].immortal = True
    history.passes(20.0, alive=False)
    assert history.started[0].kills == 1
    assert len(history.started) == 1


def test_a_stop_drains_and_waits() -> None:
    history = History()
    history.step()
    history.supervisor.stop("SIGTERM")
    assert history.emissions(DrainStarted) == [DrainStarted(reason="SIGTERM", deadline_in_s=10.0)]
    assert [worker.drains for worker in history.started] == [1, 1]
    history.passes(5.0)
    assert not history.done()
    for worker in history.started:
        worker.code = 0
    history.step()
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.DONE
    assert [worker.kills for worker in history.started] == [0, 0]


def test_a_drain_past_its_deadline_is_killed_and_says_so() -> None:
    history = History(workers=1, drain_s=10.0)
    history.step()
    history.supervisor.stop("SIGTERM")
    history.passes(10.0 + GRACE_S)
    assert history.started[0].kills == 0
    history.passes(STEP_S)
    assert history.started[0].kills == 1
    history.step()
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.DRAIN_DEADLINE


def test_a_worker_that_leaves_work_behind_tells_the_run() -> None:
    history = History(workers=1)
    history.step()
    history.supervisor.stop("SIGTERM")
    history.started[0].code = ExitCode.DRAIN_DEADLINE
    history.step()
    assert history.supervisor.exit_code is ExitCode.DRAIN_DEADLINE
    assert history.done()


def test_a_second_stop_leaves_at_once() -> None:
    history = History()
    history.step()
    history.supervisor.stop("SIGINT")
    history.passes(1.0)
    history.supervisor.stop("SIGINT")
    assert [worker.kills for worker in history.started] == [1, 1]
    history.step()
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.DRAIN_DEADLINE


def test_the_same_stop_told_twice_is_one() -> None:
    history = History()
    history.step()
    history.supervisor.stop("SIGTERM")
    history.supervisor.stop("SIGTERM")
    assert [worker.kills for worker in history.started] == [0, 0]
    assert [worker.drains for worker in history.started] == [1, 1]


def test_a_stop_during_a_backoff_starts_nothing() -> None:
    history = History(workers=1)
    history.step()
    history.started[0].code = KILLED
    history.step()
    history.supervisor.stop("SIGTERM")
    history.passes(5.0)
    assert len(history.started) == 1
    assert history.done()


def test_refused_credentials_halt_everything_with_their_code() -> None:
    history = History()
    history.step()
    history.started[0].code = ExitCode.CREDENTIALS
    history.step()
    assert history.started[1].drains == 1
    history.started[1].code = ExitCode.DRAIN_DEADLINE
    history.step()
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.CREDENTIALS


def test_refused_credentials_of_one_topic_leave_the_others_alone() -> None:
    history = History(topics=("rides", "fares", "fares"))
    history.step()
    rides, refused, beside = history.started
    refused.code = ExitCode.CREDENTIALS
    history.step()
    (told,) = history.emissions(DrainStarted)
    assert (told.topic, told.reason) == ("fares", "worker 1 exited with code 5, as every worker of fares would")
    assert (rides.drains, beside.drains) == (0, 1)
    # That drain has its own deadline, and is no stop of the others.
    beside.immortal = True
    history.passes(10.0 + GRACE_S + 2 * STEP_S)
    assert (rides.kills, rides.drains) == (0, 0)
    assert beside.kills > 0
    beside.code = KILLED
    history.step()
    assert not history.done()
    rides.code = KILLED
    history.passes(2.0)
    assert [worker.assignment.topic for worker in history.started[3:]] == ["rides"]
    history.supervisor.stop("SIGTERM")
    history.running(0).code = 0
    history.step()
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.CREDENTIALS


def test_a_stop_after_refused_credentials_drains_the_rest_first() -> None:
    history = History(topics=("rides", "fares"))
    history.step()
    history.started[1].code = ExitCode.CREDENTIALS
    history.step()
    history.passes(1.0)
    history.supervisor.stop("SIGTERM")
    assert (history.started[0].drains, history.started[0].kills) == (1, 0)
    history.passes(1.0)
    history.supervisor.stop("SIGTERM")
    assert history.started[0].kills == 1


def test_expired_offsets_halt_their_partitions_only() -> None:
    history = History(ends=True)
    history.step()
    history.started[0].code = ExitCode.EXPIRED
    history.passes(5.0)
    assert len(history.started) == 2
    assert history.started[1].drains == 0
    history.started[1].code = 0
    history.step()
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.EXPIRED


def test_a_machine_that_starts_no_process_is_a_crash_with_its_reason() -> None:
    history = History(workers=1, max_crashes=1)

    def refuse() -> None:
        raise OSError(12, "Cannot allocate memory")

    history.refuse = refuse
    history.passes(5.0)
    assert "Cannot allocate memory" in history.emissions(Notice)[0].text
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.CRASHING


def test_what_was_sent_and_not_committed_may_be_there_twice() -> None:
    history = History(workers=1)
    history.step()
    worker = history.started[0]
    first = Span(partition=0, first=0, next_offset=100, count=90)
    second = Span(partition=0, first=100, next_offset=200, count=100)
    other = Span(partition=1, first=0, next_offset=50, count=50)
    worker.said += [
        UploadStarted(worker=0, batch=1, rows=140, bytes=1, spans=(first, other)),
        UploadStarted(worker=0, batch=2, rows=100, bytes=1, spans=(second,)),
        Committed(worker=0, next_offsets={0: 100}),
    ]
    worker.code = KILLED
    history.step()
    assert history.emissions(DuplicatesPossible)[0].ranges == (second, other)
    # The next one repeats them and dies as well.
    history.passes(1.0)
    history.running(0).said.append(UploadStarted(worker=0, batch=1, rows=50, bytes=1, spans=(other,)))
    history.running(0).code = KILLED
    history.step()
    assert history.emissions(DuplicatesPossible)[1].ranges == (other,)


def test_a_clean_leave_repeats_nothing() -> None:
    history = History(workers=1, ends=True)
    history.step()
    span = Span(partition=0, first=0, next_offset=100, count=100)
    history.started[0].said.append(UploadStarted(worker=0, batch=1, rows=100, bytes=1, spans=(span,)))
    history.started[0].code = 0
    history.step()
    assert history.emissions(Notice) == []


def test_each_topic_has_a_ledger_and_crashes_of_its_own() -> None:
    history = History(topics=("rides", "fares", "fares"))
    history.step()
    assert [worker.assignment.topic for worker in history.started] == ["rides", "fares", "fares"]
    span = Span(partition=2, first=0, next_offset=100, count=90)  # partition 2 of either topic
    for worker in history.started[:2]:
        worker.said.append(UploadStarted(worker=worker.index, batch=1, rows=90, bytes=1, spans=(span,)))
    history.started[1].code = KILLED
    history.step()
    assert history.supervisor.crashes == {"fares": 1}
    history.passes(1.5)
    assert history.started[3].assignment == ("fares", (2, 3))
    nothing = {2: None}
    (fares,) = history.supervisor.ledgers["fares"].settle((2,), nothing, nothing, Bounds())
    (rides,) = history.supervisor.ledgers["rides"].settle((2,), nothing, nothing, Bounds())
    assert (fares.totals.duplicates_possible, rides.totals.duplicates_possible) == (90, 0)


def test_abandon_leaves_nobody() -> None:
    history = History()
    history.step()
    history.supervisor.abandon()
    assert [(worker.kills, worker.closed) for worker in history.started] == [(1, True), (1, True)]


def test_new_partitions_go_to_the_workers_with_the_fewest() -> None:
    history = History(topics=["rides", "rides", "fares"])
    history.step()
    assert history.supervisor.add("rides", [4, 5, 6]) == []
    assert [worker.added for worker in history.started] == [[4, 6], [5], []]
    told = [(event.worker, event.topic, event.partitions) for event in history.emissions(PartitionsAdded)]
    assert told == [(0, "rides", (4, 6)), (1, "rides", (5,))]
    history.running(0).code = KILLED
    history.passes(5.0)
    assert history.running(0).assignment.partitions == (0, 1, 4, 6), "whoever is started in its place reads them, too"
    assert history.running(0).added == []


def test_a_new_partition_waits_for_the_worker_that_is_about_to_start() -> None:
    history = History(workers=1)
    history.step()
    history.running(0).code = KILLED
    history.step()
    assert history.supervisor.add("rides", [2]) == []
    history.passes(5.0)
    assert history.running(0).assignment.partitions == (0, 1, 2)


def test_a_new_partition_of_workers_that_have_ended_is_given_back() -> None:
    history = History(workers=1)
    history.step()
    history.running(0).code = ExitCode.EXPIRED
    history.step()
    assert history.supervisor.add("rides", [2]) == [2]
    draining = History(workers=1)
    draining.step()
    draining.supervisor.stop("SIGTERM")
    assert draining.supervisor.add("rides", [2]) == [2]
    assert draining.emissions(PartitionsAdded) == []


@pytest.mark.parametrize("ends", [False, True])
def test_a_requested_restart_drains_one_worker_and_starts_it_again(ends: object) -> None:
    history = History(workers=2, ends=bool(ends))
    history.step()
    first, other = history.started
    history.supervisor.restart(0, "somebody")
    assert (first.drains, other.drains) == (1, 0)
    first.code = ExitCode.DONE
    history.step()
    assert len(history.started) == 3
    assert history.running(0).assignment == first.assignment
    assert history.emissions(WorkerRestarting) == []  # it is no crash
    assert not history.supervisor.crashes
    assert not history.supervisor.stopping


def test_a_worker_that_does_not_drain_for_its_restart_is_killed_and_started_again_as_after_a_crash() -> None:
    history = History(workers=1)
    history.step()
    history.supervisor.restart(0, "somebody")
    history.passes(10.0 + GRACE_S + 2 * STEP_S)
    assert history.started[0].kills == 1
    history.passes(3.0)
    assert len(history.started) == 2
    assert history.supervisor.crashes["rides"] == 1
    history.passes(10.0 + GRACE_S + 2 * STEP_S)
    assert history.started[1].kills == 0  # the deadline was the first one's


def test_a_stop_during_a_requested_restart_starts_nothing() -> None:
    history = History(workers=1)
    history.step()
    history.supervisor.restart(0, "somebody")
    history.supervisor.stop("SIGTERM")
    history.started[0].code = ExitCode.DONE
    history.step()
    assert history.done()
    assert history.supervisor.exit_code is ExitCode.DONE


@pytest.mark.parametrize("worker", [7, 0])
def test_a_restart_of_a_worker_that_is_not_there_or_drains_already_is_refused(worker: int) -> None:
    history = History(workers=1)
    history.step()
    if worker == 0:
        history.supervisor.restart(0, "somebody")
    history.supervisor.restart(worker, "somebody")
    assert "it is not restarted" in history.emissions(Notice)[-1].text
    assert history.started[0].drains == (1 if worker == 0 else 0)


def test_a_refused_key_during_a_requested_restart_halts_all() -> None:
    history = History(workers=2)
    history.step()
    history.supervisor.restart(0, "somebody")
    history.started[0].code = ExitCode.CREDENTIALS
    history.step()
    assert history.started[1].drains == 1
    assert len(history.started) == 2


def test_a_partition_is_paused_and_resumed_by_its_worker_and_it_is_said_who_asked() -> None:
    history = History(topics=["rides", "rides", "fares"])
    history.step()
    history.supervisor.set_paused("rides", 3, "ann", paused=True)
    history.supervisor.set_paused("rides", 2, "ann", paused=True)
    history.supervisor.set_paused("rides", 2, "bob", paused=True)  # it is already
    history.supervisor.set_paused("rides", 3, "bob", paused=False)
    assert [worker.pauses for worker in history.started] == [[], [[3], [2, 3], [2]], []]
    paused = [(event.worker, event.partition, event.by) for event in history.emissions(PartitionPaused)]
    assert paused == [(1, 3, "ann"), (1, 2, "ann")]
    assert [(event.worker, event.partition, event.by) for event in history.emissions(PartitionResumed)] == [
        (1, 3, "bob")
    ]
    assert history.supervisor.paused(1) == {2}
    assert history.supervisor.paused(0) == history.supervisor.paused(2) == frozenset()


def test_a_pause_outlives_the_process_and_may_be_asked_for_while_none_runs() -> None:
    history = History(workers=1)
    history.step()
    history.supervisor.set_paused("rides", 1, "ann", paused=True)
    history.running(0).code = KILLED
    history.step()
    history.supervisor.set_paused("rides", 0, "ann", paused=True)
    assert history.supervisor.paused(0) == {0, 1}
    history.passes(5.0)
    assert history.supervisor.paused(0) == {0, 1}
    assert history.running(0).pauses == [], "it is told when it starts"


def test_a_pause_that_holds_up_the_end_of_the_run_says_so() -> None:
    for ends in (True, False):
        history = History(workers=1, ends=ends)
        history.step()
        history.supervisor.set_paused("rides", 1, "ann", paused=True)
        assert [event.holds_up_the_end for event in history.emissions(PartitionPaused)] == [ends]


def test_what_no_worker_reads_and_what_drains_is_not_paused() -> None:
    history = History(workers=1)
    history.step()
    history.supervisor.set_paused("rides", 9, "ann", paused=True)
    history.supervisor.set_paused("fares", 0, "ann", paused=False)
    history.supervisor.stop("SIGTERM")
    history.supervisor.set_paused("rides", 0, "ann", paused=True)
    assert [event.text for event in history.emissions(Notice)] == [
        "ann: partition 9 of rides is not paused: no worker is to read it",
        "ann: partition 0 of fares is not resumed: no worker is to read it",
        "ann: partition 0 of rides is not paused: its worker drains",
    ]
    assert history.emissions(PartitionPaused) == []
    assert history.running(0).pauses == []
