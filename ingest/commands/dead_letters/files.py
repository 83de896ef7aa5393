"""The dead letters in a directory, and the marks of those that were replayed.

Files may grow while they are read: an incomplete last line is ignored until it is complete. Marks are lines of JSON in
`replayed.marks`, appended and synced. A replay holds a lock on that file.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ingest.commands.dead_letters.index_entry import IndexEntry, Origin
from ingest.commands.dead_letters.stored import ReplayMark, StoredDeadLetter, from_line, newest
from ingest.errors import ConfigError, ExitCode, FatalError

MARKS = "replayed.marks"


class FileStore:
    """The dead letters in `directory`."""

    def __init__(self, directory: Path) -> None:
        """Raises ConfigError when the directory does not exist."""
        if not directory.is_dir():
            raise ConfigError(
                f"[dead_letters] directory = {directory} does not exist. No dead letter was written yet, or the "
                "workers run in another directory"
            )
        self._directory = directory
        self._files: list[Path] = []
        self._marks = -1

    @property
    def name(self) -> str:
        """The directory."""
        return str(self._directory)

    def index(self) -> list[IndexEntry]:
        """Every dead letter once, the newest of each message."""
        try:
            self._files = sorted(self._directory.glob("*.jsonl"))
            return newest([letter.entry for letter in self._dead_letters()], list(self._read_marks()))
        except OSError as error:
            raise self._unreadable(error) from None

    def read(self, entries: Sequence[IndexEntry]) -> list[StoredDeadLetter]:
        """These dead letters with their messages, in this order. Raises FatalError when a file has changed."""
        found: dict[tuple[int, int], StoredDeadLetter] = {}
        by_file: dict[int, list[int]] = {}
        for entry in entries:
            by_file.setdefault(entry.location[0], []).append(entry.location[1])
        try:
            for number, positions in by_file.items():
                with self._files[number].open("rb") as file:
                    for position in sorted(positions):
                        file.seek(position)
                        letter = from_line(file.readline(), (number, position))
                        if letter is not None:
                            found[letter.entry.location] = letter
            return [found[entry.location] for entry in entries]
        except OSError as error:
            raise self._unreadable(error) from None
        except KeyError:
            raise FatalError(
                f"{self._directory}: a file has changed since it was listed; run the command again",
                exit_code=ExitCode.USAGE,
            ) from None

    def lock(self) -> None:
        """Prevent a second replay. Raises FatalError (exit code USAGE) when another one runs."""
        try:
            self._marks = os.open(self._directory / MARKS, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(self._marks, fcntl.LOCK_EX | fcntl.LOCK_NB)
            end = os.lseek(self._marks, 0, os.SEEK_END)
            if end and os.pread(self._marks, 1, end - 1) != b"\n":
                os.write(self._marks, b"\n")  # ends a line that a kill left incomplete
            directory = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except BlockingIOError:
            raise FatalError(
                f"{self._directory}: another replay is running here; wait until it ends", exit_code=ExitCode.USAGE
            ) from None
        except OSError as error:
            raise self._unreadable(error) from None

    def mark(self, entries: Sequence[IndexEntry], to: str) -> None:
        """Record durably that these were replayed. Raises FatalError when they can't be written."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = [
            # Also marks a dead letter from a machine whose clock is ahead.
            json.dumps({**entry.origin._asdict(), "to": to, "at": max(now, entry.written_at)}, separators=(",", ":"))
            for entry in entries
        ]
        data = memoryview("".join(f"{line}\n" for line in lines).encode())
        try:
            while data:
                data = data[os.write(self._marks, data) :]
            os.fsync(self._marks)
        except OSError as error:
            raise FatalError(
                f"{self._directory / MARKS}: {error.strerror}. {len(entries):,} dead letters were replayed but could "
                "not be marked: the next replay sends them again",
                exit_code=ExitCode.DRAIN_DEADLINE,
            ) from None

    def close(self) -> None:
        """Release the lock."""
        if self._marks >= 0:
            os.close(self._marks)
            self._marks = -1

    def _dead_letters(self) -> Iterator[StoredDeadLetter]:
        for number, path in enumerate(self._files):
            position = 0
            with path.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    letter = from_line(line, (number, position))
                    position += len(line)
                    if letter is not None:
                        yield letter

    def _read_marks(self) -> Iterator[ReplayMark]:
        path = self._directory / MARKS
        if not path.exists():
            return
        with path.open("rb") as file:
            for line in file:
                with suppress(
                    ValueError, KeyError, TypeError
                ):  # left incomplete by a kill: that dead letter is replayed again
                    record = json.loads(line)
                    yield ReplayMark(Origin(*(record[name] for name in Origin._fields)), record["to"], record["at"])

    def _unreadable(self, error: OSError) -> ConfigError:
        return ConfigError(f"[dead_letters] directory = {self._directory}: {error.strerror} ({error.filename})")
