"""Ctrl-Z on a run with a live view: the terminal is given back to the shell until the run goes on.

Theory: the terminal stops all processes of the run, workers too, and the shell takes it over as it is. Without this it
would print its prompt into the view, on the alternate screen and without a cursor. The handler acts itself, unlike
those of stops: between it and the loop nothing but the screen's queue is shared, and that takes calls from any thread.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ingest.status.watchers import Detached

WITHIN_S = 0.5  # for the screen's thread to leave the view; a terminal that takes nothing is not waited for


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@contextmanager
def gives_back(shown: Detached, *, stop: Callable[[], None] = _stop, within_s: float = WITHIN_S) -> Iterator[None]:
    """Handle SIGTSTP, unless it is ignored. Only in the main thread. `stop` stops this process until SIGCONT."""
    before = signal.getsignal(signal.SIGTSTP)
    if before is not signal.SIG_DFL:
        yield
        return

    def suspend(_number: int, _frame: object) -> None:
        shown.give_back(within_s)
        stop()
        shown.take_again()

    signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
