"""Screens show events, a summary and the account, and never stop a run."""

import dataclasses
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest import events
from ingest.accounting.run_account import PartitionAccount, RunAccount
from ingest.records import Counts, Span
from ingest.status.console import BrokenPipeConsole
from ingest.status.plain import SUMMARY_S, JsonScreen, LineScreen
from ingest.status.run_state import RunState
from ingest.status.screen import choose, own_stream
from ingest.status.terminal import TerminalScreen

ROW = PartitionAccount(
    partition=3,
    consumed=1200,
    counts=Counts(acknowledged=1000, dead_lettered=10),
    next_offset=1010,
    end_offset=1010,
    lag=0,
    possible_duplicates=(Span(3, 800, 1000, 190),),
)
ACCOUNT = RunAccount(topic="rides", group="g", exit_code=0, ran_s=5.0, crashes=1, exact=True, partitions=(ROW, ROW))


NOW = datetime(2026, 5, 1, tzinfo=UTC).timestamp()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Closed(io.StringIO):
    """What stdout is once the reader of a pipe has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe", text)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_name_the_topic_where_there_are_more() -> None:
    text, plain = io.StringIO(), io.StringIO()
    clock = Clock()
    for stream, screen in (
        (text, LineScreen(text, least="debug", clock=clock)),
        (plain, JsonScreen(plain, least="debug", clock=clock)),
    ):
        run_state = RunState()
        for first_worker, topic in enumerate(("rides", "fares")):
            started = events.SupervisorStarted(
                topic=topic, group="g", workers=1, first_worker=first_worker, partitions=(0,), end_offsets={0: 9}
            )
            screen.emit(started, NOW)
            run_state.take(started, clock.now)
        screen.emit(events.Committed(worker=1, next_offsets={0: 9}), NOW)
        clock.now += SUMMARY_S
        screen.tick(run_state.snapshot(clock.now, NOW))
        for topic in ("rides", "fares"):
            screen.account(dataclasses.replace(ACCOUNT, topic=topic))
        assert stream.getvalue()
    assert "fares: committed: partition 0 at 9" in text.getvalue()
    assert "lag 18 (rides 9, fares 9)" in text.getvalue()
    assert [title in text.getvalue() for title in ("rides (group g)", "fares (group g)")] == [True, True]
    read = [json.loads(line) for line in plain.getvalue().splitlines()]
    assert [(line["event"], line.get("topic")) for line in read] == [
        ("supervisor_started", "rides"),
        ("supervisor_started", "fares"),
        ("committed", "fares"),
        ("summary", None),
        ("account", "rides"),
        ("account", "fares"),
    ]
    assert read[3]["lags"] == {"rides": 9, "fares": 9}


def test_lines_have_no_escape_codes_and_a_summary_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    screen = LineScreen(stream, least="info", clock=clock)
    with screen:
        screen.emit(events.WorkerGivenUp(worker=0, partitions=(0,), crashes=1, crash_window_s=1), NOW)
        screen.emit(events.Committed(worker=0, next_offsets={0: 9}), NOW)
        for _ in range(int(SUMMARY_S * 2) + 2):
            clock.now += 1.0
            screen.tick(RunState().snapshot(clock.now, NOW))
    screen.account(ACCOUNT)
    text = stream.getvalue()
    assert "\x1b" not in text
    assert text.count("summary") == 2
    assert "partition 0 at 9" not in text
    assert "1,200" in text
    assert "2,000" in text  # acknowledged, in all


def test_json_lines_are_json_and_the_account_is_one_of_them() -> None:
    stream, clock = io.StringIO(), Clock()
    screen = JsonScreen(stream, least="debug", clock=clock)
    screen.emit(events.Committed(worker=0, next_offsets={0: 9}), NOW)
    clock.now += SUMMARY_S
    screen.tick(RunState().snapshot(clock.now, NOW))
    screen.account(ACCOUNT)
    read = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in read] == ["committed", "summary", "account"]
    assert (read[1]["acknowledged_per_s"], read[1]["lag_unknown"], read[1]["held_back"]) == (0.0, 0, 0)
    account = read[-1]
    assert account["totals"] == {
        "consumed": 2400,
        "acknowledged": 2000,
        "dead_lettered": 20,
        "tombstones": 0,
        "filtered": 0,
        "duplicates_possible": 380,
        "lag": 0,
        "held_back": 0,
    }
    assert account["partitions"][0]["next_offset"] == 1010
    assert [line["time"] for line in read[:2]] == ["2026-05-01T00:00:00.000+00:00"] * 2


def test_a_reader_that_left_stops_nothing() -> None:
    for screen in (
        LineScreen(Closed(), least="info"),
        JsonScreen(Closed(), least="info"),
        TerminalScreen(BrokenPipeConsole(file=Closed(), force_terminal=True), least="info"),
    ):
        with screen:
            screen.emit(events.Notice(text="x"), NOW)
            screen.tick(RunState().snapshot(0.0, NOW))
        screen.account(ACCOUNT)


def test_the_screen_fits_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert isinstance(choose(io.StringIO(), json=False, least="info"), LineScreen)
    assert isinstance(choose(Terminal(), json=False, least="info"), TerminalScreen)
    assert isinstance(choose(Terminal(), json=True, least="info"), JsonScreen)
    monkeypatch.setenv("NO_COLOR", "1")
    assert isinstance(choose(Terminal(), json=False, least="info"), TerminalScreen), "it takes colour only"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(choose(Terminal(), json=False, least="info"), LineScreen)


def shown_account(row: PartitionAccount, *, exact: bool = True) -> str:
    stream = io.StringIO()
    LineScreen(stream, least="info").account(dataclasses.replace(ACCOUNT, partitions=(row,), exact=exact))
    return " ".join(stream.getvalue().split())


def test_a_lag_that_nobody_knows_is_not_0() -> None:
    text = shown_account(dataclasses.replace(ROW, end_offset=-1, lag=None, held_back=None))
    assert text.split().count("?") == 5, "end, lag and what is held back of the partition, and the last two of all"
    stream = io.StringIO()
    unknown = dataclasses.replace(ROW, end_offset=-1, lag=None, held_back=None)
    JsonScreen(stream, least="info").account(dataclasses.replace(ACCOUNT, partitions=(ROW, unknown)))
    account = json.loads(stream.getvalue())
    assert (account["totals"]["lag"], account["totals"]["held_back"]) == (None, None)
    assert [row["lag"] for row in account["partitions"]] == [0, None]


def test_the_account_claims_only_the_repeats_of_its_own_crashes_and_names_foreign_commits() -> None:
    plain = shown_account(ROW)
    assert "repeated by crashes: at most, and only those of this run's own workers" in plain
    foreign = shown_account(dataclasses.replace(ROW, foreign_commit=True), exact=False)
    assert "partitions 3 are not those of this run" in foreign
    held = shown_account(dataclasses.replace(ROW, lag=70, held_back=70))
    assert "70 offsets of the lag are behind open transactions" in held


def test_a_summary_tells_reading_from_acknowledging_and_names_what_is_not_known() -> None:
    stream, clock = io.StringIO(), Clock()
    screen = LineScreen(stream, least="info", clock=clock)
    run_state = RunState()
    run_state.take(events.SupervisorStarted(topic="rides", group="g", workers=1, partitions=(0, 1)), clock.now)
    ends = events.PartitionEnds(topic="rides", end_offsets={0: 70}, stable_offsets={0: 0}, held_back_s={0: 61.0})
    run_state.take(ends, clock.now)
    clock.now += SUMMARY_S
    screen.tick(run_state.snapshot(clock.now, NOW))
    text = stream.getvalue()
    assert "0 read/s, 0 acknowledged/s" in text
    assert (
        "lag 70 without 1 partition, whose end is not known, 70 of it behind an open transaction, seen for 1 min 01 s"
        in text
    )


def test_the_own_stream_writes_to_the_same_file_and_is_closed_without_it(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        stream.write("before, ")
        own, close = own_stream(stream)
        own.write("own, ")
        close()
        assert own.closed
        stream.write("after")
    assert (tmp_path / "out").read_text() == "before, own, after"


def test_an_own_stream_that_can_t_be_written_closes_too() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as stream:
        own, close = own_stream(stream)
        own.write("no end of a line yet")
        close()
    assert own.closed


def test_what_is_no_file_is_its_own_stream_and_stays_open() -> None:
    stream = io.StringIO()
    own, close = own_stream(stream)
    close()
    assert own is stream
    assert not stream.closed
