"""A console that a closed terminal or pipe only silences; rich's own would end the process, and the workers with it."""

import os
from typing import TextIO

from rich.console import Console


class BrokenPipeConsole(Console):
    """A console that writes nothing more after a broken pipe."""

    def on_broken_pipe(self) -> None:
        """Called by rich within the failed write."""
        self.quiet = True


def width_for(stream: TextIO, unbounded: int) -> int | None:
    """How wide a table for `stream` may be, None where it is a terminal, which rich asks.

    COLUMNS counts everywhere. Else a file or a pipe has no width: a table there takes what it needs, up to `unbounded`
    characters, because whoever reads it by a program misses no column.
    """
    columns = os.environ.get("COLUMNS", "").strip()
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    return None if stream.isatty() else unbounded
