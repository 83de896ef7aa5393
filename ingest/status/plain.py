"""Lines only: text or JSON, one per event, a summary now and then, the account at the end.

A stream that can't be written (a closed pipe, a full disk) stops nothing: see `line_writer`. JSON has each event as it
happened; text folds repeats: see `event_coalescer`. The account is written at every level: it is the run's result.
"""

import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console

from ingest.accounting.run_account import RunAccount
from ingest.events import Event, Level, Notice
from ingest.status import account as accounts
from ingest.status import formatting, lines, log_lines
from ingest.status.ending import ending
from ingest.status.event_coalescer import EventCoalescer
from ingest.status.line_writer import LineWriter
from ingest.status.log_lines import Place, RunName
from ingest.status.snapshot import Snapshot
from ingest.status.worker_topics import WorkerTopics

SUMMARY_S = 30.0
WIDTH = 80  # of the account: a file is read on any terminal


class LineScreen:
    """Writes sentences, and a summary every `SUMMARY_S` seconds."""

    def __init__(
        self,
        stream: TextIO,
        *,
        least: Level = "info",
        run: RunName | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._least = least
        self._run = run or RunName()
        self._clock = clock
        self._wall = wall
        self._summed_at = clock()
        self._writer = LineWriter(stream, self._missing)
        self._coalescer = EventCoalescer()
        self._topics = WorkerTopics()

    def emit(self, event: Event, at: float) -> None:
        """Write the event's line, if it gets one."""
        self._topics.take(event)
        if lines.wanted(event, self._least):
            self._write_all(self._coalescer.take(event, self._clock()), at)

    def tick(self, snapshot: Snapshot) -> None:
        """Write the events that were held back, and the summary if it is due."""
        now = self._clock()
        self._write_all(self._coalescer.due(now), snapshot.at)
        if now - self._summed_at >= SUMMARY_S:
            self._summed_at = now
            if log_lines.reaches("info", self._least):
                self._writer.write(self._summary(snapshot))

    def dropped(self, events: int, at: float) -> None:
        """Write how many lines are missing, at every level."""
        text = f"{formatting.amount(events, 'line')} missing here: nobody read them in time"
        self._writer.write(self._line(Notice(text=text), at))

    def account(self, account: RunAccount) -> None:
        """Write the table."""
        self._write_all(self._coalescer.rest(self._clock()), self._wall())
        console = Console(file=io.StringIO(), no_color=True, force_terminal=False, width=WIDTH)
        with console.capture() as capture:
            console.print(accounts.as_table(account, console.width))
        self._writer.write(capture.get().rstrip())

    def ending(self, snapshot: Snapshot) -> None:
        """Write why the run has ended."""
        self._writer.write(ending(snapshot))

    def _write_all(self, events: list[Event], at: float) -> None:
        for event in events:
            self._writer.write(self._line(event, at))

    def _line(self, event: Event, at: float) -> str:
        return lines.text_line(event, _time(at), self._topics.of(event))

    def _missing(self, number: int) -> str:
        text = f"{formatting.amount(number, 'line')} missing here: they could not be written"
        return self._line(Notice(text=text), self._wall())

    def _summary(self, snapshot: Snapshot) -> str:
        return log_lines.text_line(_time(snapshot.at), "info", "summary", _summary_sentence(snapshot))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: a stream has no state to restore."""


class JsonScreen(LineScreen):
    """The same as JSON lines, each event as it happened."""

    def emit(self, event: Event, at: float) -> None:
        """Write the event's line, if it gets one."""
        self._topics.take(event)
        if lines.wanted(event, self._least):
            self._writer.write(self._line(event, at))

    def account(self, account: RunAccount) -> None:
        """Write the one `account` line."""
        place = Place(account.topic, account.group)
        level, text, at = accounts.level(account), accounts.as_sentence(account), _time(self._wall())
        fields = accounts.as_fields(account)
        self._writer.write(log_lines.json_line(at, level, "account", text, self._run, place=place, fields=fields))

    def _line(self, event: Event, at: float) -> str:
        return lines.json_line(event, _time(at), self._run, self._topics.place(event))

    def ending(self, snapshot: Snapshot) -> None:
        """Write nothing: the account has the exit code, and the events have the cause."""

    def _summary(self, snapshot: Snapshot) -> str:
        run = snapshot.totals
        fields = {
            "events_per_s": round(run.read_per_s, 1),
            "acknowledged_per_s": round(run.acknowledged_per_s, 1),
            "acknowledged": run.acknowledged,
            "dead_lettered": run.dead_lettered,
            "lag": run.lag,
            "lags": snapshot.lags(),
            "lag_unknown": run.lag_unknown,
            "held_back": run.held_back,
            "held_back_s": _rounded(run.held_back_s),
            "restarts": run.restarts,
            "remaining_s": _rounded(run.remaining_s),
            "health": snapshot.health,
            "sentence": snapshot.sentence,
            "oldest_age_s": _rounded(run.oldest_age_s),
            "oldest_age_unknown": run.oldest_age_unknown,
            "retention_left_s": _rounded(run.retention_left_s),
        }
        topic = snapshot.topics[0] if len(snapshot.topics) == 1 else None
        place = Place(topic, snapshot.group or None)
        return log_lines.json_line(
            _time(snapshot.at), "info", "summary", _summary_sentence(snapshot), self._run, place=place, fields=fields
        )


def _summary_sentence(snapshot: Snapshot) -> str:
    run = snapshot.totals
    left = run.remaining_s
    lags = ", ".join(f"{topic} {formatting.count(lag)}" for topic, lag in snapshot.lags().items())
    return (
        f"{formatting.count(run.read_per_s)} read/s, {formatting.count(run.acknowledged_per_s)} acknowledged/s, "
        f"{formatting.count(run.acknowledged)} acknowledged and committed, "
        f"{formatting.count(run.dead_lettered)} dead-lettered, {formatting.lag(run.lag, run.lag_unknown)}"
        f"{f' ({lags})' if len(snapshot.topics) > 1 else ''}"
        f"{formatting.held_back(run.held_back, run.held_back_s)}, "
        f"{formatting.amount(run.restarts, 'restart')}"
        f"{f', {formatting.seconds(left)} left' if left is not None else ''}"
    )


def _time(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
