from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingest.accounting.rows import Key, State
from ingest.commands.audit.series import LocatedState, Move, follow, within
from ingest.records import NOTHING, Counts

AT = datetime(2026, 7, 20, 3, 10, tzinfo=UTC)
KEY = Key("predictions", "ingest", 7)


def seen(next_offset: int | None, counts: Counts = NOTHING, run: str = "a", hours: int = 0) -> LocatedState:
    return LocatedState(
        State("committed", KEY, AT + timedelta(hours=hours), next_offset, counts, run), f"at {next_offset}"
    )


def test_steps_carry_what_lies_between_two_rows() -> None:
    story = follow([seen(None), seen(10), seen(60, Counts(30, 5, 1, 2)), seen(60, Counts(30, 5, 1, 2), run="b")])
    (step,) = story.steps
    assert (step.first, step.next_offset, step.counts, step.gap) == (10, 60, Counts(30, 5, 1, 2), 12)
    assert story.base is not None
    assert story.base.next_offset == 10
    assert not story.findings
    assert not story.moves


def test_a_lost_row_changes_no_sum() -> None:
    rows = [seen(0), seen(10, Counts(10)), seen(30, Counts(25)), seen(50, Counts(45))]
    whole = follow(rows)
    for lost in (1, 2):
        kept = [row for index, row in enumerate(rows) if index != lost]
        story = follow(kept)
        assert sum((step.counts for step in story.steps), NOTHING) == Counts(45)
        assert sum(step.gap for step in story.steps) == sum(step.gap for step in whole.steps) == 5


def test_a_group_moved_between_runs_begins_a_new_series() -> None:
    story = follow([seen(0), seen(100, Counts(100)), seen(40, run="b"), seen(100, Counts(60), run="b")])
    assert story.moves == [Move(100, 40, "at 40")]
    assert story.moves[0].skipped is None
    assert sum((step.counts for step in story.steps), NOTHING) == Counts(160)
    assert story.base is not None
    assert story.base.next_offset == 40
    (move,) = follow([seen(0), seen(100, Counts(100)), seen(140, run="b")]).moves
    assert move.skipped == (100, 140)


def test_a_commit_that_is_gone_is_a_move_to_nowhere() -> None:
    story = follow([seen(0), seen(100, Counts(100)), seen(None, run="kafka")])
    assert story.moves == [Move(100, None, "at None")]
    assert story.base is None


def test_what_can_not_follow_is_an_alarm() -> None:
    for rows in (
        [seen(100, Counts(100)), seen(40, Counts(40))],  # back, within a run
        [seen(100, Counts(100)), seen(100, Counts(99, 1), run="kafka")],  # one offset, two counts
        [seen(100, Counts(100)), seen(110, Counts(111), run="b")],  # more than there are offsets
        [seen(100, Counts(90, 10)), seen(200, Counts(195, 5), run="b")],  # a count that shrinks
        [seen(100, Counts(100)), seen(100)],  # counts that begin anew, within a run
    ):
        (finding,) = follow(rows).findings
        assert (finding.level, finding.code, finding.partition) == ("alarm", "does_not_follow", 7)


def test_only_the_last_hours_and_the_row_they_count_from() -> None:
    rows = [seen(offset, Counts(offset), hours=offset) for offset in range(5)]
    assert within(rows, None) == rows
    assert within(rows, (AT + timedelta(hours=2, minutes=30)).timestamp()) == rows[2:]
    assert within(rows, (AT + timedelta(hours=9)).timestamp()) == rows[4:]


increments = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)),
    max_size=20,
)


@given(increments, st.sets(st.integers(1, 18)))
def test_any_run_adds_up_whatever_rows_are_lost(parts: list[tuple[int, int, int, int, int]], lost: set[int]) -> None:
    next_offset, counts, rows = 0, NOTHING, [seen(0)]
    for acknowledged, dead, tombstones, filtered, gap in parts:
        more = Counts(acknowledged, dead, tombstones, filtered)
        counts, next_offset = counts + more, next_offset + more.total + gap
        rows.append(seen(next_offset, counts))
    last = rows[-1]
    story = follow([row for index, row in enumerate(rows) if index not in lost or row is last])
    assert not story.findings
    assert not story.moves
    assert sum((step.counts for step in story.steps), NOTHING) == counts
    assert sum(step.gap for step in story.steps) == next_offset - counts.total
