"""Lines only: text or JSON, one per event, a summary now and then, the account at the end.

A stream that can't be written any more (a closed pipe, a full disk) is given up without a message: there is nowhere
to write it, and delivery does not depend on it.
"""

import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console

from ingest.accounting.run_account import RunAccount
from ingest.events import Event, Notice
from ingest.status import formatting, lines
from ingest.status.account import as_json, as_table
from ingest.status.ending import ending
from ingest.status.event_coalescer import EventCoalescer
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
        verbose: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._verbose = verbose
        self._clock = clock
        self._summed_at = clock()
        self._mute = False
        self._coalescer = EventCoalescer()
        self._topics = WorkerTopics()

    def emit(self, event: Event, at: float) -> None:
        """Write the event's line, if it gets one."""
        self._topics.take(event)
        if lines.wanted(event, verbose=self._verbose):
            self._write_all(self._coalescer.take(event, self._clock()), at)

    def tick(self, snapshot: Snapshot) -> None:
        """Write the events that were held back, and the summary if it is due."""
        now = self._clock()
        self._write_all(self._coalescer.due(now), snapshot.at)
        if now - self._summed_at >= SUMMARY_S:
            self._summed_at = now
            self._write(self._summary(snapshot))

    def dropped(self, events: int, at: float) -> None:
        """Write how many lines are missing."""
        self.emit(Notice(text=f"{formatting.amount(events, 'line')} missing here: nobody read them in time"), at)

    def account(self, account: RunAccount) -> None:
        """Write the table."""
        self._write_all(self._coalescer.rest(), time.time())
        console = Console(file=io.StringIO(), no_color=True, force_terminal=False, width=WIDTH)
        with console.capture() as capture:
            console.print(as_table(account, console.width))
        self._write(capture.get().rstrip())

    def ending(self, snapshot: Snapshot) -> None:
        """Write why the run has ended."""
        self._write(ending(snapshot))

    def _write_all(self, events: list[Event], at: float) -> None:
        for event in events:
            self._write(lines.text_line(event, _time(at), self._topics.of(event)))

    def _summary(self, snapshot: Snapshot) -> str:
        run = snapshot.totals
        left = run.remaining_s
        lags = ", ".join(f"{topic} {formatting.count(lag)}" for topic, lag in snapshot.lags().items())
        return (
            f"{_time(snapshot.at).astimezone():%H:%M:%S} {'summary':<10}  "
            f"{formatting.count(run.read_per_s)} read/s, {formatting.count(run.acknowledged_per_s)} acknowledged/s, "
            f"{formatting.count(run.acknowledged)} acknowledged and committed, "
            f"{formatting.count(run.dead_lettered)} dead-lettered, {formatting.lag(run.lag, run.lag_unknown)}"
            f"{f' ({lags})' if len(snapshot.topics) > 1 else ''}"
            f"{formatting.held_back(run.held_back, run.held_back_s)}, "
            f"{formatting.amount(run.restarts, 'restart')}"
            f"{f', {formatting.seconds(left)} left' if left is not None else ''}"
        )

    def _write(self, line: str) -> None:
        if self._mute:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._mute = True

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
        if lines.wanted(event, verbose=self._verbose):
            self._write(lines.json_line(event, _time(at), self._topics.of(event)))

    def account(self, account: RunAccount) -> None:
        """Write the one `account` line."""
        self._write(json.dumps(as_json(account, _time(time.time())), ensure_ascii=False))

    def ending(self, snapshot: Snapshot) -> None:
        """Write nothing: the account has the exit code, and the events have the cause."""

    def _summary(self, snapshot: Snapshot) -> str:
        run = snapshot.totals
        return json.dumps(
            {
                "time": lines.timestamp(_time(snapshot.at)),
                "event": "summary",
                "level": "info",
                "worker": None,
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
            },
            ensure_ascii=False,
        )


def _time(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
