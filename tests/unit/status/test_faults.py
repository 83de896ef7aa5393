"""Each part has the fault that lasts, with its own text, and the fault is over when what it tells of is."""

from ingest import events
from ingest.status.run_state import RunState
from ingest.status.snapshot import Fault, Health
from tests.unit.status.test_parts import UNIX, progress, run_of, seen

EXITED = events.WorkerExited(worker=0, pid=100, exit_code=-9, ran_s=90.0)
RESTARTING = events.WorkerRestarting(worker=0, restart_in_s=1.0, crashes=1)
STARTED = events.WorkerStarted(worker=0, pid=101, partitions=(0,))
KILLED = "worker 0: pid 100 ended after 1 min 30 s: killed by SIGKILL"


def own(state: RunState, now: float) -> Fault | None:
    return seen(state, now).ingest.fault


def crashed() -> RunState:
    state = run_of(2)
    for worker in (0, 1):
        state.take(progress(worker=worker, partition=worker), 1.0)
    state.take(EXITED, 2.0)
    state.take(RESTARTING, 2.0)
    return state


def test_a_killed_worker_is_a_fault_until_the_next_process_reads() -> None:
    state = crashed()
    lasting = Fault(text=KILLED, at=UNIX + 2.0, lasts=True)
    assert own(state, 2.5) == lasting
    state.take(STARTED, 3.0)
    state.take(progress("starting"), 3.5)
    assert own(state, 3.5) == lasting
    state.take(progress(worker=1, partition=1), 3.6)  # another worker's progress ends nothing
    assert own(state, 3.7) == lasting
    state.take(progress(), 4.0)
    assert own(state, 5.0) == Fault(text=KILLED, at=UNIX + 2.0, lasts=False)


def test_a_fault_that_is_over_does_not_last_because_somebody_waits() -> None:
    state = crashed()
    state.take(STARTED, 3.0)
    state.take(progress(waits_for="metadata"), 4.0)
    snapshot = seen(state, 5.0)
    assert snapshot.ingest.health is Health.DEGRADED
    assert snapshot.ingest.fault == Fault(text=KILLED, at=UNIX + 2.0, lasts=False)


def test_the_cause_that_a_worker_reports_is_told_rather_than_its_exit_code() -> None:
    state = run_of()
    state.take(progress(), 1.0)
    state.take(events.WorkerFailed(worker=0, exit_code=1, error="MemoryError"), 2.0)
    state.take(events.WorkerExited(worker=0, pid=100, exit_code=1, ran_s=2.0), 2.1)
    state.take(RESTARTING, 2.1)
    assert own(state, 3.0) == Fault(text="worker 0: halts with exit code 1: MemoryError", at=UNIX + 2.0, lasts=True)


def test_a_hung_worker_that_reports_once_more_is_still_to_be_killed() -> None:
    state = run_of()
    state.take(events.WorkerHung(worker=0, pid=100, no_progress_s=31.0), 2.0)
    state.take(progress(), 2.1)
    found = own(state, 2.2)
    assert found is not None
    assert found.lasts
    assert "no progress for 31 s" in found.text


def test_who_was_given_up_stays_so_with_the_last_cause() -> None:
    state = crashed()
    state.take(STARTED, 3.0)
    state.take(events.WorkerExited(worker=0, pid=101, exit_code=-11, ran_s=1.0), 4.0)
    state.take(events.WorkerGivenUp(worker=0, partitions=(0,), crashes=2, crash_window_s=60.0), 4.0)
    found = own(state, 900.0)
    assert found is not None
    assert found.lasts
    assert "GIVEN UP after 2 crashes" in found.text
    assert "SIGSEGV" in found.text


def test_a_worker_that_has_finished_has_no_fault() -> None:
    state = run_of()
    state.take(events.WorkerFinished(worker=0, exit_code=0, unacknowledged=0), 2.0)
    assert own(state, 3.0) is None


def test_dead_letters_that_cant_be_written_go_before_a_crash_and_end() -> None:
    state = crashed()
    blocked = events.DeadLettersBlocked(worker=1, error="/dl: No space left on device", retry_in_s=1.0)
    state.take(blocked, 1.5)
    state.take(progress(worker=1, partition=1, dead_letters_blocked_s=2.0), 3.0)
    found = own(state, 3.0)
    assert found is not None
    assert (found.lasts, found.text) == (True, "dead letters can't be written: /dl: No space left on device")
    state.take(progress(worker=1, partition=1), 4.0)
    state.take(STARTED, 5.0)
    state.take(progress(), 6.0)
    assert own(state, 7.0) == Fault(text=KILLED, at=UNIX + 2.0, lasts=False)


def test_kafka_that_is_silent_is_a_fault_though_its_client_reported_none() -> None:
    state = run_of(2)
    state.take(progress(kafka_silent_s=3.0), 10.0)
    assert seen(state, 11.0).kafka.fault == Fault(text="no broker answers", at=UNIX + 7.0, lasts=True)
    state.take(progress(), 12.0)
    assert seen(state, 12.0).kafka.fault is None


def test_what_kafkas_client_reported_long_ago_is_not_why_it_is_silent() -> None:
    state = run_of()
    state.take(events.KafkaWarning(worker=0, error="a broker was restarted"), 1.0)
    state.take(progress(kafka_silent_s=3.0, kafka_error="b:9092: Connection refused"), 900.0)
    found = seen(state, 900.0).kafka.fault
    assert found == Fault(text="b:9092: Connection refused", at=UNIX + 897.0, lasts=True)
    state.take(progress(), 901.0)
    assert seen(state, 901.0).kafka.fault == Fault(text="a broker was restarted", at=UNIX + 1.0, lasts=False)


def test_a_failed_commit_lasts_until_one_is_confirmed_or_its_process_is_another() -> None:
    failed = events.CommitFailed(worker=0, error="NOT_COORDINATOR")
    state = run_of()
    state.take(failed, 1.0)
    state.take(events.KafkaWarning(worker=0, error="something else"), 2.0)
    assert seen(state, 2.0).kafka.fault == Fault(text="a commit failed: NOT_COORDINATOR", at=UNIX + 1.0, lasts=True)
    state.take(events.Committed(worker=0, next_offsets={0: 5}), 3.0)
    assert seen(state, 3.0).kafka.fault == Fault(text="something else", at=UNIX + 2.0, lasts=False)
    state.take(failed, 4.0)
    state.take(STARTED, 5.0)
    snapshot = seen(state, 5.0)
    assert snapshot.kafka.health is Health.OK
    assert snapshot.kafka.fault == Fault(text="a commit failed: NOT_COORDINATOR", at=UNIX + 4.0, lasts=False)


def test_arize_has_the_fault_that_lasts_not_the_newest_one() -> None:
    state = run_of(2)
    state.take(progress(upload_error="HTTP 503", failing_s=20.0, arize_late=True), 30.0)
    rejected = events.UploadRejected(worker=1, batch=1, rows=1, http_status=400, error="bad", requests=1)
    state.take(rejected, 31.0)
    assert seen(state, 31.0).arize.fault == Fault(text="HTTP 503", at=UNIX + 10.0, lasts=True)
    state.take(progress(), 32.0)
    assert seen(state, 32.0).arize.fault == Fault(text="HTTP status 400: bad", at=UNIX + 31.0, lasts=False)


def test_an_upload_without_an_answer_is_a_fault_before_it_fails() -> None:
    state = run_of()
    state.take(progress(arize_late=True, unanswered_s=3.0, oldest_upload_s=4.0, in_flight=1), 10.0)
    found = seen(state, 10.0).arize.fault
    assert found == Fault(text="an upload is out for longer than usual, without an answer", at=UNIX + 6.0, lasts=True)
    state.take(progress(), 11.0)
    assert seen(state, 11.0).arize.fault is None
