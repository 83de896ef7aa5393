"""Dead letters in a local directory, as lines of JSON. One line is one message:

    {"reason": code, "detail": text, "column": name, "parts": text, "topic": ..., "partition": ..., "offset": ...,
     "timestamp_ms": ..., "key": ..., "headers": [[name, value]], "value": ..., "written_at": ISO 8601}

A key or a value that is not UTF-8 is in `key_base64` or `value_base64`, a header's value in {"base64": ...}; `value` is
null for a tombstone.

Each file belongs to one process, so no two writers meet. A crash may repeat the last lines in the next process's file,
so readers identify a message by topic, partition and offset. Files have mode 0600 and the directory is made with 0700:
they hold what the events hold.
"""

import base64
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.formats.part_numbers import PARTS, as_text, chosen
from ingest.records import header_pairs

_ROTATE_BYTES = 256 * 2**20


class DeadLetterFiles:
    """Appends to files of this process's own in `directory`, opened with the first dead letter."""

    def __init__(self, directory: Path, topic: str) -> None:
        self.directory = directory
        self._topic = topic
        self._path: Path | None = None
        self._descriptor = -1
        self._bytes = 0
        self._durable_bytes = 0
        self._files = 0

    def write(self, letters: Iterable[DeadLetter]) -> None:
        """All of `letters` are on disk when this returns. Raises OSError when they are not: then write them again.

        After a failure some whole lines of them may be there; readers see such a message once, by its offset.
        """
        data = memoryview(b"".join(_line(letter) for letter in letters))
        if not data:
            return
        try:
            if self._descriptor < 0 or self._bytes >= _ROTATE_BYTES:
                self._open()
            self._bytes += len(data)
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
            self._durable_bytes = self._bytes
        except OSError:
            # A failed fsync may have dropped pages that a later one would call clean: only a new file is honest.
            self._abandon()
            raise

    @property
    def place(self) -> str:
        """The directory."""
        return str(self.directory)

    def durable(self) -> bool:
        """Always: `write` returns when it is."""
        return True

    def close(self) -> None:
        """Close the file; the next write opens another."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _abandon(self) -> None:
        """Close after a failure, without what is not durable: no torn last line, and no stubs on a full disk.

        Touches only a file that this process has opened: one of the same name may be another writer's.
        """
        if self._descriptor < 0 or self._path is None:
            return
        with suppress(OSError):  # the failure that brought us here is the one to tell
            if self._durable_bytes:
                os.ftruncate(self._descriptor, self._durable_bytes)
            else:
                self._path.unlink()
        with suppress(OSError):
            self.close()

    def _open(self) -> None:
        self.close()
        missing = [path for path in (self.directory, *self.directory.parents) if not path.exists()]
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._files += 1
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path = self.directory / f"{self._topic}.{stamp}.{os.getpid()}.{self._files}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._path = path
        self._bytes = self._durable_bytes = 0
        for directory in (self.directory, *(path.parent for path in missing)):
            _sync_names(directory)


def _sync_names(directory: Path) -> None:
    """Make the names in `directory` durable: a file that can't be found is lost too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(letter: DeadLetter) -> bytes:
    message = letter.message
    _, timestamp_ms = message.timestamp()
    record: dict[str, object] = {
        "reason": letter.reason.code,
        "detail": letter.reason.detail,
        **({} if letter.column is None else {"column": letter.column}),
        **({"parts": as_text(parts)} if (parts := letter.parts or chosen(message.headers())) else {}),
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp_ms": timestamp_ms,
        **_text("key", message.key()),
        "headers": [[name, _header(value)] for name, value in header_pairs(message.headers()) if name != PARTS],
        **_text("value", message.value()),
        "written_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _text(name: str, raw: bytes | str | None) -> dict[str, str | None]:
    if raw is None or isinstance(raw, str):
        return {name: raw}
    try:
        return {name: raw.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(raw).decode()}


def _header(value: bytes | str | None) -> str | dict[str, str] | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}
