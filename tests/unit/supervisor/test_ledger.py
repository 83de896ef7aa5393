"""The figures of the final account follow from Kafka's counters and the workers' events."""

from ingest.events import Committed, DeadLettersWritten, Progress, UploadNotStored, UploadStarted, WorkerStarted
from ingest.pipeline.offsets.checkpoint import Checkpoint, SettledRange
from ingest.records import Counts, PartitionEnd, PartitionProgress, Span
from ingest.supervisor.ledger import Bounds, Ledger


def progress(next_offset: int, consumed: int, acknowledged: int, dead_lettered: int = 0) -> Progress:
    return Progress(
        worker=0,
        loops=1,
        state="reading",
        uploads_in_flight=0,
        rss_bytes=0,
        partitions={
            0: PartitionProgress(
                next_offset=next_offset,
                position=next_offset,
                end_offset=500,
                consumed=consumed,
                counts=Counts(acknowledged, dead_lettered),
            )
        },
    )


def test_figures_are_the_counters_at_the_end_minus_those_at_the_start() -> None:
    ledger = Ledger()
    start, end = Checkpoint(100, Counts(90, 10)), Checkpoint(500, Counts(480, 20))
    (row,) = ledger.settle((0,), {0: start}, {0: end}, Bounds({0: 0}, {0: PartitionEnd(510, 510)}))
    assert (row.counts.acknowledged, row.counts.dead_lettered, row.lag, row.next_offset) == (390, 10, 10, 500)
    assert row.consumed == 400


def test_what_is_settled_above_the_committed_offset_counts() -> None:
    end = Checkpoint(100, Counts(100), ranges=(SettledRange(first=150, next_offset=200, counts=Counts(45, 5)),))
    (row,) = Ledger().settle((0,), {0: None}, {0: end}, Bounds({0: 0}, {0: PartitionEnd(200, 200)}))
    assert (row.counts.acknowledged, row.counts.dead_lettered, row.lag) == (145, 5, 100)


def test_what_is_read_again_is_consumed_again() -> None:
    ledger = Ledger()
    ledger.take(WorkerStarted(worker=0, pid=1, partitions=(0,)))
    ledger.take(progress(100, consumed=300, acknowledged=100))
    ledger.worker_lost((0,))
    ledger.take(WorkerStarted(worker=0, pid=2, partitions=(0,)))
    ledger.take(progress(100, consumed=0, acknowledged=100))
    ledger.take(progress(500, consumed=400, acknowledged=500))
    ledger.worker_finished((0,))
    (row,) = ledger.settle(
        (0,), {0: None}, {0: Checkpoint(500, Counts(500))}, Bounds({0: 0}, {0: PartitionEnd(500, 500)})
    )
    assert row.consumed == 700


def test_commits_without_metadata_leave_the_counts_to_the_workers_reports() -> None:
    ledger = Ledger()
    ledger.take(progress(400, consumed=400, acknowledged=390, dead_lettered=10))
    ledger.worker_finished((0,))
    end = {0: Checkpoint(400), 1: Checkpoint(3)}
    assert ledger.without_counts(end) == {0}
    row, quiet = ledger.settle(
        (0, 1), {0: None, 1: None}, end, Bounds({0: 0, 1: 0}, {0: PartitionEnd(400, 400), 1: PartitionEnd(3, 3)})
    )
    assert (row.counts, row.next_offset, row.lag) == (Counts(390, 10), 400, 0)
    assert quiet.counts == Counts()


def test_without_kafka_the_last_words_stand() -> None:
    ledger = Ledger()
    ledger.take(progress(400, consumed=390, acknowledged=380, dead_lettered=10))
    ledger.worker_finished((0,))
    (row,) = ledger.settle((0,), {0: Checkpoint(10, Counts(5, 5))}, None, Bounds())
    assert (row.counts.acknowledged, row.counts.dead_lettered, row.next_offset, row.end_offset, row.lag) == (
        375,
        5,
        400,
        -1,
        None,
    )


def test_a_partly_committed_span_counts_at_most_what_is_left_of_it() -> None:
    ledger = Ledger()
    span = Span(partition=0, first=0, next_offset=100, count=80)
    ledger.take(UploadStarted(worker=0, batch=1, rows=80, bytes=1, spans=(span,)))
    ledger.take(Committed(worker=0, next_offsets={0: 70}))
    assert ledger.worker_lost((0,)) == (Span(partition=0, first=70, next_offset=100, count=30),)
    assert ledger.worker_lost((0,)) == ()


def sent(ledger: Ledger, first: int, next_offset: int) -> None:
    span = Span(partition=0, first=first, next_offset=next_offset, count=next_offset - first)
    ledger.take(UploadStarted(worker=0, batch=1, rows=span.count, bytes=1, spans=(span,)))


def test_ranges_of_several_crashes_are_in_the_account() -> None:
    ledger = Ledger()
    sent(ledger, 0, 100)
    sent(ledger, 100, 150)
    ledger.take(Committed(worker=0, next_offsets={0: 40}))
    assert ledger.worker_lost((0,)) == (Span(partition=0, first=40, next_offset=150, count=110),)
    ledger.take(WorkerStarted(worker=0, pid=2, partitions=(0,)))
    sent(ledger, 40, 60)
    sent(ledger, 300, 310)
    ledger.worker_lost((0,))
    (row,) = ledger.settle((0,), {0: None}, {0: None}, Bounds({0: 0}, {0: PartitionEnd(500, 500)}))
    assert row.possible_duplicates == (Span(0, 40, 150, 130), Span(0, 300, 310, 10))
    assert row.totals.duplicates_possible == 140


def test_a_commit_that_is_held_up_for_days_takes_no_memory() -> None:
    ledger = Ledger()
    sent(ledger, 0, 10)
    for first in range(20, 200_020, 20):
        sent(ledger, first, first + 15)
    assert len(ledger._partitions[0].uncommitted) <= 2_000
    ledger.take(Committed(worker=0, next_offsets={0: 100}))
    possible = ledger.worker_lost((0,))
    assert len(possible) <= 100
    assert possible[0].first == 100
    assert possible[-1].next_offset == 200_015
    assert sum(span.count for span in possible) >= 10_000 * 15 - 100


def test_a_group_that_was_moved_back_hides_nothing() -> None:
    ledger = Ledger()
    ledger.take(Committed(worker=0, next_offsets={0: 1_000}))
    ledger.worker_lost((0,))
    ledger.take(WorkerStarted(worker=0, pid=2, partitions=(0,)))
    ledger.take(progress(200, consumed=0, acknowledged=0))
    sent(ledger, 200, 300)
    assert ledger.worker_lost((0,)) == (Span(partition=0, first=200, next_offset=300, count=100),)


def test_lag_of_a_partition_never_committed_is_what_it_holds() -> None:
    (row,) = Ledger().settle((0,), {0: None}, {0: None}, Bounds({0: 40}, {0: PartitionEnd(100, 100)}))
    assert row.lag == 60


def test_where_kafka_has_lost_what_it_confirmed_the_workers_last_word_stands() -> None:
    ledger = Ledger()
    ledger.take(progress(150, consumed=50, acknowledged=150))
    ledger.take(Committed(worker=0, next_offsets={0: 150}))
    (row,) = ledger.settle((0,), {0: Checkpoint(100, Counts(100))}, {0: None}, Bounds({0: 0}, {0: PartitionEnd(0, 0)}))
    assert (row.counts.acknowledged, row.next_offset) == (50, 150)
    (other,) = Ledger().settle((0,), {0: None}, {0: None}, Bounds({0: 0}, {0: PartitionEnd(9, 9)}))
    assert (other.counts.acknowledged, other.next_offset, other.lag) == (0, None, 9)


def test_what_arize_can_not_have_stored_is_not_repeated_by_a_crash() -> None:
    ledger = Ledger()
    sent(ledger, 0, 100)
    sent(ledger, 100, 150)
    refused = Span(partition=0, first=100, next_offset=150, count=50)
    ledger.take(UploadNotStored(worker=0, batch=1, rows=50, spans=(refused,), error="HTTP 401"))
    assert ledger.worker_lost((0,)) == (Span(partition=0, first=0, next_offset=100, count=100),)
    sent(ledger, 100, 150)
    ledger.take(UploadNotStored(worker=0, batch=1, rows=50, spans=(refused,), error="HTTP 401"))
    sent(ledger, 100, 150)  # the next attempt
    assert ledger.worker_lost((0,)) == (refused,)


def test_lag_is_counted_to_the_high_watermark_and_what_is_held_back_is_named() -> None:
    end = Checkpoint(100, Counts(100))
    (row,) = Ledger().settle((0,), {0: None}, {0: end}, Bounds({0: 0}, {0: PartitionEnd(100, 170)}))
    assert (row.lag, row.held_back, row.end_offset, row.stable_offset) == (70, 70, 170, 100)
    (row,) = Ledger().settle((0,), {0: None}, {0: end}, Bounds({0: 0}, {0: PartitionEnd(100, 170)}, {0: 150}))
    assert (row.lag, row.held_back, row.end_offset) == (50, 50, 150)


def committed(next_offset: int, acknowledged: int) -> Committed:
    return Committed(worker=0, next_offsets={0: next_offset}, counts={0: Counts(acknowledged)})


def test_a_commit_of_somebody_else_is_noticed_and_its_counts_are_not_taken_for_ours() -> None:
    ledger = Ledger()
    ledger.take(progress(150, consumed=150, acknowledged=150))
    ledger.take(committed(150, 150))
    assert ledger.foreign_commits({0: Checkpoint(150, Counts(150))}) == {}
    assert ledger.foreign_commits({0: None}) == {0: None}
    assert ledger.foreign_commits({0: Checkpoint(20, Counts(20))}) == {0: 20}
    assert ledger.foreign_commits({0: Checkpoint(150, Counts(90))}) == {0: 150}
    theirs = Checkpoint(400, Counts(400))
    assert ledger.foreign_commits({0: theirs}) == {0: 400}
    (row,) = ledger.settle((0,), {0: None}, {0: theirs}, Bounds())
    assert (row.foreign_commit, row.counts.acknowledged, row.next_offset) == (True, 150, 150)


def test_the_last_commit_of_a_lost_worker_may_be_unknown_here() -> None:
    ledger = Ledger()
    ledger.take(committed(150, 150))
    ledger.worker_lost((0,))
    assert ledger.foreign_commits({0: Checkpoint(400, Counts(400))}) == {}
    assert ledger.foreign_commits({0: Checkpoint(20)}) == {0: 20}
    ledger.take(committed(420, 420))
    assert ledger.foreign_commits({0: Checkpoint(500, Counts(500))}) == {0: 500}


def test_an_offset_that_was_set_back_without_our_counts_gives_no_negative_figures() -> None:
    (row,) = Ledger().settle((0,), {0: Checkpoint(100, Counts(100))}, {0: Checkpoint(10)}, Bounds())
    assert row.counts == Counts()


def test_dead_letters_that_are_tombstones_are_told_from_predictions_that_failed() -> None:
    ledger = Ledger()
    found = [ledger.only_tombstones]
    for reasons in ({"tombstone": 3}, {"tombstone": 1, "not_json": 1}, {"tombstone": 3}):
        ledger.take(DeadLettersWritten(reasons=reasons, example=""))
        found.append(ledger.only_tombstones)
    assert found == [False, True, False, False]
