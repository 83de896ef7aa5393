"""The exit code of a run follows from its accounts."""

from pathlib import Path

import pytest

from ingest.accounting.run_account import PartitionAccount, RunAccount
from ingest.config.load import load
from ingest.errors import ExitCode
from ingest.events import Event, Notice
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import Counts
from ingest.supervisor.final_accounts import Found, exit_code
from ingest.supervisor.plan import TopicPlan

ACKNOWLEDGED, DEAD = Counts(acknowledged=9), Counts(dead_lettered=9)


def found(
    directory: Path,
    counts: Counts = ACKNOWLEDGED,
    *,
    next_offset: int | None = 9,
    start: str = "earliest",
    held_back: int = 0,
    exact: bool = True,
    ends: bool = True,
    only_tombstones: bool = False,
) -> Found:
    """A topic whose only partition ends at offset 9 and is committed up to `next_offset`."""
    file = directory / "given.toml"
    file.write_text(f'[kafka]\ntopic = "rides"\nstart = "{start}"\n')
    begin = {0: Checkpoint(0)}
    end_offsets = {0: 9} if ends else None
    plan = TopicPlan(load(file).topics[0], (0,), {0: (0, 9)}, {0: None}, end_offsets, StartPlan("a", 1, begin))
    row = PartitionAccount(
        partition=0,
        consumed=9,
        counts=counts,
        next_offset=next_offset,
        end_offset=9,
        lag=9 - (next_offset or 0),
        held_back=held_back,
    )
    account = RunAccount(topic="rides", group="g", exit_code=0, ran_s=1.0, crashes=0, exact=exact, partitions=(row,))
    return Found(plan, account, only_tombstones)


def decided(*topics: Found, code: ExitCode = ExitCode.DONE) -> tuple[ExitCode, list[str]]:
    events: list[Event] = []
    result = exit_code(code, topics, events.append)
    return result, [event.text for event in events if isinstance(event, Notice)]


def test_a_run_that_committed_up_to_its_end_is_done(tmp_path: Path) -> None:
    assert decided(found(tmp_path)) == (ExitCode.DONE, [])


def test_a_run_that_did_not_is_not_done_although_its_workers_were(tmp_path: Path) -> None:
    code, (text,) = decided(found(tmp_path), found(tmp_path, next_offset=7, held_back=2))
    assert code is ExitCode.DRAIN_DEADLINE
    assert text == (
        "partitions 0 of rides are not committed up to their end (2 offsets behind open transactions); start again to "
        "go on"
    )


def test_without_a_commit_a_partition_is_unfinished_unless_it_starts_at_the_latest_message(tmp_path: Path) -> None:
    assert decided(found(tmp_path, next_offset=None))[0] is ExitCode.DRAIN_DEADLINE
    assert decided(found(tmp_path, next_offset=None, start="latest"))[0] is ExitCode.DONE


def test_what_kafka_did_not_confirm_is_not_judged(tmp_path: Path) -> None:
    assert decided(found(tmp_path, next_offset=7, exact=False))[0] is ExitCode.DONE


def test_a_run_of_which_all_messages_of_a_topic_are_dead_letters_is_not_done(tmp_path: Path) -> None:
    code, (text,) = decided(found(tmp_path), found(tmp_path, DEAD))
    assert code is ExitCode.TOO_MANY_DEAD
    assert text.startswith("nothing of rides was delivered: all 9 messages became dead letters. See why with ")


def test_tombstones_and_a_run_without_an_end_may_deliver_nothing(tmp_path: Path) -> None:
    assert decided(found(tmp_path, DEAD, only_tombstones=True))[0] is ExitCode.DONE
    assert decided(found(tmp_path, DEAD, ends=False))[0] is ExitCode.DONE


@pytest.mark.parametrize("code", [ExitCode.KAFKA, ExitCode.EXPIRED, ExitCode.TOO_MANY_DEAD])
def test_the_code_of_a_fault_stays(code: ExitCode, tmp_path: Path) -> None:
    assert decided(found(tmp_path, DEAD, next_offset=7), code=code) == (code, [])
