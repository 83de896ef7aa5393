"""Writes lines to a stream that may be full, closed or not read, and counts those that are missing.

Rules
1. Delivery does not depend on it: no fault of the stream is raised. A line that can't be written (a full disk, a closed
   pipe) is dropped and counted.
2. The next line tries again: a disk gets room, a named pipe a new reader. The number of lines that are missing is
   written before it.
3. A file's descriptor is written to directly, so that nothing waits in a buffer to be written twice. A line of which
   only a part was written is ended before the next one, so that it spoils no other.
4. A descriptor that does not block is waited for; `Detached` runs this on a thread that may wait.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO


class LineWriter:
    """Writes to `stream`. `missing_line` words the line about a number of missing lines."""

    def __init__(self, stream: TextIO, missing_line: Callable[[int], str]) -> None:
        self._stream = stream
        self._missing_line = missing_line
        self._missing = 0
        self._torn = False
        self._descriptor: int | None = None
        with suppress(OSError, ValueError):
            self._descriptor = stream.fileno()

    def write(self, line: str) -> None:
        """Write `line` and its end, or count it."""
        if self._missing:
            if not self._written(self._missing_line(self._missing)):
                self._missing += 1
                return
            self._missing = 0
        if not self._written(line):
            self._missing += 1

    def _written(self, line: str) -> bool:
        try:
            if self._descriptor is None:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            else:
                self._write_bytes(self._descriptor, f"{line}\n".encode(errors="backslashreplace"))
        except (OSError, ValueError):
            return False
        return True

    def _write_bytes(self, descriptor: int, content: bytes) -> None:
        unwritten = memoryview(b"\n" + content if self._torn else content)
        while unwritten:
            try:
                written = os.write(descriptor, unwritten)
            except BlockingIOError:
                room = select.poll()
                room.register(descriptor, select.POLLOUT)
                room.poll()
                continue
            unwritten = unwritten[written:]
            self._torn = bool(unwritten)
