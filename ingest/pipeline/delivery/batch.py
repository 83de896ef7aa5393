"""Batch decisions: when a micro-batch is full.

Rules
1. A batch is full by rows (`max_events`), by bytes (`max_bytes` of raw messages), by width (rows x columns, whose nulls
   would take more than four times `max_bytes`), or by age: `linger_s` after its first message, on the monotonic clock,
   also when nothing more arrives.
2. Chunks are taken whole and in arrival order, and a poll asks for no more than `room` messages, so rows never pass
   `max_events`, where a message is a row.
3. Rows of messages that hold several predictions are split over batches, by `max_events` and `max_bytes`: then the
   rows of a message may be in several batches.
4. Chunks whose column types differ (an int column that became float, timestamps of another unit) never share a batch:
   the older rows leave first, unchanged.
5. Rows of different shapes (a number each row is given) or destinations never share a batch either: each has an open
   batch of its own. All of a route's together hold at most `max_events` rows; when they do, the largest leaves.
6. Once taken, a batch is frozen: every attempt sends the identical rows.

Theory: one batch may hold several partitions. The tickets of their spans travel with the rows and are released
together; each row keeps its partition and offset, so that a refused row can be named and read again.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.pipeline.offsets.segment import Ticket
from ingest.records import Destination, Span

# A column that a chunk lacks becomes nulls in the batch: 8 bytes a cell bounds what that takes.
_BYTES_A_CELL = 8
_WIDTH_FACTOR = 4


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is full. Rows, bytes of raw messages, seconds."""

    max_events: int
    max_bytes: int
    linger_s: float


@dataclass(frozen=True, slots=True)
class Part:
    """One chunk's share of a batch: its rows, each row's partition and offset, and the tickets they hold.

    `numbers` has each row's index within its message where messages hold several; the rows of a message are neighbours.
    """

    table: pa.RecordBatch
    partitions: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    tickets: Sequence[Ticket]
    numbers: npt.NDArray[np.int64] | None = None

    def of_rows(self, chosen: npt.NDArray[np.bool_]) -> "Part":
        """Only the chosen rows, and the tickets that have any of them."""
        part = self
        if not chosen.all():
            part = Part(
                self.table.filter(pa.array(chosen)),
                self.partitions[chosen],
                self.offsets[chosen],
                self.tickets,
                None if self.numbers is None else self.numbers[chosen],
            )
        return part.with_own_tickets()

    def with_own_tickets(self) -> "Part":
        """Without the tickets that have none of its rows."""
        return replace(self, tickets=[ticket for ticket, rows in self.rows_by_ticket() if rows])

    def split(self, rows: int) -> tuple["Part", "Part"]:
        """The first `rows` and the others. A ticket that has rows in both gets one hold more."""
        first, rest = self._cut(0, rows), self._cut(rows, self.table.num_rows)
        for ticket in first.tickets:
            if ticket in rest.tickets:
                ticket.hold()
        return first, rest

    def _cut(self, begin: int, end: int) -> "Part":
        return Part(
            self.table.slice(begin, end - begin),
            self.partitions[begin:end],
            self.offsets[begin:end],
            self.tickets,
            None if self.numbers is None else self.numbers[begin:end],
        ).with_own_tickets()

    def same_message(self) -> npt.NDArray[np.bool_]:
        """Which rows are of the message of the row before."""
        same = np.zeros(len(self.offsets), dtype=np.bool_)
        if self.numbers is not None:
            same[1:] = (self.offsets[1:] == self.offsets[:-1]) & (self.partitions[1:] == self.partitions[:-1])
        return same

    def rows_by_ticket(self) -> list[tuple[Ticket, int]]:
        """Each ticket with the number of its rows in this part."""
        counts = []
        for ticket in self.tickets:
            span = ticket.span
            own = self.partitions == span.partition
            own &= (self.offsets >= span.first) & (self.offsets < span.next_offset)
            counts.append((ticket, int(np.count_nonzero(own))))
        return counts


@dataclass(frozen=True, slots=True)
class Batch:
    """Frozen rows, where each came from and where all go. `number` counts up within a worker."""

    number: int
    parts: tuple[Part, ...]
    rows: int
    raw_bytes: int
    destination: Destination | None = None

    def table(self) -> pa.Table:
        """All rows as one table, columns that a chunk lacks filled with nulls; buffers are shared, not copied."""
        return pa.concat_tables([pa.Table.from_batches([part.table]) for part in self.parts], promote_options="default")

    def spans(self) -> tuple[Span, ...]:
        """What a crash from now on may repeat: per partition the offsets and the number of messages."""
        partitions = np.concatenate([part.partitions for part in self.parts])
        offsets = np.concatenate([part.offsets for part in self.parts])
        if any(part.numbers is not None for part in self.parts):
            first = ~np.concatenate([part.same_message() for part in self.parts])
            partitions, offsets = partitions[first], offsets[first]
        spans = []
        for partition in np.unique(partitions).tolist():
            own = offsets[partitions == partition]
            spans.append(Span(partition, int(own[0]), int(own[-1]) + 1, len(own)))
        return tuple(spans)


@dataclass(slots=True)
class Batcher:
    """Collects chunks into the next batch. Times are monotonic seconds."""

    limits: BatchLimits
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    destination: Destination | None = None
    _parts: list[Part] = field(default_factory=list)
    _columns: dict[str, pa.DataType] = field(default_factory=dict)
    _rows: int = 0
    _raw_bytes: int = 0
    _since: float | None = None

    def add(self, part: Part, raw_bytes: int, now: float) -> None:
        """Take in a chunk's rows; each of its tickets carries one hold for this batch."""
        if self._since is None:
            self._since = now
        self._parts.append(part)
        for column in part.table.schema:
            if column.name not in self._columns or not pa.types.is_null(column.type):
                self._columns[column.name] = column.type
        self._rows += part.table.num_rows
        self._raw_bytes += raw_bytes

    def fits(self, schema: pa.Schema) -> bool:
        """A chunk of this schema can share the batch: no column has two types, nulls aside."""
        return all(
            pa.types.is_null(column.type)
            or pa.types.is_null(known := self._columns.get(column.name, column.type))
            or known.equals(column.type)
            for column in schema
        )

    @property
    def rows(self) -> int:
        """Rows collected so far."""
        return self._rows

    def room(self) -> int:
        """Messages that may still be polled into this batch; 0 when it is full."""
        wide = self._rows * len(self._columns) * _BYTES_A_CELL
        if self._raw_bytes >= self.limits.max_bytes or wide >= _WIDTH_FACTOR * self.limits.max_bytes:
            return 0
        return max(self.limits.max_events - self._rows, 0)

    def rows_left(self, row_bytes: int) -> int:
        """Rows of this size that the batch can still take; at least one if it is empty."""
        left = min(self.limits.max_events - self._rows, (self.limits.max_bytes - self._raw_bytes) // max(row_bytes, 1))
        return max(left, 0 if self._rows else 1)

    def due(self, now: float) -> bool:
        """The batch has rows and is full or old enough to leave."""
        return self._rows > 0 and (self.room() == 0 or self.due_in_s(now) == 0.0)

    def due_in_s(self, now: float) -> float | None:
        """Seconds until age makes the batch due; None while it is empty."""
        if self._since is None:
            return None
        return max(self._since + self.limits.linger_s - now, 0.0)

    def take(self) -> Batch:
        """The frozen batch; the next one begins empty. Raises ValueError when there are no rows."""
        if self._rows == 0:
            raise ValueError("an empty batch can't be taken")
        batch = Batch(next(self.numbers), tuple(self._parts), self._rows, self._raw_bytes, self.destination)
        self._parts, self._columns, self._since = [], {}, None
        self._rows = self._raw_bytes = 0
        return batch


class Batches:
    """The batches of one route: the open ones, one a shape and destination, and in `ready` those that are closed.

    Times are monotonic seconds. `numbers` counts the batches of a worker.
    """

    def __init__(self, limits: BatchLimits, numbers: Iterator[int] | None = None) -> None:
        self._limits = limits
        self._numbers = numbers if numbers is not None else count(1)
        self._open: dict[tuple[int, Destination | None], Batcher] = {}
        self.ready: deque[Batch] = deque()

    @property
    def rows(self) -> int:
        """Rows that are not on their way yet."""
        return self._open_rows + sum(batch.rows for batch in self.ready)

    @property
    def _open_rows(self) -> int:
        return sum(batcher.rows for batcher in self._open.values())

    def room(self) -> int:
        """Messages that may still be polled; 0 while a closed batch waits, or when one, or all of them, is full."""
        if self.ready:
            return 0
        rooms = [batcher.room() for batcher in self._open.values()]
        return max(min([*rooms, self._limits.max_events - self._open_rows]), 0)

    def due_in_s(self, now: float) -> float | None:
        """Seconds until age makes a batch due; None while all are empty."""
        return min((due for batcher in self._open.values() if (due := batcher.due_in_s(now)) is not None), default=None)

    def add(
        self, part: Part, raw_bytes: int, now: float, *, shape: int = 0, destination: Destination | None = None
    ) -> None:
        """Take in rows of one shape and destination."""
        batcher = self._open.setdefault((shape, destination), Batcher(self._limits, self._numbers, destination))
        if batcher.rows and not batcher.fits(part.table.schema):
            # The older rows keep the types they were decoded with: they leave in a batch of their own.
            self.ready.append(batcher.take())
        if part.numbers is not None:
            row_bytes = raw_bytes // max(part.table.num_rows, 1)
            while (rows := batcher.rows_left(row_bytes)) < part.table.num_rows:
                if rows:
                    first, part = part.split(rows)
                    batcher.add(first, row_bytes * rows, now)
                self.ready.append(batcher.take())
            raw_bytes = row_bytes * part.table.num_rows
        batcher.add(part, raw_bytes, now)

    def close(self, now: float, *, draining: bool) -> None:
        """Close an open batch that is due, or when `draining`, one that has any rows."""
        for key, batcher in self._open.items():
            if batcher.due(now) or (draining and batcher.rows):
                self._close(key)
                return
        if self._open_rows >= self._limits.max_events:
            self._close(max(self._open, key=lambda key: self._open[key].rows))

    def _close(self, key: tuple[int, Destination | None]) -> None:
        # An empty batcher is not kept: shapes and destinations may come and go.
        self.ready.append(self._open.pop(key).take())
