"""The way of a chunk: every message tracked, the good ones decoded into the batch, the bad ones named.

Nothing is sent, written or committed here.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ingest.pipeline.ack import PartitionTracker, Ticket
from ingest.pipeline.batch import Batch, Batcher, Part
from ingest.pipeline.dead_letters import DeadLetter, Letters
from ingest.records import Chunk, Decoded, KafkaMessage


class Judging(Protocol):
    """What decides about messages: `ingest.pipeline.judge.Judge`."""

    def judge(self, messages: Sequence[KafkaMessage]) -> Decoded:
        """Each of `messages` is accepted, as a row, or rejected by its index."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What a chunk left behind: its dead letters with the tickets they release, and the columns that changed type."""

    letters: Letters
    widened: tuple[tuple[str, str, str], ...] = ()


class Intake:
    """Takes chunks in; `ready` holds the batches that are closed and wait for an upload."""

    def __init__(self, trackers: Mapping[int, PartitionTracker], judge: Judging, batcher: Batcher) -> None:
        self._trackers = trackers
        self._judge = judge
        self._batcher = batcher
        self.ready: deque[Batch] = deque()

    def room(self) -> int:
        """Messages that may be polled now; 0 while a closed batch waits or the open one is full."""
        return 0 if self.ready else self._batcher.room()

    @property
    def rows(self) -> int:
        """Rows that are not on their way yet."""
        return self._batcher.rows + sum(batch.rows for batch in self.ready)

    def due_in_s(self, now: float) -> float | None:
        """Seconds until the open batch's age makes it due, None while it is empty."""
        return self._batcher.due_in_s(now)

    def close_batch(self, now: float, *, leaving: bool) -> None:
        """Close the open batch if it is due, or when `leaving`, if it has any rows."""
        if self._batcher.due(now) or (leaving and self._batcher.rows):
            self.ready.append(self._batcher.take())

    def take(self, chunk: Chunk, now: float) -> Taken:
        """Track every message of `chunk` and decode those that no former process has settled."""
        fresh, tickets = self._track(chunk)
        if not len(fresh):
            return Taken(Letters((), ()))
        messages = chunk.messages
        decoded = self._judge.judge([messages[index] for index in fresh.tolist()])
        if self._batcher.rows and not self._batcher.fits(decoded.table.schema):
            # The older rows keep the type they were decoded with: they leave in a batch of their own.
            self.ready.append(self._batcher.take())
        rows = fresh[decoded.accepted]
        accepted = Part(decoded.table, chunk.partitions[rows], chunk.offsets[rows], tickets)
        counts = accepted.rows_by_ticket()
        part = Part(accepted.table, accepted.partitions, accepted.offsets, [t for t, count in counts if count])
        for ticket in part.tickets:
            self._trackers[ticket.span.partition].hold(ticket)
        if len(rows):
            self._batcher.add(part, chunk.raw_bytes * len(rows) // len(messages), now)
        return Taken(
            Letters(
                tuple(DeadLetter(messages[int(fresh[r.index])], r.code, r.reason) for r in decoded.rejected),
                tuple((ticket, ticket.span.count - count) for ticket, count in counts),
            ),
            tuple(decoded.widened),
        )

    def _track(self, chunk: Chunk) -> tuple[npt.NDArray[np.int64], list[Ticket]]:
        """The indices still to be delivered, and the tickets of their spans, each with the chunk's own hold."""
        fresh = np.ones(len(chunk.messages), dtype=np.bool_)
        tickets: list[Ticket] = []
        for partition in np.unique(chunk.partitions).tolist():
            own = np.flatnonzero(chunk.partitions == partition)
            new, mask = self._trackers[partition].arrive(chunk.offsets[own])
            tickets.extend(new)
            if mask is not None:
                fresh[own] = mask
        return np.flatnonzero(fresh), tickets
