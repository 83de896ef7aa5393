"""A live view on a terminal, and lines that stay in its scrollback.

Rules
1. The view is drawn every `REDRAW_S`, and as soon as a snapshot comes after the health of Kafka, ingest or Arize
   or the window's size has changed, or with lines to print.
2. Lines come at most with each snapshot, all together, and go to the main screen: `live.window`.
3. After `__exit__` there is no view: what is printed are lines, then the accounts, and last why the run has ended.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console

from ingest.accounting.run_account import RunAccount
from ingest.events import Event, Level, Notice, Progress
from ingest.status import formatting, lines
from ingest.status.account import as_table
from ingest.status.ending import ending
from ingest.status.event_coalescer import EventCoalescer
from ingest.status.live.paint import Painter
from ingest.status.live.sections import EVENT_STYLES
from ingest.status.live.text import Part
from ingest.status.live.view import Look, render
from ingest.status.live.window import Window
from ingest.status.snapshot import Health, Snapshot
from ingest.status.worker_topics import WorkerTopics

REDRAW_S = 0.9  # with every other snapshot
_MOST_HELD = 1_000
_Seen = tuple[tuple[Health, ...], bool, bool, tuple[int, int]]


class TerminalScreen:
    """Lines and a live view on `console`."""

    def __init__(self, console: Console, *, least: Level = "info", clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._least = least
        self._clock = clock
        self._window = Window(console.file)
        self._painter = Painter(console)
        self._drawn_at = float("-inf")
        self._seen: _Seen | None = None
        self._held: list[str] = []
        self._live = False
        self._gone = False
        self._coalescer = EventCoalescer()
        self._topics = WorkerTopics()

    def emit(self, event: Event, at: float) -> None:
        """Print the event's line, with the next snapshot if the view is there."""
        self._topics.take(event)
        if lines.wanted(event, self._least) and not isinstance(event, Progress):
            self._add(self._coalescer.take(event, self._clock()), at)
            if not self._live or len(self._held) >= _MOST_HELD:
                self._draw(self._leave)

    def tick(self, snapshot: Snapshot) -> None:
        """Print what is held, and redraw the view if it is due."""
        now = self._clock()
        self._add(self._coalescer.due(now), snapshot.at)
        if not self._live:
            self._draw(self._leave)
            return
        size = (self._console.size.width, self._console.size.height)
        seen = (snapshot.healths, snapshot.draining, snapshot.ended, size)
        if snapshot.topics and (self._held or seen != self._seen or now - self._drawn_at >= REDRAW_S):
            self._drawn_at, self._seen = now, seen
            self._draw(lambda: self._redraw(snapshot, size))
        elif self._held and not snapshot.topics:
            self._draw(self._leave)

    def dropped(self, events: int, at: float) -> None:
        """Print how many lines are missing."""
        self.emit(Notice(text=f"{formatting.amount(events, 'line')} missing here: the terminal did not take them"), at)

    def account(self, account: RunAccount) -> None:
        """Print the final table."""
        self._add(self._coalescer.rest(self._clock()), time.time())
        self._draw(self._leave)
        self._draw(lambda: self._console.print(as_table(account, self._console.width)))

    def ending(self, snapshot: Snapshot) -> None:
        """Print why the run has ended."""
        style = "bold green" if snapshot.exit_code == 0 else "bold red"
        self._held.append(self._painter.paint((Part(ending(snapshot), style),)))
        self._draw(self._leave)

    def _add(self, found: list[Event], at: float) -> None:
        for event in found:
            text = lines.terminal_line(event, datetime.fromtimestamp(at, UTC), self._topics.of(event))
            self._held.append(self._painter.paint((Part(text, EVENT_STYLES[event.level]),)))

    def _redraw(self, snapshot: Snapshot, size: tuple[int, int]) -> None:
        held, self._held = self._held, []
        width, height = size
        shown = render(snapshot, width, height, Look())
        self._window.draw([self._painter.paint(one) for one in shown], size, held)

    def _leave(self) -> None:
        held, self._held = self._held, []
        self._window.close(held)

    def _draw(self, draw: Callable[[], None]) -> None:
        """Draw, unless the terminal is closed; a closed terminal does not end the run: see `plain`."""
        if self._gone:
            return
        try:
            draw()
        except (OSError, ValueError):
            self._gone = True

    def __enter__(self) -> Self:
        self._live = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live = False
        self._draw(self._leave)
