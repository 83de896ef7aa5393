"""A command on a terminal of its own, and what a person sees there."""

import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.harness.supervise import kill_with_family
from tests.harness.terminal import Emulator

_BEGUN = re.compile(r"\x1b[^A-Za-z]*\Z")  # a code whose end is not read yet


class PseudoTerminal:
    """`command`, running on a terminal of `width` columns and `height` rows; killed at the end with its children."""

    def __init__(
        self,
        command: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        width: int = 120,
        height: int = 40,
    ) -> None:
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._emulator = Emulator(width, height)
        self._lock = threading.Lock()
        environment = {
            name: value for name, value in environment.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}
        }
        self.process = subprocess.Popen(
            command,
            cwd=directory,
            env={**environment, "TERM": "xterm-256color"},
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        os.close(follower)
        self._thread = threading.Thread(target=self._read, name="terminal")
        self._thread.start()

    def rows(self) -> list[str]:
        """The rows of the live view; empty while there is none."""
        with self._lock:
            return self._emulator.shown if self._emulator.alternate else []

    def lines(self) -> list[str]:
        """The lines that were printed on the main screen so far."""
        with self._lock:
            return list(self._emulator.main)

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        while True:
            try:
                got = os.read(self._leader, 65536)
            except OSError:  # the other side has closed: Linux reports EIO
                return
            if not got:
                return
            text = rest + decoder.decode(got)
            begun = _BEGUN.search(text)
            rest = begun[0] if begun else ""
            with self._lock:
                self._emulator.write(text[: len(text) - len(rest)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kill_with_family(self.process)
        self._thread.join()
        os.close(self._leader)
