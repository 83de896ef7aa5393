"""When rows of the account are written, and what a former run may have sent twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ingest.accounting.rows import CommittedState, PartitionKey, PossibleDuplicates
from ingest.accounting.schedule import FormerRun, RowSchedule, duplicates_of_former_run
from ingest.records import NOTHING, Counts, Span

AT = datetime(2026, 7, 20, 3, 10, tzinfo=UTC)
KEY = PartitionKey("predictions", "ingest", 7)


def state(
    next_offset: int | None, counts: Counts = NOTHING, kind: str = "committed", at: datetime = AT
) -> CommittedState:
    return CommittedState(kind, KEY, at, next_offset, counts, "run")  # type: ignore[arg-type]


def commit(
    schedule: RowSchedule, next_offset: int, at: datetime = AT, now: float = 0.0
) -> list[CommittedState | PossibleDuplicates]:
    schedule.committed(state(next_offset, Counts(next_offset), at=at))
    rows = schedule.due(now)
    schedule.written(rows)
    return rows


def test_the_first_commit_is_a_row_and_later_ones_at_most_one_a_minute() -> None:
    schedule = RowSchedule()
    assert commit(schedule, 0) == [state(0)]
    assert commit(schedule, 10) == [state(10, Counts(10))]
    assert commit(schedule, 20, now=59.0) == []
    assert commit(schedule, 30, now=60.0) == [state(30, Counts(30))]
    assert schedule.due(1_000.0) == []  # nothing new


def test_the_last_commit_of_an_hour_is_a_row_of_that_hour() -> None:
    schedule = RowSchedule()
    commit(schedule, 0)
    commit(schedule, 10)
    commit(schedule, 20, AT + timedelta(minutes=49), now=1.0)
    rows = commit(schedule, 30, AT + timedelta(minutes=51), now=2.0)
    assert rows == [state(20, Counts(20), at=AT + timedelta(minutes=49))]


def test_closing_writes_the_newest_commit() -> None:
    schedule = RowSchedule()
    commit(schedule, 0)
    commit(schedule, 10)
    assert commit(schedule, 20, now=1.0) == []
    assert schedule.due(1.0, closing=True) == [state(20, Counts(20))]


def test_what_could_not_be_written_waits_and_only_commits_are_forgotten() -> None:
    schedule = RowSchedule(most=3)
    twice = PossibleDuplicates(KEY, AT, Span(7, 0, 5, 5), "worker_lost", "run")
    schedule.put([twice])
    schedule.put([state(offset) for offset in range(5)])
    assert schedule.due(0.0) == [twice, state(3), state(4)]
    assert schedule.due(0.0) == [twice, state(3), state(4)]
    schedule.written(schedule.due(0.0))
    assert schedule.due(0.0) == []


STARTED = replace(state(100, Counts(100), "started"), run="new")


def told(
    start: CommittedState, former: CommittedState | None, begin: int = 100, end: int = 500
) -> list[tuple[str, Span]]:
    known = None if former is None else FormerRun(former, in_flight=60)
    return [(row.cause, row.span) for row in duplicates_of_former_run(start, begin, end, known)]


def test_a_run_that_ended_in_order_has_left_nothing() -> None:
    assert told(STARTED, state(100, Counts(100), "ended")) == []


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert told(STARTED, None) == []


def test_a_killed_supervisor_may_have_sent_what_was_in_flight() -> None:
    assert told(STARTED, state(80, Counts(80))) == [("supervisor_lost", Span(7, 100, 500, 60))]
    assert told(STARTED, state(None, kind="started"), end=130) == [("supervisor_lost", Span(7, 100, 130, 30))]
    assert told(STARTED, state(80, Counts(80)), end=100) == []


def test_somebody_else_has_committed_since() -> None:
    assert told(STARTED, state(80, Counts(80), "ended")) == [("unknown_run", Span(7, 100, 500, 400))]


def test_a_group_that_was_moved_back_reads_again_what_it_had() -> None:
    back = state(100, kind="started")
    assert told(back, state(300, Counts(300), "ended")) == [("moved_back", Span(7, 100, 300, 200))]
    assert told(back, state(300, Counts(300))) == [
        ("moved_back", Span(7, 100, 300, 200)),
        ("supervisor_lost", Span(7, 300, 500, 60)),
    ]


def test_a_move_on_request_is_no_unknown_run() -> None:
    """Forward: nothing is sent twice. Back: what was committed is. Somebody who committed since is listed."""
    ended = state(100, Counts(100), "ended")
    forward = FormerRun(ended, 50, state(150, kind="moved"))
    assert duplicates_of_former_run(state(150, kind="started"), 150, 300, forward) == []
    back = FormerRun(ended, 50, state(40, kind="moved"))
    (again,) = duplicates_of_former_run(state(40, kind="started"), 40, 300, back)
    assert (again.span, again.cause) == (Span(7, 40, 100, 60), "moved_back")
    (unknown,) = duplicates_of_former_run(state(170, Counts(20), "started"), 170, 300, forward)
    assert (unknown.span, unknown.cause) == (Span(7, 170, 300, 130), "unknown_run")


def test_a_move_hides_no_run_that_did_not_end() -> None:
    lost = FormerRun(state(100, Counts(100)), 50, state(150, kind="moved"))
    (found,) = duplicates_of_former_run(state(150, kind="started"), 150, 300, lost)
    assert (found.span, found.cause) == (Span(7, 150, 300, 50), "supervisor_lost")
