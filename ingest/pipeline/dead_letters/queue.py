"""The dead letters: messages that can't be delivered, each with its reason, durable before its offset may pass.

Rules
1. A sink keeps them: a Kafka topic (`topic`) or a local directory (`files`).
2. They are written in order, and again for as long as the sink refuses. Their tickets are released when they are
   durable, so nothing is committed past a message that could still be lost.
3. While the sink refuses, or is slower than what comes, the queue is full: then nothing more is read.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.errors import RetryableError
from ingest.events import DeadLettersBlocked, DeadLettersWritten, Emit
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.offsets.segment import Ticket
from ingest.reasons import Reason
from ingest.records import KafkaMessage

_LETTERS_AT_A_TIME = 10_000
_WAITING_BYTES = 16 * 2**20
_LETTER_BYTES = 1_000  # what a waiting letter takes beyond its message's value


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that could not be delivered, and why.

    `column` is the one that is at fault, where it is one. `parts` are the indices of the predictions that were not
    delivered, of a message of which others are; empty if nothing of it is.
    """

    message: KafkaMessage
    reason: Reason
    column: str | None = None
    parts: tuple[int, ...] = ()


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
    """Writes dead letters in order and releases their tickets. Times are monotonic seconds."""

    def __init__(self, sink: Sink, backoff: Backoff, emit: Emit) -> None:
        self._sink = sink
        self._backoff = backoff
        self._emit = emit
        self._queue: deque[DeadLetterBatch] = deque()
        self._in_flight: list[DeadLetterBatch] = []
        self._bytes = 0
        self._failures = 0
        self._retry_at = float("-inf")
        self.blocked_since: float | None = None  # when the first of the attempts failed that all failed since

    def __len__(self) -> int:
        return len(self._queue) + len(self._in_flight)

    @property
    def full(self) -> bool:
        """Nothing more should be read: the sink refuses, or it is slower than what comes."""
        return self._failures > 0 or self._bytes > _WAITING_BYTES

    def put(self, batch: DeadLetterBatch) -> None:
        """Queue a batch for the next `poll`. One without a letter keeps its place, and its tickets wait for it, too."""
        self._queue.append(batch)
        self._bytes += size_bytes(batch)

    def poll(self, now: float, chance: float) -> None:
        """Write what is queued, release and report what has become durable. `chance` is a random number in [0, 1)."""
        while (self._queue or self._in_flight) and now >= self._retry_at:
            try:
                if not self._write():
                    return
            except (OSError, RetryableError) as error:
                self._failed(error, now, chance)
                return
            self._failures = 0
            self.blocked_since = None
            durable, self._in_flight = self._in_flight, []
            for batch in durable:
                self._bytes -= size_bytes(batch)
                for ticket, dead in batch.tickets:
                    ticket.release(dead=dead)
                self._report(batch.letters)

    def close(self) -> None:
        """Close the sink without waiting; what is queued stays uncommitted."""
        self._sink.close()

    def _write(self) -> bool:
        """Write the next letters, or ask for those in flight. True when they are durable."""
        if self._in_flight:
            return self._sink.durable()
        letters: list[DeadLetter] = []
        while self._queue and len(letters) < _LETTERS_AT_A_TIME:
            self._in_flight.append(self._queue.popleft())
            letters += self._in_flight[-1].letters
        if not letters:
            return True
        self._sink.write(letters)
        return self._sink.durable()

    def _failed(self, error: OSError | RetryableError, now: float, chance: float) -> None:
        self._queue.extendleft(reversed(self._in_flight))
        self._in_flight = []
        self._failures += 1
        self.blocked_since = now if self.blocked_since is None else self.blocked_since
        wait_s = self._backoff.wait_s(self._failures, chance)
        self._retry_at = now + wait_s
        text = (error.strerror if isinstance(error, OSError) else None) or str(error)
        self._emit(DeadLettersBlocked(error=f"{self._sink.place}: {text}", retry_in_s=wait_s))

    def _report(self, letters: Sequence[DeadLetter]) -> None:
        if letters:
            first = letters[0]
            where = f"partition {first.message.partition()} offset {first.message.offset()}"
            self._emit(
                DeadLettersWritten(
                    reasons=Counter(letter.reason.code for letter in letters), example=f"{where}: {first.reason.detail}"
                )
            )


def size_bytes(batch: DeadLetterBatch) -> int:
    """The memory that a batch takes while it waits, about."""
    return sum(_LETTER_BYTES + len(letter.message.value() or b"") for letter in batch.letters)
