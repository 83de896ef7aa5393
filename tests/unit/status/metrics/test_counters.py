"""The sums that events add up to: over restarts, and never decreasing within a run."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest import events
from ingest.events import Event
from ingest.records import Counts, PartitionProgress, Span
from ingest.status.metrics import table
from ingest.status.metrics.counters import MOST_REASONS, Counters, Distribution
from ingest.status.metrics.table import Metric


def started(topic: str = "rides", *, first_worker: int = 0, workers: int = 2) -> Event:
    return events.SupervisorStarted(
        topic=topic, group="g", workers=workers, first_worker=first_worker, partitions=tuple(range(workers))
    )


def progress(worker: int = 0, *, consumed: int = 0, counts: Counts | None = None, **fields: Any) -> Event:
    one = PartitionProgress(1, 1, 1, consumed, counts or Counts())
    return events.Progress(
        worker=worker,
        loops=1,
        state="reading",
        uploads_in_flight=0,
        rss_bytes=1,
        partitions={worker: one},
        **fields,
    )


def process(worker: int = 0) -> Event:
    return events.WorkerStarted(worker=worker, pid=1, partitions=(worker,))


def answered(**fields: Any) -> Event:
    given: dict[str, Any] = {"outcome": "acknowledged", "http_status": 200, "retry_reason": None, "took_s": 0.3}
    return events.UploadAnswered(worker=0, batch=1, rows=5, **{**given, **fields})


def counted(*taken: Event) -> Counters:
    counters = Counters()
    for event in taken:
        counters.take(event)
    return counters


def of(counters: Counters, metric: Metric) -> dict[tuple[str, ...], float]:
    """Without the zeros of the start."""
    return {labels: value for labels, value in counters.sums(metric).items() if value}


def test_what_is_consumed_goes_on_over_a_restart_of_the_process() -> None:
    counters = counted(
        started(),
        process(),
        progress(consumed=100),
        progress(consumed=250),
        process(),
        progress(consumed=0),
        progress(consumed=400),
        progress(1, consumed=7),
    )
    assert of(counters, table.CONSUMED) == {("rides",): 657}


def test_a_process_that_has_read_more_than_the_one_before_by_its_first_report_counts_whole() -> None:
    counters = counted(started(), process(), progress(consumed=100), process(), progress(consumed=300))
    assert of(counters, table.CONSUMED) == {("rides",): 400}


def test_outcomes_count_from_the_first_report_on_and_over_restarts() -> None:
    counters = counted(
        started(),
        process(),
        progress(counts=Counts(1_000, 5)),
        progress(counts=Counts(1_200, 6, 1, 2)),
        process(),
        progress(counts=Counts(1_200, 6, 1, 2)),
        progress(counts=Counts(1_300, 6, 1, 2)),
    )
    assert of(counters, table.SETTLED) == {
        ("rides", "acknowledged"): 300,
        ("rides", "dead_lettered"): 1,
        ("rides", "tombstones"): 1,
        ("rides", "filtered"): 2,
    }


def test_counts_that_somebody_has_set_back_take_nothing_away() -> None:
    counters = counted(
        started(),
        process(),
        progress(counts=Counts(10)),
        progress(counts=Counts(20)),
        progress(),
        progress(counts=Counts(3)),
    )
    assert of(counters, table.SETTLED) == {("rides", "acknowledged"): 13}


def test_topics_are_those_of_the_workers() -> None:
    counters = counted(started(), started("fares", first_worker=2), progress(1, consumed=1), progress(2, consumed=5))
    assert of(counters, table.CONSUMED) == {("rides",): 1, ("fares",): 5}


def test_lanes_and_commit_failures_count_by_their_increase() -> None:
    first: dict[str, Any] = {"rows_decoded": {"fast": 10, "orjson": 0}, "commit_failures": {"NOT_COORDINATOR": 1}}
    then: dict[str, Any] = {
        "rows_decoded": {"fast": 30, "orjson": 4},
        "commit_failures": {"NOT_COORDINATOR": 1, "_TIMED_OUT": 2},
    }
    counters = counted(started(), process(), progress(**first), progress(**then), process(), progress(**first))
    assert of(counters, table.ROWS_DECODED) == {("rides", "fast"): 40, ("rides", "orjson"): 4}
    assert of(counters, table.COMMIT_FAILURES) == {("rides", "NOT_COORDINATOR"): 2, ("rides", "_TIMED_OUT"): 2}


def test_uploads_by_status_reason_and_time() -> None:
    counters = counted(
        started(),
        answered(route="fraud"),
        answered(outcome="retried", http_status=503, retry_reason="http_5xx", took_s=70.0),
        answered(outcome="retried", http_status=None, retry_reason="timeout", took_s=500.0),
        answered(outcome="retried", http_status=9_999, retry_reason="http_5xx", took_s=0.05),
        events.UploadAcknowledged(worker=0, batch=1, route="fraud", rows=5, attempts=1, last_attempt_s=0.3),
    )
    assert of(counters, table.UPLOADS) == {
        ("rides", "fraud", "200"): 1,
        ("rides", "", "503"): 1,
        ("rides", "", "none"): 1,
        ("rides", "", "other"): 1,
    }
    assert of(counters, table.RETRIES) == {("rides", "http_5xx"): 2, ("rides", "timeout"): 1}
    assert of(counters, table.ROWS_ACKNOWLEDGED) == {("rides", "fraud"): 5}
    seconds = counters.distributions(table.UPLOAD_SECONDS)
    bounds = table.UPLOAD_SECONDS.buckets
    found = seconds["rides", ""]
    assert found.total == 570.05
    assert {bound: n for bound, n in zip((*bounds, None), found.counts, strict=True) if n} == {
        0.05: 1,
        120.0: 1,
        None: 1,
    }


def test_a_batch_counts_when_it_is_first_sent() -> None:
    sent: dict[str, Any] = {"worker": 0, "batch": 1, "rows": 700, "bytes": 5_000_000, "spans": ()}
    counters = counted(started(), events.UploadStarted(**sent), events.UploadStarted(**sent, attempt=2))
    assert sum(counters.distributions(table.BATCH_ROWS)["rides", ""].counts) == 1
    assert counters.distributions(table.BATCH_BYTES)["rides", ""].total == 5_000_000


def test_dead_letters_duplicates_and_expired_offsets() -> None:
    counters = counted(
        started(),
        events.DuplicatesPossible(topic="rides", ranges=(Span(0, 5, 20, 9), Span(1, 0, 2, 2))),
        events.DeadLettersWritten(worker=1, reasons={"not_json": 3, "id_length": 1}, example=""),
        events.DeadLettersWritten(worker=1, reasons={"not_json": 1}, example=""),
        events.DeadLettersBlocked(worker=1, error="No space left on device", retry_in_s=1.0),
        events.OffsetsExpired(worker=1, topic="rides", partition=1, first=5, next_offset=9),
        events.Committed(worker=1, next_offsets={1: 9}),
    )
    assert of(counters, table.POSSIBLE_DUPLICATES) == {("rides",): 11}
    assert of(counters, table.DEAD_LETTERS) == {("rides", "not_json"): 4, ("rides", "id_length"): 1}
    assert of(counters, table.DEAD_LETTERS_BLOCKED) == {("rides",): 1}
    assert of(counters, table.EXPIRED) == {("rides",): 4}
    assert of(counters, table.COMMITS) == {("rides",): 1}


def test_a_restart_has_the_reason_of_its_end() -> None:
    restarting = events.WorkerRestarting(worker=0, restart_in_s=0.1, crashes=1)

    def exited(code: int) -> Event:
        return events.WorkerExited(worker=0, pid=1, exit_code=code, ran_s=1.0)

    hung = events.WorkerHung(worker=0, pid=1, no_progress_s=31.0)
    counters = counted(
        started(),
        *(hung, exited(-9), restarting, process()),
        *(exited(-9), restarting, process()),
        *(exited(1), restarting, process()),
        *(exited(4), restarting, process()),
        *(restarting, process()),
    )
    assert counters.sums(table.RESTARTS) == {
        ("rides", reason): 1 for reason in ("hung", "killed", "crashed", "kafka", "finished")
    }


def test_a_topic_has_zeros_from_its_start_so_that_the_first_increase_shows() -> None:
    counters = counted(started())
    assert counters.sums(table.CONSUMED) == {("rides",): 0}
    assert counters.sums(table.POSSIBLE_DUPLICATES) == {("rides",): 0}


def test_label_values_that_others_choose_are_bounded() -> None:
    names = {f"ERROR_{number}": 1 for number in range(10 * MOST_REASONS)}
    counters = counted(started(), progress(commit_failures=names))
    found = counters.sums(table.COMMIT_FAILURES)
    assert len(found) == MOST_REASONS + 1
    assert found["rides", "other"] == 9 * MOST_REASONS


def test_a_reader_holds_a_copy() -> None:
    counters = counted(started(), progress(consumed=5), answered())
    before, seconds = counters.sums(table.CONSUMED), counters.distributions(table.UPLOAD_SECONDS)
    counters.take(progress(consumed=9))
    counters.take(answered())
    assert before == {("rides",): 5}
    assert sum(seconds["rides", ""].counts) == 1


def test_a_value_at_a_bound_is_within_it() -> None:
    empty = Distribution((0, 0, 0))
    assert empty.plus(1.0, (1.0, 2.0)).counts == (1, 0, 0)
    assert empty.plus(1.1, (1.0, 2.0)).counts == (0, 1, 0)
    assert empty.plus(3.0, (1.0, 2.0)).counts == (0, 0, 1)


_REPORTS = st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.integers(0, 50)), max_size=20)


@given(_REPORTS)
def test_nothing_ever_decreases(reports: list[tuple[bool, int, int]]) -> None:
    counters = counted(started())
    seen = []
    for fresh, consumed, acknowledged in reports:
        if fresh:
            counters.take(process())
        counters.take(
            progress(consumed=consumed, counts=Counts(acknowledged, consumed), rows_decoded={"fast": consumed})
        )
        metrics = (metric for metric in table.COUNTED if metric.kind == "counter")
        seen.append({(metric.name, *labels): v for metric in metrics for labels, v in counters.sums(metric).items()})
    for earlier, later in pairwise(seen):
        assert all(later[key] >= value for key, value in earlier.items())
