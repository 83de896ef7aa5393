"""The states, ages, lags and healths of a snapshot follow from the facts that were reported."""

import pytest

from ingest import events
from ingest.status.parts import PATIENCE_S
from ingest.status.run_state import RunState
from ingest.status.snapshot import Health, State
from tests.harness.reports import UNIX, progress, run_of, seen


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (progress("starting"), State.STARTING),
        (progress("starting", kafka_silent_s=2.0, kafka_error="refused"), State.KAFKA_AWAY),
        (progress(), State.READING),
        (progress(arize_late=True, unanswered_s=3.0, in_flight=1), State.WAITING_FOR_ARIZE),
        (progress("paused", arize_late=True, unanswered_s=3.0, in_flight=1), State.WAITING_FOR_ARIZE),
        (progress("paused", waits_for="arize", in_flight=1), State.PAUSED),
        (progress("paused", waits_for="dead letters", dead_letters_blocked_s=1.0), State.DEAD_LETTERS_BLOCKED),
        (progress("paused", waits_for="dead letters"), State.PAUSED),
        (progress(waits_for="metadata"), State.METADATA_FULL),
        (progress(kafka_silent_s=2.0), State.KAFKA_AWAY),
        (progress("draining", arize_late=True), State.DRAINING),
    ],
)
def test_a_state_follows_from_what_the_loop_reports(report: events.Progress, expected: State) -> None:
    state = run_of()
    state.take(report, 1.0)
    assert seen(state, 1.5).workers[0].state is expected
    assert seen(state, 1.5).partitions[0].state is expected


@pytest.mark.parametrize(
    ("event", "expected", "health"),
    [
        (events.WorkerExited(worker=0, pid=100, exit_code=-9, ran_s=1), State.HALTED, Health.FAILING),
        (events.WorkerRestarting(worker=0, restart_in_s=1, crashes=1), State.RESTARTING, Health.DEGRADED),
        (events.WorkerHung(worker=0, pid=100, no_progress_s=31), State.HUNG, Health.FAILING),
        (events.WorkerGivenUp(worker=0, partitions=(0,), crashes=3, crash_window_s=1), State.GIVEN_UP, Health.FAILING),
        (events.WorkerFinished(worker=0, exit_code=0, unacknowledged=0), State.DONE, Health.OK),
        (events.WorkerFailed(worker=0, exit_code=5, error="x"), State.HALTED, Health.FAILING),
    ],
)
def test_a_process_that_does_not_run_has_no_other_state(event: events.Event, expected: State, health: Health) -> None:
    state = run_of()
    state.take(progress(arize_late=True), 1.0)
    state.take(event, 2.0)
    worker = seen(state, 2.5).workers[0]
    assert (worker.state, worker.health) == (expected, health)
    assert worker.reason
    state.take(events.WorkerStarted(worker=0, pid=101, partitions=(0,)), 3.0)
    assert (seen(state, 3.0).workers[0].state, seen(state, 3.0).workers[0].reason) == (State.STARTING, "")


def test_a_worker_that_starts_after_a_crash_is_not_well_before_it_reads() -> None:
    state = run_of()
    state.take(events.WorkerExited(worker=0, pid=100, exit_code=-9, ran_s=1), 1.0)
    state.take(events.WorkerRestarting(worker=0, restart_in_s=1, crashes=1), 1.0)
    state.take(events.WorkerStarted(worker=0, pid=101, partitions=(0,)), 2.0)
    for at in (2.0, 9.0):
        snapshot = seen(state, at)
        assert (snapshot.workers[0].state, snapshot.workers[0].health) == (State.STARTING, Health.DEGRADED)
        assert (snapshot.health, snapshot.partitions[0].health) == (Health.DEGRADED, Health.DEGRADED)
        assert "started again" in snapshot.sentence
    state.take(progress(), 10.0)
    assert (seen(state, 10.0).health, seen(state, 10.0).workers[0].state) == (Health.OK, State.READING)


def test_a_halted_worker_keeps_its_cause_once_its_process_has_ended() -> None:
    state = run_of()
    state.take(events.WorkerFailed(worker=0, exit_code=5, error="Arize refuses the key"), 1.0)
    state.take(events.WorkerExited(worker=0, pid=100, exit_code=5, ran_s=1), 2.0)
    worker = seen(state, 2.0).workers[0]
    assert (worker.state, worker.pid) == (State.HALTED, None)
    assert "Arize refuses the key" in worker.reason


def test_a_worker_that_starts_has_done_so_since_its_start() -> None:
    state = RunState()
    state.take(events.SupervisorStarted(topic="rides", group="g", workers=1, partitions=(0,)), 5_000.0)
    assert seen(state, 5_002.0).workers[0].since_s == 2.0
    state.take(events.WorkerStarted(worker=0, pid=101, partitions=(0,)), 5_003.0)
    assert seen(state, 5_004.0).workers[0].since_s == 1.0


def test_arize_is_not_well_while_a_worker_that_drains_waits_for_it() -> None:
    state = run_of()
    state.take(progress("draining", arize_late=True, failing_s=PATIENCE_S, in_flight=1), 1.0)
    assert seen(state, 1.0).arize.health is Health.FAILING


def test_who_waits_for_long_is_failing_and_the_time_counts_from_the_change() -> None:
    state = run_of()
    state.take(progress(), 1.0)
    assert seen(state, 1.0).health is Health.OK
    state.take(progress(arize_late=True, unanswered_s=3.0, in_flight=1), 2.0)
    assert (seen(state, 2.0).health, seen(state, 2.0).workers[0].since_s) == (Health.DEGRADED, 0.0)
    state.take(progress(arize_late=True, unanswered_s=13.0, in_flight=1), 2.0 + PATIENCE_S)
    snapshot = seen(state, 2.0 + PATIENCE_S)
    assert (snapshot.arize.health, snapshot.kafka.health, snapshot.health) == (
        Health.FAILING,
        Health.OK,
        Health.FAILING,
    )
    assert snapshot.workers[0].since_s == PATIENCE_S


def test_a_duration_goes_on_between_two_reports() -> None:
    state = run_of()
    state.take(progress(arize_late=True, unanswered_s=3.0, oldest_upload_s=4.0, in_flight=1), 2.0)
    arize = seen(state, 2.5).arize
    assert (arize.unanswered_s, arize.waiting_s, arize.endpoint) == (3.5, 4.5, "https://a")


def test_arize_is_silent_only_for_as_long_as_no_worker_has_an_answer() -> None:
    state = run_of(2)
    state.take(progress(arize_late=True, unanswered_s=60.0, in_flight=1), 2.0)
    state.take(progress(worker=1, partition=1, answered_s=1.0), 2.0)
    assert seen(state, 2.0).arize.unanswered_s == 1.0
    state = run_of(2)
    state.take(progress(worker=1, partition=1, answered_s=1.0), 2.0)
    assert seen(state, 2.0).arize.unanswered_s is None, "nothing is out"


def test_an_age_is_that_of_the_committed_offset_it_was_reported_for() -> None:
    state = run_of()
    at_ms = int((UNIX - 50.0) * 1000)
    state.take(progress(oldest_ms=at_ms), 1.0)
    assert seen(state, 1.0).partitions[0].oldest_age_s == pytest.approx(51.0)
    assert seen(state, 1.0).totals.oldest_age_unknown == 0
    # Its worker is gone: nobody commits, and the message stays the oldest.
    state.take(events.WorkerGivenUp(worker=0, partitions=(0,), crashes=3, crash_window_s=1), 2.0)
    assert seen(state, 11.0).totals.oldest_age_s == pytest.approx(61.0)
    state.take(progress(next_offset=200), 12.0)
    assert (seen(state, 12.0).totals.oldest_age_s, seen(state, 12.0).totals.oldest_age_unknown) == (None, 1)


def test_an_age_that_the_supervisor_asked_for_is_that_of_the_offset_it_asked_about() -> None:
    state = run_of()
    state.take(events.PartitionEnds(topic="rides", end_offsets={0: 9}, stable_offsets={0: 9}), 1.0)
    assert seen(state, 1.0).totals.oldest_age_unknown == 1
    at_ms = int((UNIX - 50.0) * 1000)
    found = events.OldestMessages(topic="rides", next_offsets={0: 0, 7: 1}, timestamps_ms={0: at_ms, 7: at_ms})
    state.take(found, 2.0)
    assert seen(state, 2.0).totals.oldest_age_s == pytest.approx(52.0)
    state.take(progress(next_offset=5, end_offset=9), 3.0)
    state.take(found, 4.0)  # an answer that came late
    assert seen(state, 4.0).totals.oldest_age_s is None


def test_a_partition_without_a_lag_has_no_oldest_message() -> None:
    state = run_of()
    state.take(progress(next_offset=1_000, oldest_ms=int((UNIX - 50.0) * 1000)), 1.0)
    totals = seen(state, 1.0).totals
    assert (totals.lag, totals.oldest_age_s, totals.oldest_age_unknown, totals.retention_unknown) == (0, None, 0, 0)


@pytest.mark.parametrize(("timestamp_s", "age_s"), [(UNIX + 3600.0, None), (UNIX + 5.0, 0.0), (0.0, None)])
def test_a_timestamp_in_the_future_is_none(timestamp_s: float, age_s: float | None) -> None:
    state = run_of()
    state.take(progress(oldest_ms=int(timestamp_s * 1000)), 1.0)
    assert seen(state, 1.0).totals.oldest_age_s == age_s


def test_a_lag_was_true_when_the_end_was_learned() -> None:
    state = run_of()
    state.take(progress(end_offset=1_000), 1.0)
    state.take(events.PartitionEnds(topic="rides", end_offsets={0: 2_000}, stable_offsets={0: 2_000}), 5.0)
    state.take(progress(next_offset=400, end_offset=-1), 9.0)  # it has committed since, and learned no end
    status = seen(state, 9.0).partitions[0]
    assert (status.lag, status.lag_at) == (1_900, UNIX + 5.0)
    assert seen(state, 9.0).kafka.ends_asked_at == UNIX + 5.0


def retention(seconds: float | None, **facts: bool) -> events.TopicRetention:
    return events.TopicRetention(topic="rides", retention_s=seconds, **facts)


@pytest.mark.parametrize(
    ("answer", "left_s", "unknown"),
    [
        (None, None, 1),
        (retention(3_600.0), 3_549.0, 0),
        (retention(None), None, 0),
        (retention(3_600.0, by_size=True), None, 1),
        (retention(None, known=False), None, 1),
    ],
)
def test_what_retention_leaves_is_known_only_if_time_alone_decides(
    answer: events.TopicRetention | None, left_s: float | None, unknown: int
) -> None:
    state = run_of()
    state.take(progress(oldest_ms=int((UNIX - 50.0) * 1000)), 1.0)
    if answer is not None:
        state.take(answer, 1.0)
    totals = seen(state, 1.0).totals
    assert totals.retention_left_s == (None if left_s is None else pytest.approx(left_s))
    assert totals.retention_unknown == unknown


def test_counts_survive_a_restart() -> None:
    state = run_of()
    state.take(progress(next_offset=100), 1.0)
    state.take(events.DeadLettersWritten(worker=0, reasons={"not_json": 2}, example="x"), 1.0)
    state.take(progress(next_offset=300), 2.0)
    state.take(events.WorkerExited(worker=0, pid=100, exit_code=-9, ran_s=1), 3.0)
    state.take(events.WorkerRestarting(worker=0, restart_in_s=1, crashes=1), 3.0)
    state.take(events.WorkerStarted(worker=0, pid=101, partitions=(0,)), 4.0)
    assert seen(state, 4.0).totals.read == 300
    state.take(progress(next_offset=350), 5.0)  # 350 messages of this process
    state.take(events.DeadLettersWritten(worker=0, reasons={"not_json": 1}, example="x"), 5.0)
    snapshot = seen(state, 5.0)
    assert (snapshot.totals.read, snapshot.totals.acknowledged, snapshot.totals.restarts) == (650, 250, 1)
    assert [(each.topic, each.reason, each.messages) for each in snapshot.dead_letters] == [("rides", "not_json", 3)]


def test_a_run_with_an_end_is_done_partition_by_partition() -> None:
    state = run_of(2, end_offsets={0: 100, 1: 500})
    state.take(progress(next_offset=100), 1.0)
    state.take(progress(worker=1, partition=1, next_offset=100), 1.0)
    snapshot = seen(state, 2.0)
    assert [status.state for status in snapshot.partitions] == [State.DONE, State.READING]
    assert (snapshot.totals.done_offsets, snapshot.totals.all_offsets) == (200, 600)
    assert snapshot.partitions[1].lag_at == UNIX + 2.0


def test_moments_of_the_past_stay_where_they_are_and_follow_a_clock_that_was_set() -> None:
    state = run_of()
    state.take(events.Committed(worker=0, next_offsets={0: 9}), 1.0)
    assert state.snapshot(2.0, UNIX + 2.0004).kafka.committed_at == UNIX + 1.0
    assert state.snapshot(3.0, UNIX + 3.0009).partitions[0].committed_at == UNIX + 1.0
    assert state.snapshot(4.0, UNIX + 4_000.0).kafka.committed_at == pytest.approx(UNIX + 3_997.0)


def test_only_what_a_log_shows_is_among_the_last_events() -> None:
    state = run_of()
    state.take(progress(), 1.0)
    state.take(events.Notice(text="a notice"), 2.0)
    lines = seen(state, 3.0).events
    assert (lines[-1].text, lines[-1].at, lines[-1].event) == ("a notice", UNIX + 2.0, "notice")
    assert "progress" not in {line.event for line in lines}


def test_a_partition_is_paused_once_its_worker_reports_it_and_no_longer() -> None:
    state = run_of()
    state.take(progress(), 1.0)
    asked = events.PartitionPaused(worker=0, topic="rides", partition=0, by="the status page, asked from ::1")
    state.take(asked, 2.0)
    assert seen(state, 2.1).partitions[0].state is State.READING, "what is asked for is not done yet"
    state.take(progress(paused=True), 3.0)
    state.take(progress(paused=True), 63.0)
    shown = seen(state, 64.0)
    (one,) = shown.partitions
    assert (one.state, one.health, one.paused_s) == (State.PAUSED, Health.DEGRADED, 61.0)
    assert one.reason == "paused by the status page, asked from ::1"
    assert (shown.workers[0].state, shown.workers[0].health) == (State.READING, Health.OK)
    assert (shown.ingest.health, shown.health) == (Health.DEGRADED, Health.DEGRADED)
    assert "Partition 0 has been paused by request for 1 min" in shown.sentence
    state.take(progress(), 65.0)
    (one,) = seen(state, 65.5).partitions
    assert (one.state, one.health, one.paused_s, one.reason) == (State.READING, Health.OK, None, "")
    assert seen(state, 65.5).health is Health.OK


def test_a_pause_does_not_hide_that_its_worker_does_not_run_drains_or_waits_with_its_messages() -> None:
    state = run_of()
    state.take(progress(paused=True, arize_late=True, unanswered_s=3.0), 1.0)
    assert seen(state, 1.5).partitions[0].state is State.WAITING_FOR_ARIZE
    state.take(progress(paused=True, arize_late=True, unanswered_s=4.0, in_hand=0), 2.0)
    assert seen(state, 2.5).partitions[0].state is State.PAUSED
    state.take(progress("draining", paused=True), 3.0)
    assert seen(state, 3.5).partitions[0].state is State.DRAINING
    state.take(progress(paused=True), 4.0)
    state.take(events.WorkerHung(worker=0, pid=100, no_progress_s=31), 5.0)
    (one,) = seen(state, 5.5).partitions
    assert (one.state, one.health, one.paused_s) == (State.HUNG, Health.FAILING, 4.5)
    state.take(events.WorkerStarted(worker=0, pid=101, partitions=(0,)), 6.0)
    assert seen(state, 6.5).partitions[0].state is State.STARTING
    state.take(progress(paused=True), 7.0)
    assert (seen(state, 7.0).partitions[0].state, seen(state, 7.0).partitions[0].paused_s) == (State.PAUSED, 6.0)


def test_a_paused_partition_at_the_end_of_the_run_is_done() -> None:
    state = run_of(end_offsets={0: 100})
    state.take(progress(paused=True), 1.0)
    (one,) = seen(state, 1.5).partitions
    assert (one.state, one.health, one.paused_s) == (State.DONE, Health.OK, None)


def test_what_retention_leaves_a_paused_partition_is_still_known_and_told() -> None:
    state = run_of()
    state.take(events.TopicRetention(topic="rides", retention_s=3_600.0), 1.0)
    state.take(progress(paused=True, in_hand=0), 1.0)
    state.take(
        events.OldestMessages(topic="rides", next_offsets={0: 100}, timestamps_ms={0: int(UNIX - 600) * 1000}), 2.0
    )
    shown = seen(state, 2.0)
    assert shown.partitions[0].retention_left_s == pytest.approx(3_600 - 602)
    assert "paused" not in shown.sentence, "an hour before messages are lost, that is said"
    assert shown.sentence.startswith("Kafka may remove the oldest messages in 49 min")


def test_a_pause_that_is_ended_while_its_worker_is_gone_is_told_no_more() -> None:
    state = run_of()
    state.take(progress(paused=True), 1.0)
    state.take(events.WorkerExited(worker=0, pid=100, exit_code=-9, ran_s=1), 2.0)
    state.take(events.WorkerRestarting(worker=0, restart_in_s=1, crashes=1), 2.0)
    assert seen(state, 2.5).partitions[0].paused_s == 1.5
    state.take(events.PartitionResumed(worker=0, topic="rides", partition=0, by="ann"), 3.0)
    assert seen(state, 3.5).partitions[0].paused_s is None
