"""A live view for a terminal: workers, partitions, totals, and a bar for a run that has an end.

Lines scroll above it. It is redrawn by `tick`, twice a second at most, without a thread of its own. It never is
higher than the window: partitions stand side by side where there is room, and take turns where there is not.
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
from ingest.events import Event, Progress
from ingest.status import formatting, lines
from ingest.status.account import as_table
from ingest.status.event_coalescer import EventCoalescer
from ingest.status.run_state import PartitionView, RunState, WorkerView

REDRAW_S = 0.5
PAGE_S = 5.0
BLOCK_WIDTH = 44  # one block of the partitions' columns
NAME_WIDTH = 4  # of that, a partition's name
LONGEST_NAME = 24
STYLES = {"debug": "dim", "info": "", "warning": "yellow", "error": "bold red"}
STATES = {"reading": "green", "done": "green", "paused": "yellow", "draining": "yellow"}
TROUBLED = {"hung", "given up", "halted", "ended", "waiting"}

_View = TypeVar("_View", WorkerView, PartitionView)


class TerminalScreen:
    """Lines and a live table on `console`."""

    def __init__(self, console: Console, *, verbose: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._verbose = verbose
        self._clock = clock
        self._drawn_at = float("-inf")
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._gone = False
        self._digest = EventCoalescer()
        self.board = RunState()

    def emit(self, event: Event) -> None:
        """Fold the event in, and print its line above the table."""
        now = self._clock()
        self.board.take(event, now)
        if lines.wanted(event, verbose=self._verbose) and not isinstance(event, Progress):
            self._print(self._digest.take(event, now))

    def tick(self) -> None:
        """Redraw the table if it is due."""
        now = self._clock()
        self._print(self._digest.due(now))
        if self.board.started_at is not None and now - self._drawn_at >= REDRAW_S:
            self._drawn_at = now
            self._draw(lambda: self._live.update(render(self.board, self._console, now), refresh=True))

    def account(self, account: RunAccount) -> None:
        """Print the final table."""
        self._print(self._digest.rest())
        self._draw(lambda: self._console.print(as_table(account)))

    def _print(self, events: list[Event]) -> None:
        for event in events:
            told = lines.text_line(event, datetime.now(UTC), self.board.topic_of(event))
            line = Text(told, style=STYLES[event.level])
            self._draw(partial(self._console.print, line, soft_wrap=True))

    def _draw(self, draw: Callable[[], None]) -> None:
        """A terminal that went away takes nothing with it: see `plain`."""
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


def render(board: RunState, console: Console, now: float) -> RenderableType:
    """The whole view, within the window."""
    height, width = console.size.height, console.size.width
    workers = _page(list(board.workers.values()), max(height // 2 - 4, 1), now)
    spare = height - len(workers) - 8
    names = max([NAME_WIDTH, *(len(_name(board, view)) for view in board.partitions.values())])
    blocks = max(width // (BLOCK_WIDTH - NAME_WIDTH + names), 1)
    rows = max(spare, 1)
    views = _page(list(board.partitions.values()), rows * blocks, now)
    parts: list[RenderableType] = [_workers(board, workers, now)]
    if spare > 0:
        parts.append(_partitions(board, views, blocks, names))
    parts.append(_totals(board))
    bar = _bar(board, width, now)
    return Group(*parts, bar) if bar is not None else Group(*parts)


def _page(views: Sequence[_View], capacity: int, now: float) -> Sequence[_View]:
    """What fits, in turns."""
    if len(views) <= capacity:
        return views
    pages = -(-len(views) // capacity)
    first = int(now / PAGE_S) % pages * capacity
    return views[first : first + capacity]


def _workers(board: RunState, views: Sequence[WorkerView], now: float) -> Table:
    hidden = len(board.workers) - len(views)
    table = Table(box=None, padding=(0, 2, 0, 0), caption=f"{hidden} more workers in turn" if hidden else None)
    several = len(board.topics) > 1  # then there is less room: what does not fit is cut, not wrapped
    table.add_column("worker", justify="right", no_wrap=several)
    if several:
        table.add_column("topic", max_width=LONGEST_NAME, no_wrap=True)
    table.add_column("state", min_width=9, no_wrap=several)
    for name in ("partitions", "pid", "for", "restarts", "events/s", "in flight", "memory"):
        table.add_column(name, justify="right", no_wrap=several)
    for view in views:
        style = "red" if view.state in TROUBLED else STATES.get(view.state, "")
        table.add_row(
            str(view.index),
            *([view.topic] if several else []),
            Text(view.state, style=style),
            formatting.partitions(view.partitions) if view.partitions else "",
            str(view.pid or ""),
            formatting.seconds(round(max(now - view.since, 0))),
            str(view.restarts),
            formatting.count(view.rate.per_s),
            str(view.uploads_in_flight) + (f", {view.uploads_limit} at once" if view.uploads_limit else ""),
            formatting.size(view.rss_bytes) if view.rss_bytes else "",
        )
    return table


def _partitions(board: RunState, views: Sequence[PartitionView], blocks: int, names: int) -> Table:
    rows = max(-(-len(views) // blocks), 1)
    columns = [views[start : start + rows] for start in range(0, len(views), rows)]
    hidden = len(board.partitions) - len(views)
    table = Table(box=None, padding=(0, 1, 0, 0), caption=f"{hidden} more partitions in turn" if hidden else None)
    for _ in columns:
        table.add_column("part", justify="right", min_width=names)
        table.add_column("committed", justify="right", min_width=9)
        table.add_column("position", justify="right", min_width=9)
        table.add_column("lag", justify="right", min_width=8)
        table.add_column("ev/s", justify="right", min_width=6, style="dim")
    for row in range(rows):
        cells: list[str] = []
        for column in columns:
            cells += _partition(board, column[row]) if row < len(column) else [""] * 5
        table.add_row(*cells)
    return table


def _name(board: RunState, view: PartitionView) -> str:
    """`7`, or where there are more topics Kafka's `predictions-7`; of a long one its end, which tells them apart."""
    name = f"{view.topic}-{view.partition}" if len(board.topics) > 1 else str(view.partition)
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _partition(board: RunState, view: PartitionView) -> list[str]:
    position = "" if view.progress is None else str(view.progress.position)
    lag = "?" if view.lag is None else formatting.count(view.lag)
    return [_name(board, view), str(view.next_offset), position, lag, formatting.count(view.rate.per_s)]


def _totals(board: RunState) -> Text:
    text = Text()
    text.append(board.topics[0] if len(board.topics) == 1 else f"{len(board.topics)} topics", style="bold")
    text.append(
        f"  {formatting.count(board.per_s)} events/s  {formatting.count(board.acknowledged)} acknowledged  "
        f"{formatting.count(board.dead_lettered)} dead-lettered  lag {formatting.count(board.lag)}"
    )
    if board.draining:
        text.append("  draining", style="yellow")
    return text


def _bar(board: RunState, width: int, now: float) -> RenderableType | None:
    of = board.done_of()
    if of is None:
        return None
    done, whole = of
    left = board.left_s(now)
    share = done / whole if whole else 1.0
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_row(
        ProgressBar(total=max(whole, 1), completed=done if whole else 1, width=max(min(width - 40, 60), 10)),
        f"{share:.0%}",
        f"{formatting.seconds(round(left))} left" if left is not None else "",
    )
    return line
