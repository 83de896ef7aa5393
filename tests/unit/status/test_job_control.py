"""Ctrl-Z gives the terminal back before the process stops, and takes it again when it goes on."""

import signal
import threading
from typing import Self

from ingest.events import Notice
from ingest.status.job_control import gives_back
from ingest.status.watchers import Detached
from tests.unit.status.test_watchers import PATIENCE_S, Blocking, Seen

NOTICE = Notice(text="x")


class Terminal(Seen):
    """A screen that notes when it is entered and left."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []
        self.again = threading.Event()

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
        with gives_back(shown, stop=lambda: terminal.steps.append("stopped")):
            signal.raise_signal(signal.SIGTSTP)
            assert terminal.again.wait(PATIENCE_S)
            assert terminal.steps == ["shown", "left", "stopped", "shown"]
        assert signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL


def test_a_view_that_is_over_does_not_come_back() -> None:
    terminal = Terminal()
    with Detached(terminal, wanted=lambda _: True) as shown, gives_back(shown, stop=lambda: None):
        shown.leave()
        signal.raise_signal(signal.SIGTSTP)
    assert terminal.steps == ["shown", "left"]


def test_a_terminal_that_takes_nothing_does_not_hold_the_stop_up() -> None:
    blocking, stopped = Blocking(), threading.Event()
    shown = Detached(blocking, wanted=lambda _: True)
    with shown, gives_back(shown, stop=stopped.set, within_s=0.01):
        shown.emit(NOTICE, 1.7e9)
        assert blocking.blocked.wait(PATIENCE_S)
        signal.raise_signal(signal.SIGTSTP)
        assert stopped.is_set()
        blocking.released.set()


def test_a_stop_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        with Detached(Seen(), wanted=lambda _: True) as shown, gives_back(shown):
            assert signal.getsignal(signal.SIGTSTP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTSTP, before)
