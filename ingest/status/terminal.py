"""A live view for a terminal: workers, partitions, totals, and a bar for a run that has an end.

Lines scroll above it. `tick` redraws it, at most twice a second, without a thread of its own. It is never higher
than the window: partitions stand side by side, and if they do not fit, they are shown in turn.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ingest.accounting.run_account import RunAccount
from ingest.events import Event, Level, Notice, Progress
from ingest.status import formatting, lines
from ingest.status.account import as_table
from ingest.status.event_coalescer import EventCoalescer
from ingest.status.snapshot import Health, PartitionStatus, Snapshot, State, WorkerStatus
from ingest.status.worker_topics import WorkerTopics

REDRAW_S = 0.5
PAGE_S = 5.0
BLOCK_WIDTH = 44  # one block of the partitions' columns
NAME_WIDTH = 4  # of that, a partition's name
LONGEST_NAME = 24
STYLES = {"debug": "dim", "info": "", "warning": "yellow", "error": "bold red"}
STYLE_OF = {Health.OK: "green", Health.DEGRADED: "yellow", Health.FAILING: "red"}

_View = TypeVar("_View", WorkerStatus, PartitionStatus)


class TerminalScreen:
    """Lines and a live table on `console`."""

    def __init__(self, console: Console, *, least: Level = "info", clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._least = least
        self._clock = clock
        self._drawn_at = float("-inf")
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._gone = False
        self._coalescer = EventCoalescer()
        self._topics = WorkerTopics()

    def emit(self, event: Event, at: float) -> None:
        """Print the event's line above the table."""
        self._topics.take(event)
        if lines.wanted(event, self._least) and not isinstance(event, Progress):
            self._print(self._coalescer.take(event, self._clock()), at)

    def tick(self, snapshot: Snapshot) -> None:
        """Redraw the table if it is due."""
        now = self._clock()
        self._print(self._coalescer.due(now), snapshot.at)
        if snapshot.topics and now - self._drawn_at >= REDRAW_S:
            self._drawn_at = now
            self._draw(lambda: self._live.update(render(snapshot, self._console, now), refresh=True))

    def dropped(self, events: int, at: float) -> None:
        """Print how many lines are missing."""
        self.emit(Notice(text=f"{formatting.amount(events, 'line')} missing here: the terminal did not take them"), at)

    def account(self, account: RunAccount) -> None:
        """Print the final table."""
        self._print(self._coalescer.rest(self._clock()), time.time())
        self._draw(lambda: self._console.print(as_table(account, self._console.width)))

    def _print(self, events: list[Event], at: float) -> None:
        for event in events:
            text = lines.terminal_line(event, datetime.fromtimestamp(at, UTC), self._topics.of(event))
            line = Text(text, style=STYLES[event.level])
            self._draw(partial(self._console.print, line, soft_wrap=True))

    def _draw(self, draw: Callable[[], None]) -> None:
        """Draw, unless the terminal is closed; a closed terminal does not end the run: see `plain`."""
        if self._gone:
            return
        try:
            draw()
        except (OSError, ValueError):
            self._gone = True

    def __enter__(self) -> Self:
        self._draw(self._live.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw(self._live.stop)


def render(run: Snapshot, console: Console, now: float) -> RenderableType:
    """The whole view, within the window."""
    height, width = console.size.height, console.size.width
    workers = _page(run.workers, max(height // 2 - 4, 1), now)
    spare = height - len(workers) - 8
    names = max([NAME_WIDTH, *(len(_name(run, view)) for view in run.partitions)])
    blocks = max(width // (BLOCK_WIDTH - NAME_WIDTH + names), 1)
    rows = max(spare, 1)
    views = _page(run.partitions, rows * blocks, now)
    parts: list[RenderableType] = [_workers(run, workers)]
    if spare > 0:
        parts.append(_partitions(run, views, blocks, names))
    parts.append(_totals(run))
    bar = _bar(run, width)
    return Group(*parts, bar) if bar is not None else Group(*parts)


def _page(views: Sequence[_View], capacity: int, now: float) -> Sequence[_View]:
    """The views that fit, in turn."""
    if len(views) <= capacity:
        return views
    pages = -(-len(views) // capacity)
    first = int(now / PAGE_S) % pages * capacity
    return views[first : first + capacity]


def _workers(run: Snapshot, views: Sequence[WorkerStatus]) -> Table:
    hidden = len(run.workers) - len(views)
    table = Table(box=None, padding=(0, 2, 0, 0), caption=f"{hidden} more workers in turn" if hidden else None)
    several = len(run.topics) > 1  # then there is less room: long values are cut, not wrapped
    table.add_column("worker", justify="right", no_wrap=several)
    if several:
        table.add_column("topic", max_width=LONGEST_NAME, no_wrap=True)
    table.add_column("state", min_width=9, no_wrap=several)
    for name in ("partitions", "pid", "for", "restarts", "read/s", "in flight", "memory"):
        table.add_column(name, justify="right", no_wrap=several)
    for view in views:
        style = "" if view.state is State.STARTING else STYLE_OF[view.health]
        table.add_row(
            str(view.index),
            *([view.topic] if several else []),
            Text(view.state, style=style),
            formatting.partitions(view.partitions) if view.partitions else "",
            str(view.pid or ""),
            formatting.seconds(round(view.since_s)),
            str(view.restarts),
            formatting.count(view.read_per_s),
            str(view.in_flight) + (f", {view.limit} allowed" if view.limit else ""),
            formatting.size(view.rss_bytes) if view.rss_bytes else "",
        )
    return table


def _partitions(run: Snapshot, views: Sequence[PartitionStatus], blocks: int, names: int) -> Table:
    rows = max(-(-len(views) // blocks), 1)
    columns = [views[start : start + rows] for start in range(0, len(views), rows)]
    hidden = len(run.partitions) - len(views)
    table = Table(box=None, padding=(0, 1, 0, 0), caption=f"{hidden} more partitions in turn" if hidden else None)
    for _ in columns:
        table.add_column("part", justify="right", min_width=names)
        table.add_column("committed", justify="right", min_width=9)
        table.add_column("position", justify="right", min_width=9)
        table.add_column("lag", justify="right", min_width=8)
        table.add_column("read/s", justify="right", min_width=6, style="dim")
    for row in range(rows):
        cells: list[str] = []
        for column in columns:
            cells += _partition(run, column[row]) if row < len(column) else [""] * 5
        table.add_row(*cells)
    return table


def _name(run: Snapshot, view: PartitionStatus) -> str:
    """`7`, or where there are more topics Kafka's `predictions-7`; of a long name the end, which differs."""
    name = f"{view.topic}-{view.partition}" if len(run.topics) > 1 else str(view.partition)
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _partition(run: Snapshot, view: PartitionStatus) -> list[str]:
    position = "" if view.position is None else str(view.position)
    lag = "?" if view.lag is None else formatting.count(view.lag)
    return [_name(run, view), str(view.next_offset), position, lag, formatting.count(view.read_per_s)]


def _totals(run: Snapshot) -> Text:
    text = Text()
    totals = run.totals
    text.append(run.topics[0] if len(run.topics) == 1 else f"{len(run.topics)} topics", style="bold")
    text.append(
        f"  {formatting.count(totals.read_per_s)} read/s  "
        f"{formatting.count(totals.acknowledged_per_s)} acknowledged/s  "
        f"{formatting.count(totals.acknowledged)} acknowledged and committed  "
        f"{formatting.count(totals.dead_lettered)} dead-lettered  {formatting.lag(totals.lag, totals.lag_unknown)}"
    )
    text.append(formatting.held_back(totals.held_back, totals.held_back_s), style="yellow")
    if run.draining:
        text.append("  draining", style="yellow")
    return text


def _bar(run: Snapshot, width: int) -> RenderableType | None:
    done, whole, left = run.totals.done_offsets, run.totals.all_offsets, run.totals.remaining_s
    if done is None or whole is None:
        return None
    share = done / whole if whole else 1.0
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_row(
        ProgressBar(total=max(whole, 1), completed=done if whole else 1, width=max(min(width - 40, 60), 10)),
        f"{share:.0%}",
        f"{formatting.seconds(round(left))} left" if left is not None else "",
    )
    return line
