"""Dead letters are read back byte for byte, selected by filters, and marked when they are replayed."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.commands.dead_letters import text
from ingest.commands.dead_letters.files import FileStore
from ingest.commands.dead_letters.filters import Filter, histogram, parse_offsets, parse_partitions, parse_time
from ingest.commands.dead_letters.index_entry import IndexEntry, Origin
from ingest.commands.dead_letters.pipeline_replay import PipelineReplay
from ingest.commands.dead_letters.replay_result import ReplayResult, split_by_replays
from ingest.commands.dead_letters.stored import ReplayMark, StoredDeadLetter, from_message, newest
from ingest.commands.dead_letters.unwrapped import UnwrappedValues
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.dead_letters.files import DeadLetterFiles
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.dead_letters.topic import record
from ingest.reasons import Reason
from tests.harness.messages import FakeMessage

Headers = Sequence[tuple[str, str | bytes | None]]


def sent(
    offset: int,
    value: bytes | None = b"{}",
    key: bytes | None = None,
    headers: Headers | None = None,
    *,
    partition: int = 3,
    timestamp_ms: int = 5_000,
) -> FakeMessage:
    return FakeMessage(value, partition=partition, offset=offset, key=key, headers=headers, timestamp=(1, timestamp_ms))


def write(directory: Path, *letters: DeadLetter) -> None:
    files = DeadLetterFiles(directory, "predictions")
    files.write(letters)
    files.close()


def bad(offset: int, code: str = "not_json", reason: str = "why", **message: Any) -> DeadLetter:
    return DeadLetter(sent(offset, **message), Reason(code, reason))


RAW = st.none() | st.binary(max_size=12) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(str.encode)
HEADERS = st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), RAW), max_size=3)


@given(st.lists(st.tuples(RAW, RAW, HEADERS), min_size=1, max_size=4))
def test_what_was_written_comes_back_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bytes | None, bytes | None, Headers]]
) -> None:
    directory = tmp_path_factory.mktemp("letters")
    write(directory, *(DeadLetter(sent(n, *part), Reason("not_json", "why")) for n, part in enumerate(parts)))
    store = FileStore(directory)
    letters = store.read(sorted(store.index(), key=lambda entry: entry.origin.offset))
    assert [(letter.value(), letter.key(), list(letter.headers())) for letter in letters] == [
        (value, key, list(headers)) for value, key, headers in parts
    ]


@given(RAW, RAW, HEADERS, st.none() | st.text(max_size=5))
def test_what_goes_through_a_topic_comes_back_too(
    value: bytes | None, key: bytes | None, headers: Headers, column: str | None
) -> None:
    written = record(DeadLetter(sent(7, value, key, headers), Reason("not_json", 'x "y"'), column), "letters")
    found = from_message(sent(1, written.value, written.key, written.headers, partition=0))
    assert isinstance(found, StoredDeadLetter)
    assert found.entry.origin == Origin("predictions", 3, 7, 5_000)
    assert (found.entry.reason, found.entry.detail, found.entry.location) == ("not_json", 'x "y"', (0, 1))
    assert (found.value(), found.key(), list(found.headers())) == (value, key, list(headers))
    if column is not None:
        assert found.entry.column == column


def test_provenance_of_an_earlier_life_is_replaced() -> None:
    first = record(bad(7, "first"), "letters")
    again = record(DeadLetter(sent(9, b"{}", None, first.headers), Reason("second", "why")), "letters")
    found = from_message(sent(1, again.value, again.key, again.headers))
    assert isinstance(found, StoredDeadLetter)
    assert (found.entry.reason, found.entry.origin.offset) == ("second", 9)
    assert [name for name, _ in again.headers].count("ingest.offset") == 1


def test_a_torn_last_line_and_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, bad(1), bad(2))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(b'not json\n{"a": 1}\n' + whole + whole[:40])
    assert [entry.origin.offset for entry in FileStore(tmp_path).index()] == [1, 2]
    path.write_bytes(whole[:-1])
    assert [entry.origin.offset for entry in FileStore(tmp_path).index()] == [1]


def test_of_a_message_that_was_written_twice_the_latest_counts(tmp_path: Path) -> None:
    write(tmp_path, bad(1, "first"), bad(2))
    (path,) = tmp_path.iterdir()
    path.rename(tmp_path / "a.jsonl")
    write(tmp_path, bad(1, "second"))
    entries = FileStore(tmp_path).index()
    assert {entry.origin.offset: entry.reason for entry in entries} == {1: "second", 2: "not_json"}


def test_a_recreated_topics_message_does_not_hide_the_one_before(tmp_path: Path) -> None:
    write(tmp_path, bad(1, timestamp_ms=5), bad(1, timestamp_ms=6))
    assert len(FileStore(tmp_path).index()) == 2


def test_marks_settle_what_was_written_before_them_and_survive_a_torn_line(tmp_path: Path) -> None:
    write(tmp_path, bad(1), bad(2))
    store = FileStore(tmp_path)
    store.lock()
    entries = store.index()
    store.mark(entries[:1], "pipeline")
    store.close()
    marks = tmp_path / "replayed.marks"
    assert marks.stat().st_mode & 0o777 == 0o600
    marks.write_bytes(marks.read_bytes() + b'{"topic": "pred')
    store.lock()
    store.mark(entries[1:], "topic")
    store.close()
    assert [entry.replayed_to for entry in FileStore(tmp_path).index()] == ["pipeline", "topic"]


def entry(offset: int, at: str, **more: object) -> IndexEntry:
    plain = IndexEntry(Origin("t", 0, offset, 5), "r", "d", None, at, 0, (0, offset))
    return replace(plain, **more)  # type: ignore[arg-type]


def test_a_letter_written_after_its_mark_is_a_new_one() -> None:
    mark = ReplayMark(Origin("t", 0, 1, 5), "pipeline", "2026-05-01T00:00:02")
    before, after = entry(1, "2026-05-01T00:00:02"), entry(1, "2026-05-01T00:00:03")
    assert newest([before], [mark])[0].replayed_to == "pipeline"
    assert newest([before, after], [mark]) == [after]


def test_one_replay_at_a_time(tmp_path: Path) -> None:
    write(tmp_path, bad(1))
    store = FileStore(tmp_path)
    store.lock()
    other = f"""
from pathlib import Path
from ingest.commands.dead_letters.files import FileStore
from ingest.errors import FatalError
from ingest.reasons import Reason
try:
    FileStore(Path({str(tmp_path)!r})).lock()
except FatalError as refused:
    print(int(refused.exit_code), refused)
"""
    done = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(f"{int(ExitCode.USAGE)} ")
    store.close()
    done = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""


def test_a_missing_directory_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        FileStore(tmp_path / "none")


@pytest.mark.parametrize(
    ("code", "detail", "column"),
    [
        ("type_conflict", '"age" holds a string where the column is integer', "age"),
        ("missing_column", 'no value in "id", which [schema] prediction_id names', "id"),
        ("rejected_400", 'Arize refused the row: HTTP 400 {"message": "odd"}', None),
        ("not_json", '"x" is odd', None),
        ("tombstone", "the message has no value", None),
    ],
)
def test_the_column_is_the_one_that_the_reason_names(
    code: str, detail: str, column: str | None, tmp_path: Path
) -> None:
    write(tmp_path, bad(1, code, detail))
    assert FileStore(tmp_path).index()[0].column == column


def test_filters_are_joined_and_leave_out_what_was_replayed() -> None:
    one = entry(5, "2026-05-01T10:00:00.000+00:00", column="age", reason="type_conflict")
    assert Filter().matches(one)
    assert not Filter().matches(replace(one, replayed_to="topic"))
    assert Filter(include_replayed=True).matches(replace(one, replayed_to="topic"))
    wanted = Filter(
        reasons=frozenset({"type_conflict"}),
        topic="t",
        partitions=frozenset({0, 2}),
        columns=frozenset({"age"}),
        offsets=range(5, 6),
        since="2026-05-01T10:00:00.000+00:00",
        until="2026-05-01T10:00:00.001+00:00",
    )
    assert wanted.matches(one)
    for other in (
        replace(one, reason="x"),
        replace(one, origin=Origin("u", 0, 5, 5)),
        replace(one, origin=Origin("t", 1, 5, 5)),
        replace(one, origin=Origin("t", 0, 6, 5)),
        replace(one, column=None),
        replace(one, written_at="2026-05-01T09:59:59.999+00:00"),
        replace(one, written_at="2026-05-01T10:00:00.001+00:00"),
    ):
        assert not wanted.matches(other)


NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given_text", "found"),
    [
        ("-15m", "2026-05-01T11:45:00.000+00:00"),
        ("-1d", "2026-04-30T12:00:00.000+00:00"),
        ("2026-05-01T03:00Z", "2026-05-01T03:00:00.000+00:00"),
        ("2026-05-01T03:00+02:00", "2026-05-01T01:00:00.000+00:00"),
        ("2026-05-01", "2026-05-01T00:00:00.000+00:00"),
    ],
)
def test_times(given_text: str, found: str) -> None:
    assert parse_time("--since", given_text, NOW) == found


@pytest.mark.parametrize("wrong", ["yesterday", "-5", "-99999999999999d", "0001-01-01T00:00+09:00"])
def test_text_that_is_not_a_time_is_a_usage_error(wrong: str) -> None:
    with pytest.raises(FatalError, match=r"--since .*not a time") as told:
        parse_time("--since", wrong, NOW)
    assert told.value.exit_code is ExitCode.USAGE


def test_ranges() -> None:
    assert parse_offsets("17") == range(17, 18)
    assert parse_offsets("100-199") == range(100, 200)
    assert parse_partitions(["0-2,7", "9"]) == {0, 1, 2, 7, 9}
    for wrong in ("", "9-1", "x", "1-2-3"):
        with pytest.raises(FatalError):
            parse_offsets(wrong)
        with pytest.raises(FatalError):
            parse_partitions([wrong])


def test_the_histogram_counts_by_everything() -> None:
    found = histogram(
        [
            entry(1, "2026-05-01T10:59:00.000+00:00", column="age"),
            entry(2, "2026-05-01T11:00:00.000+00:00", replayed_to="topic"),
            entry(3, "2026-05-01T11:01:00.000+00:00", reason="s"),
        ]
    )
    assert (found.dead_letters, found.replayed) == (3, 1)
    assert found.by_reason == {"r": 2, "s": 1}
    assert found.by_column == {"(none)": 2, "age": 1}
    assert found.by_partition == {"t 0": 3}
    assert found.by_hour == {"2026-05-01T10Z": 1, "2026-05-01T11Z": 2}
    lines = list(text.histogram_lines(found, "here"))
    assert lines[0] == "3 dead letters in here, 1 of them replayed"
    assert json.loads(text.histogram_json(found, "here"))["by_hour"] == found.by_hour


def test_payload_is_shown_on_request_only(tmp_path: Path) -> None:
    write(tmp_path, bad(1, value=b"\xffcanary", key=b"canary", headers=[("h", b"canary")]))
    store = FileStore(tmp_path)
    (letter,) = store.read(store.index())
    assert "canary" not in "\n".join(text.dead_letter_lines(letter, value=False)) + text.dead_letter_json(
        letter, value=False
    )
    assert "canary" in "\n".join(text.dead_letter_lines(letter, value=True))
    assert json.loads(text.dead_letter_json(letter, value=True))["value_base64"] == "/2NhbmFyeQ=="


def test_each_replay_is_counted_in_a_header(tmp_path: Path) -> None:
    write(tmp_path, bad(1, headers=[("a", b"1"), ("ingest.replayed", b"2")]))
    store = FileStore(tmp_path)
    (letter,) = store.read(store.index())
    assert letter.entry.replays == 2
    assert list(letter.replayed_again().headers()) == [("a", b"1"), ("ingest.replayed", b"3")]
    assert split_by_replays([letter.entry], 2) == ([], 1)
    assert split_by_replays([letter.entry], 3) == ([letter.entry], 0)


def test_the_exit_code_of_a_replay() -> None:
    assert ReplayResult(3, replayed=3).exit_code is ExitCode.DONE
    assert ReplayResult(3, replayed=2, max_replays_reached=1).exit_code is ExitCode.TOO_MANY_DEAD
    assert ReplayResult(3, replayed=2, filtered=1).exit_code is ExitCode.DONE
    assert ReplayResult(3, filtered=3).exit_code is ExitCode.TOO_MANY_DEAD
    interrupted = ReplayResult(3, replayed=1, interrupted=True)
    assert (interrupted.exit_code, interrupted.remaining) == (ExitCode.DRAIN_DEADLINE, 2)
    assert json.loads(text.result_json(interrupted, "here"))["remaining"] == 2


def test_letters_that_a_route_without_delivery_takes_are_counted(tmp_path: Path) -> None:
    rows = [json.dumps({"region": region}).encode() for region in ("eu", "eu", "us")]
    write(tmp_path, *(bad(offset, value=row) for offset, row in enumerate(rows)))
    store = FileStore(tmp_path)
    routes = {"eu": {"when": {"region": "eu"}, "deliver": False}, "all": {}}
    (settings,) = Config.model_validate({"arize": {"model_name": "m", "space_id": "s"}, "routes": routes}).topics
    result = ReplayResult(3, dry_run=True)
    PipelineReplay(settings, store, store.index(), lambda _: None, lambda _: None).dry_run(result)
    assert (result.filtered, result.remaining, result.failed.total()) == (2, 0, 1)
    assert "2  would be filtered by their route or its sample" in "\n".join(text.result_lines(result, "here"))
    assert json.loads(text.result_json(result, "here"))["filtered"] == 2


def test_letters_are_read_by_their_place_and_a_changed_file_is_told(tmp_path: Path) -> None:
    write(tmp_path, *(bad(offset, value=b"x" * 200) for offset in range(3_000)))
    store = FileStore(tmp_path)
    entries = store.index()
    assert len(entries) == 3_000
    (path,) = tmp_path.glob("*.jsonl")
    assert [letter.offset() for letter in store.read([entries[2_999], entries[0]])] == [2_999, 0]
    os.truncate(path, 100)
    with pytest.raises(FatalError, match="has changed"):
        store.read(entries[-1:])


# --- messages in other forms ---------------------------------------------------------------------


def test_a_dead_letter_is_shown_as_its_format_unwraps_it(tmp_path: Path) -> None:
    plain = b'{"a": 1}'
    write(
        tmp_path,
        bad(1, value=gzip.compress(plain)),
        bad(2, value=plain),
        bad(3, value=b"\x1f\x8b"),
        bad(4, value=gzip.compress(plain), headers=[("ingest.redacted", b"1")]),
        bad(5, value=None),
    )
    store = FileStore(tmp_path)
    letters = store.read(sorted(store.index(), key=lambda entry: entry.origin.offset))
    shown = UnwrappedValues(Config(kafka={"topic": "predictions"}, format={"compression": "auto"}))
    assert [shown.of(letter) for letter in letters] == [plain, None, None, None, None]
    lines = list(text.dead_letter_lines(letters[0], value=True, unwrapped=shown.of(letters[0])))
    assert lines[-1] == '  unwrapped   {"a": 1}'
    assert json.loads(text.dead_letter_json(letters[0], value=True, unwrapped=plain))["unwrapped"] == '{"a": 1}'
    assert "unwrapped" not in json.loads(text.dead_letter_json(letters[1], value=True))
