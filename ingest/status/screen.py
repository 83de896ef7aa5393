"""What a run is shown on, and which one is chosen.

A terminal gets lines above a live table; everything else (a file, a pipe, TERM=dumb, NO_COLOR) gets lines
only, without a single escape code; `--log-format json` gets JSON lines wherever it goes.
"""

from types import TracebackType
from typing import Protocol, Self, TextIO

from ingest.accounting.run_account import RunAccount
from ingest.events import Event
from ingest.status.console import BrokenPipeConsole
from ingest.status.plain import JsonScreen, LineScreen
from ingest.status.terminal import TerminalScreen


class Screen(Protocol):
    """A context that shows events, time passing, and the account."""

    def emit(self, event: Event) -> None:
        """Show what happened."""
        ...

    def tick(self) -> None:
        """Show that time passes; called at least twice a second."""
        ...

    def account(self, account: RunAccount) -> None:
        """Show what the run has come to."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def choose(stream: TextIO, *, json: bool, verbose: bool) -> Screen:
    """The screen for `stream`."""
    if json:
        return JsonScreen(stream, verbose=verbose)
    console = BrokenPipeConsole(file=stream)
    if console.is_terminal and stream.isatty() and not console.no_color and not console.is_dumb_terminal:
        return TerminalScreen(console, verbose=verbose)
    return LineScreen(stream, verbose=verbose)
