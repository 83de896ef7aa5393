"""What libraries log, warn and print in a process of a run, as `LibraryMessage` events.

Rules
1. Python's logging, its warnings, and text that is written to `sys.stdout` or `sys.stderr` are taken. librdkafka's
   lines come by its client's logger, scrubbed there. What C code writes to the descriptor itself is not taken: while
   a process dies (an assertion, a fatal signal) nobody could.
2. Only the loggers in `_OPEN` are quoted: they are about connections. Every other library sees messages or the key, so
   its text is left out and its place is named, as in `ingest.tracebacks`. A login in an address is removed.
3. Of a library and level at most `MOST_MESSAGES` pass in `WINDOW_S`. Those after them are counted, and the count comes
   with the next one, or at the end: `rest`.
4. Taking a message only queues it, so that it is safe in every thread, in a finalizer, and while an event is sent.
   The supervisor's loop takes them with `drain`; a worker emits them from a thread: `forward`.
5. DEBUG is `debug`, INFO `info`, WARNING `warning`, and all above is `error`. Python's libraries log from WARNING on.
"""

import contextlib
import io
import logging
import queue
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from ingest.config.credentials import without_logins
from ingest.events import Emit, Level, LibraryMessage
from ingest.tracebacks import describe

MOST_MESSAGES = 20
WINDOW_S = 30.0

_OPEN = ("librdkafka", "uvicorn", "opentelemetry", "urllib3")
_LEFT_OUT = "its text is left out, as it may quote an event or a secret"
_MOST_TEXT = 500
_END_S = 1.0


@dataclass(slots=True)
class _Window:
    since: float
    passed: int = 0
    left_out: int = 0


class LibraryMessages(logging.Handler):
    """A context that takes the lines of libraries while it is open."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._queue: queue.SimpleQueue[LibraryMessage | None] = queue.SimpleQueue()
        self._windows: dict[tuple[str, Level], _Window] = {}
        self._windows_lock = threading.RLock()
        self._restore = contextlib.ExitStack()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._restore.callback(setattr, warnings, "showwarning", warnings.showwarning)
        warnings.showwarning = self._warning
        root = logging.getLogger()
        root.addHandler(self)
        self._restore.callback(root.removeHandler, self)
        self._restore.enter_context(contextlib.redirect_stdout(_Printed(self, "stdout")))
        self._restore.enter_context(contextlib.redirect_stderr(_Printed(self, "stderr")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of Python's logging."""
        library = record.name
        try:
            if library.split(".")[0] in _OPEN:
                text = record.getMessage()
                if record.exc_info and record.exc_info[1] is not None:
                    text += f": {describe(record.exc_info[1])}"
            else:
                text = f"{record.levelname.lower()} at {record.filename}:{record.lineno} ({_LEFT_OUT})"
        except Exception:  # noqa: BLE001  a template and arguments that don't fit are the library's fault
            text = f"a line at {record.filename}:{record.lineno} that can't be formatted"
        self.add(library, _level(record.levelno), text)

    def add(self, library: str, level: Level, text: str) -> None:
        """Take a line of `library`: rule 3."""
        now = self._clock()
        with self._windows_lock:
            window = self._windows.setdefault((library, level), _Window(now))
            if now - window.since >= WINDOW_S:
                window.since, window.passed = now, 0
            if window.passed >= MOST_MESSAGES:
                window.left_out += 1
                return
            window.passed += 1
            left_out, window.left_out = window.left_out, 0
        shown = without_logins(" ".join(text.split()))[:_MOST_TEXT]
        self._queue.put(LibraryMessage(library=library, level=level, text=shown, left_out=left_out))

    def report(self, error: BaseException) -> None:
        """Take an exception that Python could not raise: see `tracebacks.keep_texts_out`."""
        self.add("python", "error", f"an exception that nobody took: {describe(error)}")

    def drain(self, emit: Emit) -> None:
        """Emit what was taken since the last call."""
        while not self._queue.empty():
            message = self._queue.get()
            if message is not None:
                emit(message)

    def rest(self, emit: Emit) -> None:
        """The end: emit what was taken, and how much was left out."""
        self.drain(emit)
        with self._windows_lock:
            windows, self._windows = self._windows, {}
        for (library, level), window in windows.items():
            if window.left_out:
                text = "further messages were left out until the end"
                emit(LibraryMessage(library=library, level=level, text=text, left_out=window.left_out))

    def forward(self, emit: Emit) -> None:
        """From now on a thread emits what is taken: rule 4."""

        def run() -> None:
            while (message := self._queue.get()) is not None:
                emit(message)

        self._thread = threading.Thread(target=run, name="library-messages", daemon=True)
        self._thread.start()

    def end_forwarding(self, emit: Emit) -> None:
        """End that thread, and emit the rest."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(_END_S)
        self.rest(emit)

    def _warning(  # noqa: PLR0917  as the standard library calls it
        self,
        message: Warning | str,  # noqa: ARG002  rule 2
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG002
        line: str | None = None,  # noqa: ARG002
    ) -> None:
        self.add("warnings", "warning", f"{category.__name__} at {Path(filename).name}:{lineno} ({_LEFT_OUT})")


class _Printed(io.TextIOBase):
    """What is printed, as one message for each line of code that prints."""

    def __init__(self, messages: LibraryMessages, name: str) -> None:
        super().__init__()
        self._messages = messages
        self._name = name

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Name who prints: rule 2."""
        if text.strip():
            frame = sys._getframe(1)  # noqa: SLF001  the standard library's own way to name a caller
            place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
            self._messages.add(self._name, "warning", f"printed at {place} ({_LEFT_OUT})")
        return len(text)


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
