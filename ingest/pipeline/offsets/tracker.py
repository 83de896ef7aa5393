"""The ack tracker: which messages of a partition are settled, and the checkpoint that may be committed.

Rules
1. Every message enters the tracker when it is polled, in arrival order, as part of a segment: the messages of
   one partition in one chunk. Within a segment the messages of each route have a ticket of their own.
2. A ticket is settled when every hold on it has been released: that of the chunk once its bad messages are durable
   dead letters, that of a batch once Arize acknowledged its rows or they are durable dead letters. A segment is settled
   when all its tickets are, and no route is suspended there.
3. The checkpoint's next offset is the highest one whose predecessors are all settled. It never goes back.
4. Messages settled above it are kept as ranges, so that a restart can skip them: whole segments, and segments where
   only some routes are `open`. The ranges that a former process committed are carried until the next offset passes
   them: a second crash must not forget them.
5. Counts are of messages and are added to the checkpoint's together with its next offset; offsets are never subtracted
   to get a count, because they have gaps (compaction, control records, aborted transactions). A carried range keeps
   the counts it was settled with, also if compaction or retention removes messages of it.
6. The messages of a suspended route have no ticket and take no memory. They are open until they are read again and
   tracked with `track_reread`, from `suspended_from` on.

Theory: a queue in arrival order, its head popped while settled. Kafka delivers a partition in offset order,
so arrival order is offset order, and the next offset is the first one of the segment at the head. Work is per
segment, not per message: a chunk of 5,000 messages costs as many steps as it has partitions. Neighbouring segments
in which the same routes are suspended are merged: an outage of hours is one range.
(After Jeffail/checkpoint, which tracks single messages in the same way.)
"""

from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ingest.pipeline.offsets.checkpoint import Checkpoint, SettledRange
from ingest.pipeline.offsets.segment import Segment, Ticket, merge_neighbours, split
from ingest.records import Span

_NONE: frozenset[int] = frozenset()


class PartitionTracker:
    """Tracks one partition from `start` on; `carried` is its last commit.

    `topic_id` and `topic_partitions` are written to its checkpoints; by default they are those of `carried`.
    """

    def __init__(
        self,
        partition: int,
        start: int,
        carried: Checkpoint | None = None,
        routes: str = "",
        *,
        topic_id: str = "",
        topic_partitions: int = 0,
    ) -> None:
        self.partition = partition
        self.position = start
        committed = (carried or Checkpoint(start)).for_routes(routes)
        self._topic_id = topic_id or committed.topic_id
        self.topic_partitions = topic_partitions or committed.topic_partitions
        self._next_offset = start
        self._counts = committed.counts
        self._routes = routes
        self._carried = deque(committed.ranges)
        self._segments: deque[Segment] = deque()

    # --- arrival -------------------------------------------------------------------------------

    def track(
        self,
        offsets: npt.NDArray[np.int64],
        routes: npt.NDArray[np.int64] | None = None,
        suspended: AbstractSet[int] = _NONE,
    ) -> tuple[list[Ticket], npt.NDArray[np.bool_] | None]:
        """Track the messages at `offsets` (ascending), all of this partition in one chunk, and the route of each.

        Returns the tickets of those to be delivered, each with one hold, and a mask of them, None if it is all of them.
        Messages that a former process settled need no delivery, and those of `suspended` routes are delivered when
        they are read again. Raises ValueError if an offset is below the position.
        """
        if offsets[0] < self.position:
            raise ValueError(f"partition {self.partition} at {self.position} can't track offset {offsets[0]}")
        if routes is None:
            routes = np.zeros(len(offsets), dtype=np.int64)
        if not suspended and (not self._carried or offsets[-1] < self._carried[0].first):
            return self._track_new(offsets, routes), None
        deliver = ~np.isin(routes, list(suspended))
        tickets = []
        begin = 0
        while self._carried and self._carried[0].first <= offsets[-1]:
            carried = self._carried[0]
            first, end = np.searchsorted(offsets, [carried.first, carried.next_offset]).tolist()
            if first > begin:
                tickets += self._track_new(offsets[begin:first], routes[begin:first], suspended)
            open_here = np.isin(routes[first:end], list(carried.open))
            deliver[first:end] &= open_here
            segment = self._pass_carried(int(offsets[-1]) + 1, reread=int(np.count_nonzero(~open_here)))
            segment.suspended = carried.open & suspended
            tickets += self._issue(segment, routes[first:end][open_here], suspended)
            begin = end
        if begin < len(offsets):
            tickets += self._track_new(offsets[begin:], routes[begin:], suspended)
        self._pop_settled()
        return tickets, None if deliver.all() else deliver

    def track_reread(
        self, route: int, offsets: npt.NDArray[np.int64], routes: npt.NDArray[np.int64], upto: int
    ) -> tuple[list[Ticket], npt.NDArray[np.bool_]]:
        """Track messages that a suspended `route` reads again, and the route of each.

        They are all there are from `suspended_from(route)` up to the offset `upto`. Returns the tickets of those of
        `route` that have not been tracked as its own yet, each with one hold, and a mask of them.
        """
        deliver = np.zeros(len(offsets), dtype=np.bool_)
        tickets = []
        segments: deque[Segment] = deque()
        for whole in self._segments:
            segment, rest = whole, None
            reread_to = segment.reread_to.get(route, segment.first)
            if route not in segment.suspended or reread_to >= upto:
                segments.append(segment)
                continue
            begin, end = np.searchsorted(offsets, [reread_to, min(segment.next_offset, upto)]).tolist()
            own = routes[begin:end] == route
            deliver[begin:end] = own
            if upto < segment.next_offset and not segment.tickets and not segment.reread_to:
                settled = ~np.isin(routes[begin:end], list(segment.suspended))
                segment, rest = split(segment, upto, reread=int(np.count_nonzero(settled)))
            if upto >= segment.next_offset:
                segment.suspended -= {route}
                segment.reread_to.pop(route, None)
            else:
                segment.reread_to[route] = upto
            tickets += self._issue(segment, routes[begin:end][own], first=reread_to, upto=upto)
            segment.settle(route)
            segments.extend((segment,) if rest is None else (segment, rest))
        self._segments = segments
        self._pop_settled()
        return tickets, deliver

    def suspended_from(self, route: int) -> int | None:
        """The offset from which `route` must read messages again; None if there are none."""
        for segment in self._segments:
            if route in segment.suspended:
                return segment.reread_to.get(route, segment.first)
        return None

    def advance(self, next_offset: int) -> None:
        """All messages below `next_offset` have been tracked: it is the end of the log, or follows a gap.

        Does nothing if the position is already there.
        """
        while self._carried and self._carried[0].next_offset <= next_offset:
            self._pass_carried(next_offset, reread=0)
        if self._carried and self._carried[0].first < next_offset:
            self._carried[0] = replace(self._carried[0], first=next_offset)
        self.position = max(self.position, next_offset)
        self._pop_settled()

    # --- the state -----------------------------------------------------------------------------

    @property
    def messages_in_hand(self) -> int:
        """Messages that have a ticket which is not settled; those of suspended routes have none."""
        return sum(ticket.span.count for segment in self._segments for ticket in segment.tickets)

    def checkpoint(self) -> Checkpoint:
        """What may be committed now."""
        ranges: list[SettledRange] = []
        adjacent = False  # nothing lies between the last range and this segment
        for segment in self._merged():
            open_routes = segment.open_routes()
            if open_routes and not segment.settled.total:
                adjacent = False
                continue
            settled = SettledRange(segment.first, segment.next_offset, segment.settled, open_routes)
            if adjacent and ranges[-1].open == open_routes:
                before = ranges.pop()
                counts = before.counts + settled.counts
                settled = SettledRange(before.first, settled.next_offset, counts, open_routes)
            ranges.append(settled)
            adjacent = True
        return Checkpoint(
            self._next_offset,
            self._counts,
            (*ranges, *self._carried),
            self._routes,
            self._topic_id,
            self.topic_partitions,
        )

    # --- within --------------------------------------------------------------------------------

    def _track_new(
        self, offsets: npt.NDArray[np.int64], routes: npt.NDArray[np.int64], suspended: AbstractSet[int] = _NONE
    ) -> list[Ticket]:
        # The routes count as suspended also in a segment without messages of theirs, so that neighbours can be merged.
        segment = self._append(Segment(int(offsets[0]), int(offsets[-1]) + 1, suspended=frozenset(suspended)))
        return self._issue(segment, routes, suspended)

    def _issue(
        self,
        segment: Segment,
        routes: npt.NDArray[np.int64],
        suspended: AbstractSet[int] = _NONE,
        *,
        first: int | None = None,
        upto: int | None = None,
    ) -> list[Ticket]:
        """A ticket for the messages of each route in `segment`, or in its part from `first` up to `upto`."""
        first = segment.first if first is None else first
        next_offset = segment.next_offset if upto is None else min(upto, segment.next_offset)
        tickets = []
        for route, count in enumerate(np.bincount(routes).tolist()):
            if count and route not in suspended:
                span = Span(self.partition, first, next_offset, count)
                tickets.append(Ticket(span, route, segment, self._pop_settled))
        segment.tickets += tickets
        return tickets

    def _append(self, segment: Segment) -> Segment:
        self._segments.append(segment)
        self.position = segment.next_offset
        return segment

    def _pass_carried(self, upto: int, *, reread: int) -> Segment:
        """Turn the next carried range, up to `upto`, into a segment; `reread` of its settled messages were read again.

        Once the range is passed, all of them count, also those that compaction or retention has removed since.
        """
        carried = self._carried.popleft()
        segment, rest = split(Segment(carried.first, carried.next_offset, carried.counts, carried.open), upto, reread)
        if rest is not None:
            self._carried.appendleft(SettledRange(rest.first, rest.next_offset, rest.settled, rest.suspended))
        segment.suspended = _NONE  # its open messages have been read as well, if they are still in the log
        return self._append(segment)

    def _pop_settled(self) -> None:
        while self._segments and not self._segments[0].tickets and not self._segments[0].suspended:
            self._counts += self._segments.popleft().settled
        self._next_offset = self._segments[0].first if self._segments else self.position

    def _merged(self) -> deque[Segment]:
        self._segments = merge_neighbours(self._segments)
        return self._segments
