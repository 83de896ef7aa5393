"""Whether somebody delivers for a group: the commits that move while we look."""

from ingest.commands.offsets.activity import watch_commits
from ingest.config.sections import Kafka
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import Counts

KAFKA = Kafka(topic="t", group="g")
BEFORE = {0: Checkpoint(10), 1: None}


def test_a_commit_that_moves_is_a_sign() -> None:
    waited: list[float] = []
    found = watch_commits(KAFKA, BEFORE, 10.0, ask=lambda: {0: Checkpoint(10), 1: Checkpoint(3)}, sleep=waited.append)
    assert waited == [30.0]  # several of a worker's commits
    assert found.busy == ("the commits of partitions 1 moved within 30 s",)


def test_metadata_that_changes_is_a_sign_too() -> None:
    """A slow route holds the offset, and the ranges above it grow."""
    found = watch_commits(KAFKA, BEFORE, 1.0, ask=lambda: {0: Checkpoint(10, Counts(1)), 1: None}, sleep=lambda _: None)
    assert found.busy


def test_a_quiet_group_proves_nothing() -> None:
    found = watch_commits(KAFKA, BEFORE, 1.0, ask=lambda: dict(BEFORE), sleep=lambda _: None)
    assert found.busy == ()
    assert "a supervisor without news makes none" in found.checked[0]
