"""The gate before the dead letters: while none of a worker's first messages can be delivered, nothing is written.

Rules
1. Until the first message of a step (decoding, or one route's answers of Arize) can be delivered, its dead letters are
   held back: not written, and nothing is committed past them. So a worker that stops because none of its first messages
   can be delivered (`limit`, rule 3) has written and committed none of them.
2. The gate opens for good with the first message that can be delivered, `HOLD_S` after the first letter was held, when
   more than `most_bytes` are held, and when reading has reached its end. Then what is held is written.
3. A worker that is stopped meanwhile writes nothing of what is held: it stays uncommitted, and is read again.
4. A limit that never stops the worker (`max_share` of 1) holds nothing back.

A worker begins anew at each start, and each worker for itself: its partitions are a part of the topic. Times are
monotonic seconds.
"""

import numpy as np
import numpy.typing as npt

from ingest.config.sections import DeadLetters
from ingest.pipeline.dead_letters.limit import DeadLetterLimit
from ingest.pipeline.dead_letters.queue import DeadLetterBatch, DeadLetterQueue, size_bytes

HOLD_S = 30.0


class DeadLetterGate:
    """Counts the messages of one step, and lets its dead letters pass to `queue`."""

    def __init__(self, settings: DeadLetters, queue: DeadLetterQueue, most_bytes: int) -> None:
        self._limit = DeadLetterLimit(settings.max_share, settings.window_events, settings.max_consecutive)
        self._queue = queue
        self._most_bytes = most_bytes
        self._open = settings.max_share >= 1
        self._held: list[DeadLetterBatch] = []
        self._bytes = 0
        self._held_since = 0.0

    def count(self, dead: npt.NDArray[np.bool_], deliverable: int) -> str | None:
        """Count a group of messages, as `DeadLetterLimit.add` does. Returns why too many are dead, None if not."""
        exceeded = self._limit.add(dead, deliverable)
        if self._limit.proved:
            self.open()
        return exceeded

    def put(self, batch: DeadLetterBatch, now: float) -> None:
        """Write a batch, or hold it back (rule 1)."""
        if self._open or not batch.letters:
            self._queue.put(batch)
            return
        if not self._held:
            self._held_since = now
        self._held.append(batch)
        self._bytes += size_bytes(batch)
        self.poll(now)

    def poll(self, now: float) -> None:
        """Open the gate if it is time."""
        if self._held and (now - self._held_since >= HOLD_S or self._bytes > self._most_bytes):
            self.open()

    def open(self) -> None:
        """Write what is held, and hold nothing back any more."""
        self._open = True
        held, self._held = self._held, []
        for batch in held:
            self._queue.put(batch)
