"""How many bytes are left on a disk, without ever waiting for it.

A file system that has gone away (a network disk) blocks whoever asks. So a thread asks, and the answer counts for
`LASTS_S`: after that the bytes are unknown.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

EVERY_S = 5.0
LASTS_S = 30.0


class FreeSpace:
    """The bytes left for files in `directory`, or in the nearest directory above it that exists."""

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], float] = time.monotonic,
        ask: Callable[[Path], os.statvfs_result] = os.statvfs,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._ask_for = ask
        self._asked_at = float("-inf")
        self._answer: tuple[float, int] | None = None
        self._thread: threading.Thread | None = None

    def bytes(self) -> int | None:
        """The newest answer, None if there is none. Never blocks; asks for the next one if it is time."""
        now = self._clock()
        if now - self._asked_at >= EVERY_S and (self._thread is None or not self._thread.is_alive()):
            self._asked_at = now
            thread = threading.Thread(target=self._ask, name="free-space", daemon=True)
            with contextlib.suppress(RuntimeError):  # no thread can be had now: the bytes become unknown
                thread.start()
                self._thread = thread
        return None if self._answer is None or now - self._answer[0] > LASTS_S else self._answer[1]

    def _ask(self) -> None:
        for place in (self._directory, *self._directory.absolute().parents):
            try:
                found = self._ask_for(place)
            except OSError:
                continue
            self._answer = self._clock(), found.f_bavail * found.f_frsize
            return
