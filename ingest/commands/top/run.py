"""`ingest top`: a window on a running supervisor until a key or a signal ends it.

Rules
1. It only reads. The supervisor is asked once a second, by `feed`.
2. The terminal is as it was before, however the command ends: q, Ctrl-C, SIGTERM, or an exception. Ctrl-Z gives the
   terminal back too, and takes it again when the command goes on.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TextIO

from rich.console import Console

from ingest.commands.status.run import addresses
from ingest.commands.top import text
from ingest.commands.top.feed import Feed, Seen
from ingest.commands.top.keys import Keys, after
from ingest.config.settings import Config
from ingest.errors import ExitCode, FatalError
from ingest.status import remote
from ingest.status.live.paint import Painter
from ingest.status.live.text import wrapped
from ingest.status.live.view import Look, render
from ingest.status.live.window import Window

WAKE_S = 0.2


def run(
    url: str | None, settings: Config | None, *, load: Callable[[None], Any], keys: TextIO, stream: TextIO
) -> ExitCode:
    """Show the run at `url`, else that of `settings`, else the only one that is found, until q.

    Raises FatalError: USAGE without a terminal or for several runs, KAFKA when nothing answers at the beginning.
    """
    console = Console(file=stream)
    if not (keys.isatty() and stream.isatty()) or console.is_dumb_terminal:
        raise FatalError(text.NO_TERMINAL, exit_code=ExitCode.USAGE)
    found = url is None and settings is None and remote.running()
    if found and len(found) > 1:
        raise text.several(remote.named(found))
    (base,) = addresses(url, settings, load=load)
    feed = Feed(base, found=bool(found))
    feed.poll()
    if feed.seen.snapshot is None and feed.seen.reason != remote.STARTING:
        raise FatalError(f"no answer from {base}: {feed.seen.reason}\n{remote.NOTHING}", exit_code=ExitCode.KAFKA)
    window = Window(stream)
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError), feed, Keys(keys.fileno()) as typed:
        try:
            with _signals(window, typed):
                _show(feed, window, typed, console)
        finally:
            window.close()
    return ExitCode.DONE


def _show(feed: Feed, window: Window, typed: Keys, console: Console) -> None:
    look, painter = Look(), Painter(console)
    while True:
        seen, size = feed.seen, (console.size.width, console.size.height)
        window.draw(_lines(seen, look, painter, size), size)
        key = typed.read(WAKE_S)
        if key == "quit":
            return
        look = after(key, look, len(seen.snapshot.partitions) if seen.snapshot is not None else 0)


def _lines(seen: Seen, look: Look, painter: Painter, size: tuple[int, int]) -> list[str]:
    since = seen.failed_since
    notice = "" if since is None else text.notice(seen.reason, time.monotonic() - since)
    width, height = size
    if seen.snapshot is None:
        return wrapped(f"{seen.base}: {notice}", width, width, height)
    look = replace(look, notice=notice, footer=text.footer(seen.base, look.order))
    return [painter.paint(line) for line in render(seen.snapshot, width, height, look)]


@contextmanager
def _signals(window: Window, typed: Keys) -> Iterator[None]:
    """SIGTERM ends the command like Ctrl-C; Ctrl-Z gives the terminal back until the command goes on."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    def stop(_number: int, _frame: object) -> None:
        window.close()
        typed.restore()
        os.kill(os.getpid(), signal.SIGSTOP)
        typed.start()

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, end), signal.SIGTSTP: signal.signal(signal.SIGTSTP, stop)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
