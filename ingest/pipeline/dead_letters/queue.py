"""The dead letters: messages that can't be delivered, each with its reason, durable before its offset may pass.

They go to a Kafka topic (`dead_letter_topic`) or, as here, to a local directory of JSON lines. One line is one message:

    {"reason": code, "detail": text, "column": name, "topic": ..., "partition": ..., "offset": ..., "timestamp_ms": ...,
     "key": ..., "headers": [[name, value]], "value": ..., "written_at": ISO 8601}

What is not UTF-8 stands under `key_base64`, `value_base64` or as {"base64": ...} in the headers; `value` is null for a
tombstone.

Files belong to one process each, so no two writers meet; a crash may repeat the last lines in the next process's file,
so readers go by (topic, partition, offset). Files are 0600, the directory is made 0700: they hold what the events hold.
"""

import base64
import json
import os
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ingest.errors import RetryableError
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.offsets.segment import Ticket
from ingest.reasons import Reason
from ingest.records import KafkaMessage, header_pairs

_ROTATE_BYTES = 256 * 2**20
_LOT = 10_000  # letters written at a time
_WAITING_BYTES = 16 * 2**20
_LETTER_BYTES = 1_000  # what a waiting letter takes beyond its message's value


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that could not be delivered, and why.

    `column` is the one that is at fault, where it is one.
    """

    message: KafkaMessage
    reason: Reason
    column: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetterBatch:
    """Dead letters to be written together; once durable they release `tickets`, each with how many of it are dead."""

    letters: Sequence[DeadLetter]
    tickets: Sequence[tuple[Ticket, int]]


class Sink(Protocol):
    """Where dead letters are kept."""

    @property
    def place(self) -> str:
        """Its name for people."""
        ...

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Begin to write. Raises OSError or RetryableError when it failed: then write them again."""
        ...

    def durable(self) -> bool:
        """What was written last can't be lost any more; never blocks. Raises as `write` does."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class DeadLetterQueue:
    """Writes in order, again and again while the sink refuses: nothing is released before it is durable.

    Times are monotonic seconds.
    """

    def __init__(self, sink: Sink, backoff: Backoff) -> None:
        self._sink = sink
        self._backoff = backoff
        self._queue: deque[DeadLetterBatch] = deque()
        self._under_way: list[DeadLetterBatch] = []
        self._bytes = 0
        self._failures = 0
        self._retry_at = float("-inf")

    def __len__(self) -> int:
        return len(self._queue) + len(self._under_way)

    @property
    def full(self) -> bool:
        """Nothing more should be read: the sink refuses, or it is slower than what comes."""
        return self._failures > 0 or self._bytes > _WAITING_BYTES

    def put(self, letters: DeadLetterBatch) -> None:
        """Queue letters for the next `turn`; none at all is fine too, its tickets are released in their turn."""
        self._queue.append(letters)
        self._bytes += _size(letters)

    def turn(self, now: float, chance: float) -> tuple[list[DeadLetterBatch], tuple[str, float] | None]:
        """Write what is queued. Returns what became durable, and the error and seconds to the next try if it failed."""
        durable: list[DeadLetterBatch] = []
        while (self._queue or self._under_way) and now >= self._retry_at:
            try:
                if not self._step():
                    return durable, None
            except (OSError, RetryableError) as error:
                self._queue.extendleft(reversed(self._under_way))
                self._under_way = []
                self._failures += 1
                wait_s = self._backoff.wait_s(self._failures, chance)
                self._retry_at = now + wait_s
                text = (error.strerror if isinstance(error, OSError) else None) or str(error)
                return durable, (f"{self._sink.place}: {text}", wait_s)
            self._failures = 0
            self._bytes -= sum(map(_size, self._under_way))
            durable += self._under_way
            self._under_way = []
        return durable, None

    def close(self) -> None:
        """Wait for nothing; what is queued stays uncommitted."""
        self._sink.close()

    def _step(self) -> bool:
        """Write the next lot, or look after the one that is under way. True when it is durable."""
        if self._under_way:
            return self._sink.durable()
        letters: list[DeadLetter] = []
        while self._queue and len(letters) < _LOT:
            self._under_way.append(self._queue.popleft())
            letters += self._under_way[-1].letters
        if not letters:
            return True
        self._sink.write(letters)
        return self._sink.durable()


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


def _size(letters: DeadLetterBatch) -> int:
    return sum(_LETTER_BYTES + len(letter.message.value() or b"") for letter in letters.letters)


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
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp_ms": timestamp_ms,
        **_text("key", message.key()),
        "headers": [[name, _header(value)] for name, value in header_pairs(message.headers())],
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
