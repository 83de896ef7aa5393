"""What a run knows of Kafka, Arize and the dead letters is summed over all processes."""

from ingest import events
from ingest.status.services import RECENT_S, ArizeView, DeadLetterView, KafkaView


def acknowledged(seconds: float) -> events.UploadAcknowledged:
    return events.UploadAcknowledged(worker=0, batch=1, rows=1, attempts=1, last_attempt_s=seconds)


def test_percentiles_are_of_the_last_minutes() -> None:
    view = ArizeView()
    assert view.percentiles(0.0, (0.5, 0.99)) == [None, None]
    view.take(acknowledged(60.0), 0.0)
    for number in range(1, 101):
        view.take(acknowledged(number / 100), RECENT_S)
    assert view.percentiles(RECENT_S + 1.0, (0.5, 0.99)) == [0.5, 0.99]
    assert view.acknowledged_at == RECENT_S


def test_faults_of_arize_are_counted_and_the_last_one_is_kept() -> None:
    view = ArizeView()
    view.take(events.UploadRetried(worker=0, batch=1, rows=1, attempt=1, error="HTTP 503", retry_in_s=1.0), 1.0)
    rejected = events.UploadRejected(worker=0, batch=1, rows=1, http_status=400, error="bad", requests=1)
    view.take(rejected, 2.0)
    assert view.retries == 1
    assert view.fault is not None
    assert (view.fault.text, view.fault.at) == ("HTTP status 400: bad", 2.0)


def test_a_worker_whose_commit_fails_counts_until_its_next_one() -> None:
    view = KafkaView()
    view.take(events.CommitFailed(worker=1, error="Unknown member"), 1.0)
    view.take(events.Committed(worker=0, next_offsets={0: 9}), 2.0)
    assert (view.commit_failures, view.failing, view.committed_at) == (1, {1}, 2.0)
    view.take(events.Committed(worker=1, next_offsets={1: 9}), 3.0)
    assert not view.failing
    view.take(events.OffsetsExpired(worker=1, topic="rides", partition=1, first=9, next_offset=20), 4.0)
    assert view.expired == 11


def test_an_unanswered_question_is_no_answer() -> None:
    view = KafkaView()
    view.take(events.PartitionEnds(topic="rides", end_offsets={}, stable_offsets={}), 1.0)
    assert view.ends_at is None


def test_dead_letters_are_counted_by_topic_and_reason() -> None:
    view = DeadLetterView()
    for _ in range(2):
        view.take(events.DeadLettersWritten(worker=0, reasons={"not_json": 2}, example="x"), "rides", 1.0)
    assert view.counts == {("rides", "not_json"): 4}
