"""The way of a chunk: every message tracked, the good ones decoded into the batch, the bad ones named.

Nothing is sent, written or committed here.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.pipeline.ack import PartitionTracker, Ticket
from ingest.pipeline.batch import Batch, Batches, Limits, Part
from ingest.pipeline.dead_letters import DeadLetter, Letters
from ingest.pipeline.decoded import Decoded
from ingest.records import Chunk, KafkaMessage


class Judging(Protocol):
    """What decides about messages: `ingest.pipeline.judge.Judge`."""

    def judge(self, messages: Sequence[KafkaMessage]) -> Decoded:
        """Each of `messages` is accepted, as a row, or rejected by its index."""
        ...

    def shapes(self, table: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """A number for each row; rows of different numbers must not share a batch."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What a chunk left behind: its dead letters with the tickets they release, and the columns that changed type."""

    letters: Letters
    widened: tuple[tuple[str, str, str], ...] = ()


class Intake:
    """Takes chunks in; `ready` holds the batches that are closed and wait for an upload."""

    def __init__(self, trackers: Mapping[int, PartitionTracker], judge: Judging, limits: Limits) -> None:
        self._trackers = trackers
        self._judge = judge
        self._batches = Batches(limits)
        self.ready: deque[Batch] = deque()

    def room(self) -> int:
        """Messages that may be polled now; 0 while a closed batch waits or the open one is full."""
        return 0 if self.ready else self._batches.room()

    @property
    def rows(self) -> int:
        """Rows that are not on their way yet."""
        return self._batches.rows + sum(batch.rows for batch in self.ready)

    def due_in_s(self, now: float) -> float | None:
        """Seconds until the open batch's age makes it due, None while it is empty."""
        return self._batches.due_in_s(now)

    def close_batch(self, now: float, *, leaving: bool) -> None:
        """Close an open batch that is due, or when `leaving`, one that has any rows."""
        batch = self._batches.take_due(now, leaving=leaving)
        if batch is not None:
            self.ready.append(batch)

    def take(self, chunk: Chunk, now: float) -> Taken:
        """Track every message of `chunk` and decode those that no former process has settled."""
        fresh, tickets = self._track(chunk)
        if not len(fresh):
            return Taken(Letters((), ()))
        messages = chunk.messages
        decoded = self._judge.judge([messages[index] for index in fresh.tolist()])
        rows = fresh[decoded.accepted]
        accepted = Part(decoded.table, chunk.partitions[rows], chunk.offsets[rows], tickets)
        counts = accepted.rows_by_ticket()
        shapes = self._judge.shapes(decoded.table)
        for shape in np.unique(shapes).tolist():
            self._add(shape, accepted.of_rows(shapes == shape), chunk.raw_bytes // len(messages), now)
        return Taken(
            Letters(
                tuple(DeadLetter(messages[int(fresh[r.index])], r.code, r.reason) for r in decoded.rejected),
                tuple((ticket, ticket.span.count - count) for ticket, count in counts),
            ),
            tuple(decoded.widened),
        )

    def _add(self, shape: int, part: Part, message_bytes: int, now: float) -> None:
        for ticket in part.tickets:
            self._trackers[ticket.span.partition].hold(ticket)
        older = self._batches.add(shape, part, message_bytes * part.table.num_rows, now)
        if older is not None:
            # The older rows keep the types they were decoded with: they leave in a batch of their own.
            self.ready.append(older)

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
