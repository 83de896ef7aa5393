"""The lines of a run before its screen exists, and after it failed. Imports nothing heavy: the first comes before that.

Rules
1. The first line is written before the configuration is read, so that somebody sees within a second that it starts.
2. With JSON, a fault that ends the run is a `run_failed` line on the same stream as all others. As text it goes to
   standard error, as for every command.
3. Whoever doesn't read can't hold the run: the first line is dropped if there is no room for it, and the last one after
   `_END_S`. What can't be written is dropped.
"""

import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import typer

from ingest.errors import ConfigError, ExitCode, FatalError, IngestError
from ingest.status import log_lines
from ingest.status.log_lines import Place, RunName
from ingest.tracebacks import describe, report

_END_S = 5.0
_PIECE_BYTES = 4096  # PIPE_BUF: a pipe with room for less is not writable


class EdgeLines:
    """The first and the last line of one run."""

    def __init__(self, stream: TextIO, *, json: bool, least: str, wall: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._json = json
        self._least = least
        self._wall = wall
        self._place = Place()
        self.run: RunName = log_lines.new_run(self._now())

    def start(self) -> None:
        """Write the first line, if a log of this level has it."""
        if not log_lines.reaches("info", self._least):
            return
        pid, at = os.getpid(), self._now()
        message = f"ingest {self.run.version} starts, pid {pid}, run {self.run.run}"
        line = log_lines.text_line(at, "info", "supervisor", message)
        if self._json:
            line = log_lines.json_line(at, "info", "run_starting", message, self.run, fields={"pid": pid})
        _write(self._stream, line, 0.0)

    def configured(self, topics: Any) -> None:
        """The configuration is read: the last line names the topic, if there is one, and the group."""
        names, groups = {one.kafka.topic for one in topics}, {one.kafka.group for one in topics}
        self._place = Place(names.pop() if len(names) == 1 else None, groups.pop() if len(groups) == 1 else None)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Write what ends the run as JSON, and exit with its code: rule 2."""
        try:
            yield
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as error:
            if not self._json:
                raise
            code = _exit_code(error)
            _write(self._stream, self._failed(error, code), _END_S)
            raise typer.Exit(code) from None

    def _failed(self, error: Exception, code: ExitCode) -> str:
        text = str(error) if isinstance(error, IngestError) else describe(error)
        fields = {
            "exit_code": int(code),
            "error": text,
            "faults": error.faults if isinstance(error, ConfigError) else [],
            "traceback": "" if isinstance(error, IngestError) else report(error),
        }
        message = f"ends with exit code {int(code)}: {text}"
        return log_lines.json_line(
            self._now(), "error", "run_failed", message, self.run, place=self._place, fields=fields
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)


def _exit_code(error: Exception) -> ExitCode:
    if isinstance(error, ConfigError):
        return ExitCode.CONFIGURATION
    return error.exit_code if isinstance(error, FatalError) else ExitCode.CRASHED


def _write(stream: TextIO, line: str, within_s: float) -> None:
    """Write `line`, if the stream takes it within `within_s`."""
    with suppress(OSError, ValueError):
        stream.flush()
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError):  # it is no file
            stream.write(f"{line}\n")
            return
        room = select.poll()
        room.register(descriptor, select.POLLOUT)
        content = f"{line}\n".encode(errors="backslashreplace")
        while content and room.poll(within_s * 1000):
            content = content[os.write(descriptor, content[:_PIECE_BYTES]) :]
