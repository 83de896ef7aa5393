"""The visible state of a run follows from its events."""

import pytest

from ingest import events
from ingest.records import Counts, PartitionProgress
from ingest.status.run_state import RunState
from ingest.status.views import Rate


def progress(worker: int, consumed: int, next_offset: int, partition: int = 0) -> events.Progress:
    return events.Progress(
        worker=worker,
        loops=1,
        state="reading",
        uploads_in_flight=1,
        rss_bytes=10,
        partitions={
            partition: PartitionProgress(
                next_offset=next_offset,
                position=next_offset + 10,
                end_offset=1000,
                consumed=consumed,
                counts=Counts(next_offset),
            )
        },
    )


@pytest.fixture
def run_state() -> RunState:
    run_state = RunState()
    run_state.take(
        events.SupervisorStarted(
            topic="rides", group="g", workers=1, partitions=(0,), next_offsets={0: 100}, end_offsets={0: 600}
        ),
        now=0.0,
    )
    run_state.take(events.WorkerStarted(worker=0, pid=7, partitions=(0,)), now=0.0)
    return run_state


def test_done_and_left_are_counted_from_where_the_run_began(run_state: RunState) -> None:
    assert run_state.done_of() == (0, 500)
    assert run_state.remaining_s(1.0) is None
    run_state.take(progress(0, consumed=0, next_offset=100), now=1.0)
    run_state.take(progress(0, consumed=300, next_offset=350), now=10.0)
    assert run_state.done_of() == (250, 500)
    assert run_state.remaining_s(10.0) == pytest.approx(10.0)
    assert run_state.acknowledged == 250
    assert run_state.lag == 250


def test_a_commit_past_the_end_is_all_of_it(run_state: RunState) -> None:
    run_state.take(progress(0, consumed=900, next_offset=900), now=1.0)
    assert run_state.done_of() == (500, 500)
    assert run_state.lag == 0


def test_without_an_end_nothing_is_left() -> None:
    run_state = RunState()
    run_state.take(events.SupervisorStarted(topic="rides", group="g", workers=1, partitions=(0,)), now=0.0)
    assert run_state.done_of() is None
    assert run_state.remaining_s(5.0) is None
    assert (run_state.lag, run_state.lag_unknown) == (0, 1)
    run_state.take(progress(0, consumed=1, next_offset=400), now=1.0)
    assert (run_state.lag, run_state.lag_unknown) == (600, 0)


def ends(stable_offset: int, end_offset: int, held_back_s: float | None = None) -> events.PartitionEnds:
    return events.PartitionEnds(
        topic="rides",
        end_offsets={0: end_offset},
        stable_offsets={0: stable_offset},
        held_back_s={} if held_back_s is None else {0: held_back_s},
    )


def test_a_partition_that_is_not_fetched_has_the_lag_that_the_supervisor_sees() -> None:
    run_state = RunState()
    run_state.take(events.SupervisorStarted(topic="rides", group="g", workers=1, partitions=(0,)), now=0.0)
    run_state.take(progress(0, consumed=1, next_offset=400), now=1.0)  # paused from now on: its end stays at 1000
    run_state.take(ends(5_000, 5_000), now=5.0)
    assert run_state.lag == 4_600
    run_state.take(events.WorkerGivenUp(worker=0, partitions=(0,), crashes=3, crash_window_s=1), now=6.0)
    run_state.take(ends(6_000, 6_000), now=10.0)
    assert run_state.lag == 5_600


def test_what_an_open_transaction_holds_back_is_named_and_nobody_predicts_its_end(run_state: RunState) -> None:
    run_state.take(progress(0, consumed=0, next_offset=100), now=0.0)
    run_state.take(progress(0, consumed=430, next_offset=530), now=10.0)
    run_state.take(ends(530, 700, held_back_s=61.0), now=10.0)
    assert (run_state.lag, run_state.held_back, run_state.held_back_s) == (70, 70, 61.0)
    assert run_state.remaining_s(10.0) is None
    run_state.take(progress(0, consumed=450, next_offset=550), now=11.0)  # it has ended
    assert (run_state.lag, run_state.held_back, run_state.held_back_s) == (50, 0, None)


def test_what_is_read_is_not_taken_for_acknowledged(run_state: RunState) -> None:
    run_state.take(progress(0, consumed=0, next_offset=100), now=0.0)
    run_state.take(progress(0, consumed=1_000, next_offset=100), now=1.0)  # Arize does not answer
    assert run_state.per_s == pytest.approx(1_000)
    assert run_state.acknowledged_per_s == 0
    run_state.take(events.UploadAcknowledged(worker=0, batch=1, rows=500, attempts=1, last_attempt_s=0.1), now=1.5)
    run_state.take(progress(0, consumed=1_000, next_offset=100), now=2.0)
    assert run_state.acknowledged_per_s > 0


def test_a_process_that_has_ended_has_no_pid_and_no_memory(run_state: RunState) -> None:
    run_state.take(progress(0, consumed=0, next_offset=100), now=0.0)
    run_state.take(events.WorkerHung(worker=0, pid=7, no_progress_s=31), now=1.0)
    assert (run_state.workers[0].pid, run_state.workers[0].rss_bytes) == (7, 10)
    run_state.take(events.WorkerExited(worker=0, pid=7, exit_code=-9, ran_s=1), now=2.0)
    assert (run_state.workers[0].pid, run_state.workers[0].rss_bytes) == (None, 0)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (events.WorkerExited(worker=0, pid=7, exit_code=-9, ran_s=1), "ended"),
        (events.WorkerRestarting(worker=0, restart_in_s=1, crashes=1), "waiting"),
        (events.WorkerHung(worker=0, pid=7, no_progress_s=31), "hung"),
        (events.WorkerGivenUp(worker=0, partitions=(0,), crashes=3, crash_window_s=1), "given up"),
        (events.WorkerFinished(worker=0, exit_code=0, unacknowledged=0), "done"),
        (events.WorkerFailed(worker=0, exit_code=5, error="x"), "halted"),
    ],
)
def test_a_worker_that_ends_has_no_rate(run_state: RunState, event: events.Event, state: str) -> None:
    run_state.take(progress(0, consumed=0, next_offset=100), now=0.0)
    run_state.take(progress(0, consumed=100, next_offset=100), now=1.0)
    assert run_state.per_s > 0
    run_state.take(event, now=2.0)
    assert run_state.workers[0].state == state
    assert run_state.per_s == 0
    assert run_state.partitions["rides", 0].rate.per_s == 0


def test_a_rate_is_right_from_the_first_moment_and_bears_a_restart() -> None:
    rate = Rate()
    rate.take(0, 0.0)
    rate.take(500, 0.5)
    assert rate.per_s == pytest.approx(1000)
    rate.take(10, 1.0)  # a new process counts anew
    rate.take(510, 1.5)
    assert rate.per_s == pytest.approx(1000)
    for step in range(1, 200):
        rate.take(510 + step * 100, 1.5 + step)
    assert rate.per_s == pytest.approx(100)


def test_topics_are_kept_apart() -> None:
    run_state = RunState()
    for first_worker, topic in enumerate(("rides", "fares")):
        run_state.take(
            events.SupervisorStarted(
                topic=topic, group="g", workers=1, first_worker=first_worker, partitions=(0,), end_offsets={0: 600}
            ),
            now=0.0,
        )
    run_state.take(progress(1, consumed=300, next_offset=350), now=1.0)
    assert run_state.topics == ["rides", "fares"]
    assert run_state.lags() == {"rides": 600, "fares": 250}
    assert run_state.lag == 850


def test_a_topic_that_drains_alone_is_not_the_run() -> None:
    run_state = RunState()
    run_state.take(events.DrainStarted(reason="worker 1 left", deadline_in_s=30.0, topic="fares"), now=0.0)
    assert not run_state.draining
    run_state.take(events.DrainStarted(reason="SIGTERM", deadline_in_s=30.0), now=0.0)
    assert run_state.draining


def test_dead_letters_that_go_on_do_not_push_the_other_events_out(run_state: RunState) -> None:
    run_state.take(events.WorkerExited(worker=0, pid=7, exit_code=-9, ran_s=1), now=1.0)
    for number in range(1_000):
        written = events.DeadLettersWritten(worker=0, reasons={"not_json": 2}, example="partition 0 offset 3: it is")
        run_state.take(written, now=2.0 + number / 100)
    shown = run_state.snapshot(now=40.0, wall=1.7e9).events
    assert "killed by SIGKILL" in "".join(line.text for line in shown)
    written_lines = [line.text for line in shown if line.event == "dead_letters_written"]
    assert [line.split()[0] for line in written_lines] == ["2", "1,998"]


def test_events_that_are_added_up_are_shown_at_the_end(run_state: RunState) -> None:
    for _ in range(3):
        run_state.take(events.DeadLettersWritten(worker=0, reasons={"not_json": 2}, example="x"), now=2.0)
    run_state.end(0)
    texts = [line.text for line in run_state.snapshot(now=3.0, wall=1.7e9).events]
    assert [text.split()[0] for text in texts if "written" in text] == ["2", "4"]
