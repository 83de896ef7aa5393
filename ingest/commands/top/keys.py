"""Keys of a terminal, one at a time and without an echo; and what they do to the view."""

import os
import select
import termios
import tty
from dataclasses import replace
from types import TracebackType
from typing import Self

from ingest.status.live.tables import Order
from ingest.status.live.view import Look

PAGE = 50  # partitions
_NAMES = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b[H": "home",
    b"k": "up",
    b"j": "down",
    b" ": "page down",
    b"g": "home",
    b"s": "sort",
    b"q": "quit",
    b"Q": "quit",
}
_STEPS = {"up": -1, "down": 1, "page up": -PAGE, "page down": PAGE}


def name_of(typed: bytes) -> str:
    """The key that was typed; empty for one without a meaning."""
    return _NAMES.get(typed, "")


def after(key: str, look: Look, partitions: int) -> Look:
    """The view once `key` was pressed."""
    if key == "sort":
        orders = list(Order)
        return replace(look, order=orders[(orders.index(look.order) + 1) % len(orders)], skip=0)
    if key == "home":
        return replace(look, skip=0)
    step = _STEPS.get(key, 0)
    return replace(look, skip=min(max(look.skip + step, 0), max(partitions - 1, 0))) if step else look


class Keys:
    """A context in which the terminal `descriptor` gives each key immediately; it is restored at the end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = termios.tcgetattr(descriptor)

    def read(self, within_s: float) -> str:
        """The next key, empty without one. Raises EOFError when the terminal is gone."""
        ready, _, _ = select.select([self._descriptor], [], [], within_s)
        if not ready:
            return ""
        typed = os.read(self._descriptor, 16)
        if not typed:
            raise EOFError
        return name_of(typed)

    def start(self) -> None:
        """Take each key; Ctrl-C and Ctrl-Z stay signals."""
        tty.setcbreak(self._descriptor)

    def restore(self) -> None:
        """As it was before."""
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()
