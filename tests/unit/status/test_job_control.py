"""Ctrl-Z gives the terminal back before the process stops, and takes it again when it goes on."""

import signal
import threading
from typing import Self

from ingest.accounting.run_account import RunAccount
from ingest.events import Event, Notice
from ingest.status.job_control import gives_back
from ingest.status.snapshot import Snapshot
from ingest.status.watchers import Detached

PATIENCE_S = 30.0
NOTICE, AT = Notice(text="x"), 1.7e9


class Terminal:
    """A screen that notes when it is entered and left; its first event waits until it is `released`."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.again, self.blocked, self.released = threading.Event(), threading.Event(), threading.Event()

    def emit(self, event: Event, at: float) -> None:
        assert (event, at) == (NOTICE, AT)
        self.blocked.set()
        assert self.released.wait(PATIENCE_S)

    def tick(self, snapshot: Snapshot) -> None:
        """Nothing."""

    def account(self, account: RunAccount) -> None:
        """Nothing."""

    def ending(self, snapshot: Snapshot) -> None:
        """Nothing."""

    def dropped(self, events: int, at: float) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        if self.steps:
            self.again.set()
        self.steps.append("shown")
        return self

    def __exit__(self, *_: object) -> None:
        self.steps.append("left")


def test_the_view_is_left_before_the_process_stops_and_there_again_when_it_goes_on() -> None:
    terminal = Terminal()
    with Detached(terminal, wanted=lambda _: True) as shown:
        with gives_back(shown, stop=lambda: terminal.steps.append("stopped"), within_s=PATIENCE_S):
            signal.raise_signal(signal.SIGTSTP)
            assert terminal.again.wait(PATIENCE_S)
        assert signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL
    assert terminal.steps == ["shown", "left", "stopped", "shown", "left"]


def test_a_view_that_is_over_does_not_come_back() -> None:
    terminal = Terminal()
    with Detached(terminal, wanted=lambda _: True) as shown, gives_back(shown, stop=lambda: None):
        shown.leave()
        signal.raise_signal(signal.SIGTSTP)
    assert terminal.steps == ["shown", "left"]


def test_a_terminal_that_takes_nothing_does_not_hold_the_stop_up() -> None:
    terminal, stopped = Terminal(), threading.Event()
    shown = Detached(terminal, wanted=lambda _: True)
    with shown, gives_back(shown, stop=stopped.set, within_s=0.01):
        shown.emit(NOTICE, AT)
        assert terminal.blocked.wait(PATIENCE_S)
        signal.raise_signal(signal.SIGTSTP)
        assert stopped.is_set()
        terminal.released.set()


def test_a_stop_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        with Detached(Terminal(), wanted=lambda _: True) as shown, gives_back(shown):
            assert signal.getsignal(signal.SIGTSTP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTSTP, before)
