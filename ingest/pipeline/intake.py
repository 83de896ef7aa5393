"""The intake of a chunk: each message is tracked, good ones go into their route's batch, bad ones get a reason.

Nothing is sent, written or committed here.

Where messages hold several predictions, a chunk may become far more rows than it has messages. Then it is taken in
pieces: after each of them the caller can send what is full (`pending`, `resume`). All of the chunk is tracked from the
beginning, and its own hold on the tickets is released with the last piece. A message of which some predictions are
refused is one dead letter, and counts once, also if others of its predictions are refused by Arize.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ingest.config.resolve import RouteConfig
from ingest.pipeline.dead_letters.queue import DeadLetter, DeadLetterBatch
from ingest.pipeline.delivery.batch import Batches, BatchLimits, Part
from ingest.pipeline.offsets.segment import Ticket
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.routing import RoutedChunk
from ingest.pipeline.rows import ProcessedRows
from ingest.reasons import TOMBSTONE
from ingest.records import Chunk, KafkaMessage, Rejected


class Processing(Protocol):
    """What decides about messages: `ingest.pipeline.rows.RowProcessors`."""

    @property
    def routes(self) -> Sequence[RouteConfig]:
        """By number; past the last one is what no route takes."""
        ...

    def route(self, messages: Sequence[KafkaMessage]) -> RoutedChunk:
        """The route of each message."""
        ...

    def process(
        self, route: int, found: RoutedChunk, messages: Sequence[KafkaMessage], chosen: npt.NDArray[np.int64]
    ) -> Iterator[ProcessedRows]:
        """Each of the `chosen` messages is accepted, as a row, or rejected by its index."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What a chunk became beside rows: dead letters with the tickets that they hold, and what happened to columns.

    `rows` of its messages can be delivered. `widened`, `nulled`, `ignored` and `late` are as in `Decoded`. `dead` says
    of each message that was to be delivered, in their order, whether it (or one of its predictions) is a dead letter:
    messages that were settled before or filtered are not in it, and no tombstones.
    """

    letters: DeadLetterBatch
    rows: int = 0
    widened: tuple[tuple[str, str, str], ...] = ()
    nulled: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    dead: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))


class Intake:
    """Takes chunks in; `batches` holds the open and the closed ones of each route.

    With `tombstones` a message without a value is a dead letter; without, it is passed over and counted.
    """

    def __init__(
        self,
        trackers: Mapping[int, PartitionTracker],
        processors: Processing,
        limits: BatchLimits,
        *,
        tombstones: bool = True,
    ) -> None:
        self._trackers = trackers
        self._processors = processors
        self._tombstones = tombstones
        self._now = 0.0
        self._rest: Generator[None, None, Taken] | None = None
        numbers = count(1)
        self.batches = tuple(Batches(limits, numbers) for _ in processors.routes)

    def room(self) -> int:
        """Messages that may be polled now, whatever their routes."""
        return min(batches.room() for batches in self.batches)

    @property
    def rows(self) -> int:
        """Rows that are not sent yet."""
        return sum(batches.rows for batches in self.batches)

    def due_in_s(self, now: float) -> float | None:
        """Seconds until an open batch's age makes it due, None while all are empty."""
        return min((due for batches in self.batches if (due := batches.due_in_s(now)) is not None), default=None)

    @property
    def pending(self) -> bool:
        """A chunk is only taken in part: `resume` is to be called before the next one is taken."""
        return self._rest is not None

    def take(self, chunk: Chunk, now: float, suspended: frozenset[int] = frozenset()) -> Taken | None:
        """Track every message of `chunk` and decode those that no former process has settled.

        Messages of the `suspended` routes are only tracked. Returns None if the chunk is `pending`. Raises ValueError
        if another one is.
        """
        self._check_none_pending()
        found = self._processors.route(chunk.messages)
        fresh = np.ones(len(chunk.messages), dtype=np.bool_)
        tickets: list[Ticket] = []
        for partition in np.unique(chunk.partitions).tolist():
            own = np.flatnonzero(chunk.partitions == partition)
            new, mask = self._trackers[partition].track(chunk.offsets[own], found.routes[own], suspended)
            tickets += new
            if mask is not None:
                fresh[own] = mask
        return self._begin(chunk, found, np.flatnonzero(fresh), tickets, now)

    def take_reread(self, route: int, chunk: Chunk, now: float) -> Taken | None:
        """Decode what a suspended `route` reads again, and nothing of the other routes. Else as `take`."""
        self._check_none_pending()
        found = self._processors.route(chunk.messages)
        fresh = np.zeros(len(chunk.messages), dtype=np.bool_)
        tickets: list[Ticket] = []
        for partition in np.unique(chunk.partitions).tolist():
            own = np.flatnonzero(chunk.partitions == partition)
            offsets = chunk.offsets[own]
            new, mask = self._trackers[partition].track_reread(route, offsets, found.routes[own], int(offsets[-1]) + 1)
            tickets += new
            fresh[own] = mask
        return self._begin(chunk, found, np.flatnonzero(fresh), tickets, now)

    def resume(self, now: float) -> Taken | None:
        """Decode the next piece of the chunk that is pending. Returns None if it still is."""
        if self._rest is None:
            raise ValueError("no chunk is pending")
        self._now = now
        try:
            next(self._rest)
        except StopIteration as end:
            self._rest = None
            taken: Taken = end.value
            return taken
        return None

    def _check_none_pending(self) -> None:
        if self._rest is not None:
            raise ValueError("the chunk before is still pending: its rest would never be decoded")

    def _begin(
        self, chunk: Chunk, found: RoutedChunk, fresh: npt.NDArray[np.int64], tickets: Sequence[Ticket], now: float
    ) -> Taken | None:
        self._rest = self._decode(chunk, found, fresh, tickets)
        return self.resume(now)

    def _decode(
        self, chunk: Chunk, found: RoutedChunk, fresh: npt.NDArray[np.int64], tickets: Sequence[Ticket]
    ) -> Generator[None, None, Taken]:
        letters: list[DeadLetter] = []
        released: list[tuple[Ticket, int]] = []
        widened: list[tuple[str, str, str]] = []
        nulled, ignored, late, rows = Counter[str](), Counter[str](), 0, 0
        judged, refused = (np.zeros(len(chunk.messages), dtype=np.bool_) for _ in range(2))
        routes = found.routes[fresh]
        for route in np.unique(routes).tolist():
            own = [ticket for ticket in tickets if ticket.route == route]
            if route < len(self._processors.routes) and not self._processors.routes[route].deliver:
                for ticket in own:
                    ticket.release(filtered=ticket.span.count)
                continue
            rejected: list[Rejected] = []
            for processed in self._processors.process(route, found, chunk.messages, fresh[routes == route]):
                self._add(route, processed, own, chunk)
                _release_filtered(processed.decoded.filtered.tolist(), own, chunk)
                judged[processed.decoded.accepted] = True
                rows += processed.decoded.table.num_rows
                rejected += processed.decoded.rejected
                widened += processed.decoded.widened
                nulled.update(processed.decoded.nulled)
                ignored.update(processed.decoded.ignored)
                late += processed.decoded.late
                if processed.full:
                    yield
            dead = self._without_tombstones(rejected, own, chunk)
            refused[[r.index for r in dead if r.reason.code != TOMBSTONE]] = True
            if any(r.parts for r in dead):
                dead, first = _with_former_parts(dead, own, chunk)
            else:
                first = dead
            letters += (DeadLetter(chunk.messages[r.index], r.reason, parts=r.parts) for r in dead)
            counts = _by_ticket(own, chunk, [r.index for r in first])
            released += zip(own, counts, strict=True)
        dead_letters = DeadLetterBatch(tuple(letters), tuple(released))
        return Taken(dead_letters, rows, tuple(widened), nulled, ignored, late, refused[judged | refused])

    def _add(self, route: int, processed: ProcessedRows, tickets: Sequence[Ticket], chunk: Chunk) -> None:
        decoded = processed.decoded
        partitions, offsets = chunk.partitions[decoded.accepted], chunk.offsets[decoded.accepted]
        part = Part(decoded.table, partitions, offsets, tickets, decoded.numbers)
        row_bytes = processed.row_bytes
        if row_bytes is None:
            row_bytes = chunk.raw_bytes // len(chunk.messages)
        for group in processed.groups:
            rows = part.of_rows(group.rows)
            for ticket in rows.tickets:
                ticket.hold()
            raw_bytes = row_bytes * rows.table.num_rows
            self.batches[route].add(rows, raw_bytes, self._now, shape=group.batch_group, destination=group.destination)

    def _without_tombstones(
        self, rejected: Sequence[Rejected], tickets: Sequence[Ticket], chunk: Chunk
    ) -> Sequence[Rejected]:
        if self._tombstones or not (empty := [fault.index for fault in rejected if fault.reason.code == TOMBSTONE]):
            return rejected
        for ticket, number in zip(tickets, _by_ticket(tickets, chunk, empty), strict=True):
            ticket.hold()
            ticket.release(tombstones=number)
        return [fault for fault in rejected if fault.reason.code != TOMBSTONE]


def _with_former_parts(
    rejected: Sequence[Rejected], tickets: Sequence[Ticket], chunk: Chunk
) -> tuple[Sequence[Rejected], Sequence[Rejected]]:
    """Each with all indices that were refused of its message so far, and those whose message is counted by that."""
    found, first = [], []
    for each in rejected:
        partition, offset = int(chunk.partitions[each.index]), int(chunk.offsets[each.index])
        ticket = next(ticket for ticket in tickets if ticket.has(partition, offset))
        parts, is_first = ticket.refuse(offset, each.parts)
        found.append(replace(each, parts=parts))
        if is_first:
            first.append(each)
    return found, first


def _release_filtered(indices: Sequence[int], tickets: Sequence[Ticket], chunk: Chunk) -> None:
    """Settle the messages of a chunk that a sample leaves out."""
    for ticket, number in zip(tickets, _by_ticket(tickets, chunk, indices), strict=True) if indices else ():
        ticket.hold()
        ticket.release(filtered=number)


def _by_ticket(tickets: Sequence[Ticket], chunk: Chunk, indices: Sequence[int]) -> list[int]:
    """How many of these messages each ticket has."""
    partitions, offsets = chunk.partitions[list(indices)], chunk.offsets[list(indices)]
    return [
        int(
            np.count_nonzero(
                (partitions == ticket.span.partition)
                & (offsets >= ticket.span.first)
                & (offsets < ticket.span.next_offset)
            )
        )
        for ticket in tickets
    ]
