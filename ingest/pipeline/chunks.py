"""What a worker does with a chunk: it is taken in, its columns are reported, its bad messages become dead letters.

Rules
1. Too many bad messages halt the worker before they are written: they stay uncommitted, and so does all after them.
   While none of its first messages can be delivered, they are held back (`dead_letters.gate`).
2. While dead letters can't be written, or not as fast as they come, nothing more is to be read.
3. A chunk of messages with several predictions may be `pending`: its next piece is taken with `resume`, when there is
   room. So that chunks stay about as large as others, fewer messages are polled the more rows a message has had lately;
   before anything is known of that, `_FIRST_ROWS` are assumed.
4. A chunk holds about as many bytes as are fetched ahead ([kafka] queue_bytes), at most: fewer messages are polled the
   larger they were lately. The first poll assumes `_FIRST_BYTES`: of small messages it takes some hundreds.
"""

from ingest.config.resolve import TopicConfig
from ingest.pipeline.column_events import ColumnEvents
from ingest.pipeline.dead_letters.gate import DeadLetterGate
from ingest.pipeline.dead_letters.queue import DeadLetterQueue
from ingest.pipeline.delivery.route import too_many
from ingest.pipeline.intake import Intake, Taken
from ingest.reasons import TOMBSTONE
from ingest.records import Chunk

_FIRST_ROWS = 100.0
_FIRST_BYTES = 100_000.0
_FORGET = 0.9  # the part of former chunks' rows and bytes in a message that is remembered with each chunk


class ChunkHandler:
    """Hands chunks to `intake`, and what it could not take to the dead letters. Times are monotonic seconds."""

    def __init__(
        self, config: TopicConfig, intake: Intake, dead_letters: DeadLetterQueue, columns: ColumnEvents
    ) -> None:
        self._topic = config.kafka.topic
        self._intake = intake
        self._dead_letters = dead_letters
        self._columns = columns
        self._gate = DeadLetterGate(config.dead_letters, dead_letters, config.batch.max_bytes)
        self._exploded = bool(config.format.explode)
        self._rows_per_message = _FIRST_ROWS
        self._most_bytes = config.kafka.queue_bytes
        self._bytes_per_message: float | None = None
        self._chunk: Chunk | None = None

    @property
    def pending(self) -> bool:
        """Rule 3."""
        return self._chunk is not None

    def messages(self, rows: int) -> int:
        """How many messages to poll for about this number of rows, at most: rules 3 and 4."""
        by_rows = int(rows / self._rows_per_message) if self._exploded else rows
        by_bytes = int(self._most_bytes / (self._bytes_per_message or _FIRST_BYTES))
        return max(min(by_rows, by_bytes), min(rows, 1))

    @property
    def blocked(self) -> bool:
        """Rule 2."""
        return self._dead_letters.full

    def due_in_s(self, now: float) -> float | None:
        """Seconds until an open batch's age makes it due, None while all are empty."""
        return self._intake.due_in_s(now)

    def poll(self, now: float) -> None:
        """Write the dead letters that were held back long enough."""
        self._gate.poll(now)

    def end(self) -> None:
        """Reading has ended: hold no dead letter back any more."""
        self._gate.open()

    def take(self, chunk: Chunk, now: float, suspended: frozenset[int]) -> None:
        """Take in a chunk that was read for the first time; messages of `suspended` routes are only tracked.

        Raises FatalError (exit code TOO_MANY_DEAD) by rule 1.
        """
        self._chunk = chunk
        self._taken(self._intake.take(chunk, now, suspended), now)

    def take_reread(self, route: int, chunk: Chunk, now: float) -> None:
        """Take in what a suspended route has read again. Raises FatalError as `take` does."""
        self._chunk = chunk
        self._taken(self._intake.take_reread(route, chunk, now), now)

    def resume(self, now: float) -> None:
        """Take the next piece of the chunk that is pending. Raises FatalError as `take` does."""
        self._taken(self._intake.resume(now), now)

    def _taken(self, taken: Taken | None, now: float) -> None:
        if taken is None or self._chunk is None:
            return
        chunk, self._chunk = self._chunk, None
        own = chunk.raw_bytes / len(chunk.messages)
        self._bytes_per_message = max(own, _FORGET * (self._bytes_per_message or 0.0), 1.0)
        if self._exploded:
            self._rows_per_message = max(taken.rows / len(chunk.messages), _FORGET * self._rows_per_message, 1.0)
        self._columns.taken(taken, now)
        letters = taken.letters.letters
        if exceeded := self._gate.count(taken.dead, taken.rows):
            last = next(letter for letter in reversed(letters) if letter.reason.code != TOMBSTONE)
            raise too_many(
                self._topic,
                f"no row can be made of {exceeded}, the last at partition {last.message.partition()} offset "
                f"{last.message.offset()}: {last.reason.detail}",
            )
        self._gate.put(taken.letters, now)
