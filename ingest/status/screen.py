"""The screen that a run is shown on, and how it is chosen.

A terminal gets a live view, and lines in its scrollback; NO_COLOR takes its colours only. Everything else (a file, a
pipe, TERM=dumb) gets lines only, without escape codes; `--log-format json` gets JSON lines on any stream.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from ingest.events import Level
from ingest.status.console import BrokenPipeConsole
from ingest.status.log_lines import RunName
from ingest.status.plain import JsonScreen, LineScreen
from ingest.status.terminal import TerminalScreen
from ingest.status.watchers import Screen


def choose(stream: TextIO, *, json: bool, least: Level = "info", run: RunName | None = None) -> Screen:
    """The screen for `stream`, with the lines of `least` and above."""
    if json:
        return JsonScreen(stream, least=least, run=run)
    console = BrokenPipeConsole(file=stream)
    if console.is_terminal and stream.isatty() and not console.is_dumb_terminal:
        return TerminalScreen(console, least=least)
    return LineScreen(stream, least=least, run=run)


def own_stream(stream: TextIO) -> tuple[TextIO, Callable[[], None]]:
    """The same file through a buffer of its own, so that a write to it that blocks holds up nobody else's.

    Python waits for the standard streams' buffers when it ends; a screen's thread may be blocked in a write then.
    The second value closes it, and raises nothing. Only who writes to it may call that, after the last write.
    """
    try:
        descriptor = os.dup(stream.fileno())
    except (OSError, ValueError):  # it is no file
        return stream, lambda: None
    stream.flush()
    own = os.fdopen(descriptor, "w", encoding=stream.encoding, errors=stream.errors, buffering=1)

    def close() -> None:
        with suppress(OSError, ValueError):  # what it still holds can't be written, to a full disk or a closed pipe
            own.close()

    return own, close
