"""Where `ingest offsets set` moves commits: targets, what is delivered again or passed over, and the metadata."""

import pytest

from ingest.commands.offsets.moves import PartitionMove, TopicOffsets, moved, plan_moves
from ingest.commands.offsets.target import Target
from ingest.commands.offsets.text import preview
from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka.time_range import FoundOffset
from ingest.pipeline.offsets.checkpoint import Checkpoint, SettledRange, decode, encode
from ingest.records import NOTHING, Counts, TopicShape

KAFKA = Kafka(topic="t", group="g")
SHAPE = TopicShape("id", (0, 1))
RANGES = (SettledRange(120, 130, Counts(10)), SettledRange(140, 150, Counts(9, 1)))
MARK = Checkpoint(100, Counts(90, 10), RANGES, "routes", "id", 2)


def plan(target: Target, mark: Checkpoint | None = MARK, at: int | None = None, low: int = 20) -> PartitionMove:
    times = {} if at is None else {0: FoundOffset(at, 1)}
    now = TopicOffsets(SHAPE, {0: mark, 1: Checkpoint(5)}, {0: (low, 200)}, times)
    (move,) = plan_moves(target, KAFKA, now, [0])
    return move


def test_each_target_is_an_offset_of_the_log() -> None:
    assert plan(Target("earliest")).after.next_offset == 20
    assert plan(Target("latest")).after.next_offset == 200
    assert plan(Target("offset", 50)).after.next_offset == 50
    assert plan(Target("time", 1), at=60).after.next_offset == 60
    assert plan(Target("time", 1)).after.next_offset == 200  # no message is as late


@pytest.mark.parametrize("offset", [19, 201])
def test_an_offset_outside_the_log_is_refused(offset: int) -> None:
    with pytest.raises(FatalError, match="holds offsets 20 to 199") as refused:
        plan(Target("offset", offset))
    assert refused.value.exit_code is ExitCode.USAGE


def test_moving_back_delivers_everything_from_there_again() -> None:
    """Also what was settled above the commit: its ranges are dropped, and the counts begin again."""
    move = plan(Target("offset", 40))
    assert move.after == Checkpoint(40, NOTHING, (), "", "id", 2)
    assert (move.again, move.passed_over, move.settled_again) == (60, 0, 20)
    assert decode(40, encode(move.after)) == move.after


def test_moving_forward_keeps_what_is_settled_above() -> None:
    move = plan(Target("offset", 135))
    assert move.after.ranges == RANGES[1:]
    assert move.after.routes == "routes"
    assert (move.again, move.passed_over, move.settled_passed_over, move.settled_again) == (0, 35, 10, 0)


def test_a_range_that_the_offset_cuts_is_dropped() -> None:
    """Its counts can't be divided, so its messages are delivered again."""
    move = plan(Target("offset", 145))
    assert move.after.ranges == ()
    assert (move.settled_passed_over, move.settled_again) == (10, 10)


def test_a_commit_of_a_former_topic_counts_as_none() -> None:
    """Nothing is compared with it, and the new commit has the id of the topic as it is."""
    move = plan(Target("earliest"), Checkpoint(9_000, Counts(9_000), topic_id="former"))
    assert (move.before, move.changes, move.again, move.after.topic_id) == (None, True, 0, "id")


def test_offsets_that_retention_has_removed_are_not_passed_over_by_the_move() -> None:
    assert plan(Target("latest"), Checkpoint(10, topic_id="id"), low=150).passed_over == 50


def test_the_same_offset_changes_nothing() -> None:
    assert not plan(Target("offset", 100)).changes
    assert moved(None, 7, "id", 1) == Checkpoint(7, topic_id="id", topic_partitions=1)


def test_a_move_of_some_partitions_makes_those_without_a_commit_no_new_ones() -> None:
    """Partition 1 has no commit: a later start must not take it for one that was added, and read all of it."""
    now = TopicOffsets(SHAPE, {0: None, 1: None}, {0: (0, 9)}, {})
    (move,) = plan_moves(Target("latest"), KAFKA, now, [0])
    assert move.after.topic_partitions == 0
    both = TopicOffsets(SHAPE, {0: None, 1: None}, {0: (0, 9), 1: (0, 9)}, {})
    moves = plan_moves(Target("latest"), KAFKA, both, [0, 1])
    assert [move.after.topic_partitions for move in moves] == [2, 2]


def test_the_preview_names_the_offsets() -> None:
    lines = list(preview(KAFKA, [plan(Target("offset", 40)), plan(Target("offset", 100)), plan(Target("offset", 135))]))
    assert lines[1] == (
        "  partition 0: 100 -> 40, delivers 60 offsets again (40 to 99); 20 messages settled above 100 are delivered "
        "again too"
    )
    assert lines[2] == "  partition 0: 100, stays"
    assert lines[3] == (
        "  partition 0: 100 -> 135, passes over 35 offsets (100 to 134), of which 10 messages are settled already"
    )
    assert "60 offsets will be delivered again" in lines[4]
    assert "35 offsets will be passed over" in lines[5]
