"""Rows of the account that follow each other add up, and those that do not are found."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingest.accounting.rows import CommittedState, Kind, PartitionKey
from ingest.commands.audit.series import LocatedState, Move, follow, within
from ingest.records import NOTHING, Counts

AT = datetime(2026, 7, 20, 3, 10, tzinfo=UTC)
KEY = PartitionKey("predictions", "ingest", 7)


def row(next_offset: int | None, counts: Counts = NOTHING, run: str = "a", hours: int = 0) -> LocatedState:
    return LocatedState(
        CommittedState("committed", KEY, AT + timedelta(hours=hours), next_offset, counts, run), f"at {next_offset}"
    )


def test_steps_carry_what_lies_between_two_rows() -> None:
    history = follow([row(None), row(10), row(60, Counts(30, 5, 1, 2)), row(60, Counts(30, 5, 1, 2), run="b")])
    (step,) = history.steps
    assert (step.first_offset, step.next_offset, step.counts, step.gap) == (10, 60, Counts(30, 5, 1, 2), 12)
    assert history.base is not None
    assert history.base.next_offset == 10
    assert not history.findings
    assert not history.moves


def test_a_lost_row_changes_no_sum() -> None:
    rows = [row(0), row(10, Counts(10)), row(30, Counts(25)), row(50, Counts(45))]
    whole = follow(rows)
    for lost in (1, 2):
        kept = [row for index, row in enumerate(rows) if index != lost]
        history = follow(kept)
        assert sum((step.counts for step in history.steps), NOTHING) == Counts(45)
        assert sum(step.gap for step in history.steps) == sum(step.gap for step in whole.steps) == 5


def test_a_group_moved_between_runs_begins_a_new_series() -> None:
    history = follow([row(0), row(100, Counts(100)), row(40, run="b"), row(100, Counts(60), run="b")])
    assert history.moves == [Move(100, 40, "at 40")]
    assert history.moves[0].skipped is None
    assert sum((step.counts for step in history.steps), NOTHING) == Counts(160)
    assert history.base is not None
    assert history.base.next_offset == 40
    (move,) = follow([row(0), row(100, Counts(100)), row(140, run="b")]).moves
    assert move.skipped == (100, 140)


def test_a_move_on_request_is_known_by_its_two_rows() -> None:
    """What was committed before it is a step; the move is not another tool's, and never a fault."""

    def part(kind: Kind, next_offset: int, counts: Counts = NOTHING, run: str = "m") -> LocatedState:
        return LocatedState(CommittedState(kind, KEY, AT, next_offset, counts, run), f"at {next_offset}")

    rows = [row(0), row(100, Counts(100)), part("before_move", 120, Counts(120)), part("moved", 150)]
    history = follow([*rows, row(160, Counts(10), run="b")])
    assert history.moves == [Move(120, 150, "at 150", requested=True)]
    assert history.moves[0].skipped == (120, 150)
    assert sum((step.counts for step in history.steps), NOTHING) == Counts(130)
    assert not history.findings
    unconfirmed = follow([row(0), row(100, Counts(100)), part("before_move", 100, Counts(100)), row(40, run="kafka")])
    assert unconfirmed.moves == [Move(100, 40, "at 40")]


def test_a_commit_that_is_gone_is_a_move_to_nowhere() -> None:
    history = follow([row(0), row(100, Counts(100)), row(None, run="kafka")])
    assert history.moves == [Move(100, None, "at None")]
    assert history.base is None


def test_what_can_not_follow_is_an_alarm() -> None:
    for rows in (
        [row(100, Counts(100)), row(40, Counts(40))],  # back, within a run
        [row(100, Counts(100)), row(100, Counts(99, 1), run="kafka")],  # one offset, two counts
        [row(100, Counts(100)), row(110, Counts(111), run="b")],  # more than there are offsets
        [row(100, Counts(90, 10)), row(200, Counts(195, 5), run="b")],  # a count that shrinks
        [row(100, Counts(100)), row(100)],  # counts that begin anew, within a run
    ):
        (finding,) = follow(rows).findings
        assert (finding.level, finding.code, finding.partition) == ("alarm", "does_not_follow", 7)


def test_only_the_last_hours_and_the_row_they_count_from() -> None:
    rows = [row(offset, Counts(offset), hours=offset) for offset in range(5)]
    assert within(rows, None) == rows
    assert within(rows, (AT + timedelta(hours=2, minutes=30)).timestamp()) == rows[2:]
    assert within(rows, (AT + timedelta(hours=9)).timestamp()) == rows[4:]


increments = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)),
    max_size=20,
)


@given(increments, st.sets(st.integers(1, 18)))
def test_any_run_adds_up_whatever_rows_are_lost(parts: list[tuple[int, int, int, int, int]], lost: set[int]) -> None:
    next_offset, counts, rows = 0, NOTHING, [row(0)]
    for acknowledged, dead, tombstones, filtered, gap in parts:
        more = Counts(acknowledged, dead, tombstones, filtered)
        counts, next_offset = counts + more, next_offset + more.total + gap
        rows.append(row(next_offset, counts))
    last = rows[-1]
    history = follow([row for index, row in enumerate(rows) if index not in lost or row is last])
    assert not history.findings
    assert not history.moves
    assert sum((step.counts for step in history.steps), NOTHING) == counts
    assert sum(step.gap for step in history.steps) == next_offset - counts.total
