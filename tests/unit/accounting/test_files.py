"""The account's lines and files are read as they were written, over tears, changes and compaction."""

import json
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.accounting.files import AccountFiles, last_moves, last_states
from ingest.accounting.rows import CommittedState, PartitionKey, PossibleDuplicates, Row, from_line, to_line
from ingest.records import Counts, Span

AT = datetime(2026, 7, 20, 3, 10, 0, 123_000, tzinfo=UTC)
KEY = PartitionKey("predictions", "ingest", 7)
TWICE = PossibleDuplicates(KEY, AT, Span(7, 100, 200, 90), "worker_lost", "ab12")


def state(next_offset: int, kind: str = "committed", at: datetime = AT, key: PartitionKey = KEY) -> CommittedState:
    in_flight = 60 if kind == "started" else None
    return CommittedState(kind, key, at, next_offset, Counts(next_offset - 3, 1, 1, 1), "ab12", in_flight)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", [state(10), state(10, "started"), TWICE], ids=["committed", "started", "twice"])
def test_a_row_is_read_as_it_was_written(row: Row) -> None:
    line = to_line(row)
    assert line.endswith("\n")
    assert from_line(line) == row


def test_a_row_says_its_sums_for_other_programs() -> None:
    said = json.loads(to_line(state(10)))
    assert (
        said["consumed"] == said["acknowledged"] + said["dead_lettered"] + said["tombstones"] + said["filtered"] == 10
    )
    assert (said["hour"], said["at"], said["next_offset"]) == ("2026-07-20T03Z", "2026-07-20T03:10:00.123+00:00", 10)


def test_every_single_changed_character_is_told() -> None:
    line = to_line(state(1_234)).rstrip("\n")
    for index, old in enumerate(line):
        new = "1" if old != "1" else "2"
        assert not isinstance(from_line(line[:index] + new + line[index + 1 :]), CommittedState)


def test_a_row_signed_anew_whose_sum_is_wrong_is_told() -> None:
    text = to_line(state(10)).replace('"acknowledged":7', '"acknowledged":8')
    unsigned = text[: text.index(',"crc32"')] + "}"
    found = from_line(f'{unsigned[:-1]},"crc32":"{zlib.crc32(unsigned.encode()):08x}"}}')
    assert isinstance(found, str)
    assert "acknowledged 8" in found


def test_a_torn_line_is_no_row_and_the_next_one_stands_alone(tmp_path: Path) -> None:
    files = AccountFiles(tmp_path)
    files.append([state(10)], AT, durable=True)
    (path,) = tmp_path.iterdir()
    with path.open("a") as file:
        file.write(to_line(state(20))[:-30])
    files.append([state(30)], AT, durable=True)
    assert [line.content for line in files.lines()] == [state(10), None, state(30)]


def test_rows_written_again_after_a_failure_are_read_once(tmp_path: Path) -> None:
    files = AccountFiles(tmp_path)
    files.append([state(10), state(20)], AT, durable=False)
    files.append([state(10), state(20), state(30)], AT + timedelta(days=1), durable=False)
    assert [line.content for line in files.lines()] == [state(10), state(20), state(30)]


def test_old_days_keep_the_last_commit_of_each_hour_and_all_else(tmp_path: Path) -> None:
    files = AccountFiles(tmp_path)
    other = PartitionKey("predictions", "ingest", 8)
    hours = [AT + timedelta(minutes=minutes) for minutes in (0, 10, 60, 70)]
    files.append([state(0, "started"), state(5, "started", key=other)], AT, durable=False)
    for number, at in enumerate(hours):
        files.append([state(10 + number, at=at), state(20 + number, at=at, key=other)], at, durable=False)
    files.append([TWICE], AT, durable=False)
    (path,) = tmp_path.iterdir()
    with path.open("a") as file:
        file.write("{}\n")  # changed by somebody: it must not go under
    kept = [
        state(0, "started"),
        state(5, "started", key=other),
        state(11, at=hours[1]),
        state(21, at=hours[1], key=other),
        state(13, at=hours[3]),
        state(23, at=hours[3], key=other),
        TWICE,
        "it was changed: something of it is missing",
    ]
    files.compact(AT + timedelta(days=1))
    assert len(list(files.lines())) == 12  # yesterday's may still be written to
    files.compact(AT + timedelta(days=2))
    assert [line.content for line in files.lines()] == kept
    assert [path.name for path in tmp_path.iterdir()] == ["account-2026-07-20.hours.jsonl"]
    files.append([state(14, at=hours[3])], AT, durable=False)  # a clock that was set back
    files.compact(AT + timedelta(days=2))
    kept.remove(state(13, at=hours[3]))
    assert [line.content for line in files.lines()] == [*kept, state(14, at=hours[3])]


def test_the_last_state_of_each_partition_is_found_over_the_files(tmp_path: Path) -> None:
    files = AccountFiles(tmp_path)
    other, unknown = PartitionKey("predictions", "ingest", 8), PartitionKey("predictions", "ingest", 9)
    files.append([state(0, "started"), state(5, "ended", key=other)], AT, durable=False)
    files.append([state(10), state(20)], AT + timedelta(days=1), durable=False)
    states, in_flight = last_states(files, [KEY, other, unknown])
    assert states == {KEY: state(20), other: state(5, "ended", key=other)}
    assert in_flight == {KEY: 60}


def test_moves_leave_the_last_state_of_the_run_and_are_found_until_the_next_one(tmp_path: Path) -> None:
    """The run's last state is what Kafka had before the first move, also if the run's own row is older."""
    files = AccountFiles(tmp_path)
    files.append([state(4, "started"), state(10)], AT, durable=False)
    files.append([state(14, "before_move"), state(8, "moved")], AT, durable=False)
    files.append([state(8, "before_move"), state(6, "moved")], AT, durable=False)
    assert last_states(files, [KEY]) == ({KEY: state(14)}, {KEY: 60})
    assert last_moves(files, [KEY]) == {KEY: state(6, "moved")}
    files.append([state(6, "started")], AT, durable=False)
    assert last_moves(files, [KEY]) == {}


def test_a_move_that_kafka_did_not_confirm_is_none(tmp_path: Path) -> None:
    files = AccountFiles(tmp_path)
    files.append([state(10, "ended"), state(10, "before_move")], AT, durable=False)
    assert last_moves(files, [KEY]) == {}
    assert last_states(files, [KEY])[0] == {KEY: state(10, "ended")}
