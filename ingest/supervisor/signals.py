"""Signals as values in a queue: the handlers do nothing, the loop decides.

Python runs a handler between any two instructions of the main thread. A handler that does anything can find a state
that is only half changed. So the handlers here are empty, and the interpreter itself writes each signal's number into a
pipe (`signal.set_wakeup_fd`), which also ends the loop's wait.
"""

import os
import signal
from types import FrameType, TracebackType
from typing import Any, Self

# SIGHUP, a closed terminal, is a stop like any other: the workers drain.
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class SignalQueue:
    """A context in which `STOPS` are queued instead of acting. Only in the main thread."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._previous: dict[signal.Signals, Any] = {}
        self._previous_fd = -1

    def fileno(self) -> int:
        """The descriptor that is readable when a signal is queued."""
        return self._read

    def take(self) -> list[signal.Signals]:
        """The stops that came since the last call, oldest first. Never blocks."""
        try:
            numbers = os.read(self._read, 4096)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in numbers if number in STOPS]

    def __enter__(self) -> Self:
        self._previous_fd = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._previous = {stop: signal.signal(stop, _enqueued) for stop in STOPS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stop, handler in self._previous.items():
            signal.signal(stop, handler)
        signal.set_wakeup_fd(self._previous_fd)
        os.close(self._read)
        os.close(self._write)


def _enqueued(_number: int, _frame: FrameType | None) -> None:
    """Nothing: the number is in the pipe already."""
