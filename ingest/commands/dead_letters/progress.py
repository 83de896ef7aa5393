"""The progress of a replay on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.events import Emit, Event
from ingest.status import lines

_REFRESHES_PER_S = 4


@contextmanager
def progress_bar(total: int) -> Iterator[tuple[Callable[[int], None], Emit]]:
    """A progress bar for `total` dead letters on stderr, if that is a terminal.

    Yields a function that adds to the number of finished dead letters, and one that prints warnings and errors.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(
        *columns, console=console, disable=not console.is_terminal, refresh_per_second=_REFRESHES_PER_S
    ) as bar:
        task = bar.add_task("replay", total=total, rate="")
        done = 0

        def advance(finished: int) -> None:
            nonlocal done
            done += finished
            rate = done / max(time.monotonic() - started, 0.001)
            bar.update(task, advance=finished, rate=f"{rate:,.0f}/s")

        def emit(event: Event) -> None:
            if event.level in {"warning", "error"}:
                console.print(lines.text_line(event, datetime.now(UTC)), markup=False, highlight=False)

        yield advance, emit
