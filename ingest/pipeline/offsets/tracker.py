"""The ack tracker: what of a partition is settled, and up to where it may be committed.

Rules
1. Every message enters the tracker when it is polled, in arrival order, as part of a stretch: the messages of
   one partition in one chunk. Within a stretch the messages of each route have a ticket of their own.
2. A ticket is settled when everything holding it has let go: the chunk once its bad messages are durable dead
   letters, the batch once Arize acknowledged its rows or they are durable dead letters. A stretch is settled when all
   of its tickets are, and no route has left messages of it behind.
3. The watermark is the highest next offset whose predecessors are all settled. It never goes back.
4. What is settled above the watermark is remembered as ranges, so that a restart can skip it: whole stretches, and
   those where only some routes are still `open`. Ranges that a former process left are kept until the watermark passes
   them: a second crash must not forget them.
5. Counts are of messages and are moved under the watermark together with it; offsets are never subtracted to
   get a count, because they have gaps (compaction, control records, aborted transactions). A carried range keeps
   the counts it was settled with, whatever compaction or retention leaves of it.
6. A route that can't keep up leaves its messages behind: they have no ticket and take no memory. They are open until
   they are read `track_reread`, from `left_from` on.

Theory: a queue in arrival order, its head popped while settled. Kafka delivers a partition in offset order,
so arrival order is offset order, and the watermark is the first offset of the stretch at the head. Work is per
stretch, not per message: a chunk of 5,000 messages costs as many steps as it has partitions. What a route has left
behind in neighbouring stretches becomes one: an outage of hours is one range.
(After Jeffail/checkpoint, which tracks single messages in the same way.)
"""

from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ingest.pipeline.offsets.checkpoint import Checkpoint, SettledRange
from ingest.pipeline.offsets.segment import Segment, Ticket, joined, split
from ingest.records import Span

_NONE: frozenset[int] = frozenset()


class PartitionTracker:
    """One partition from `start` on; `carried` is what the last commit says of it.

    `topic_id` and `topic_partitions` are what its commits say of the topic; without them they say what `carried` says.
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
        mark = (carried or Checkpoint(start)).under(routes)
        self._topic_id = topic_id or mark.topic_id
        self.topic_partitions = topic_partitions or mark.topic_partitions
        self._next_offset = start
        self._counts = mark.counts
        self._routes = routes
        self._ahead = deque(mark.ranges)
        self._stretches: deque[Segment] = deque()

    # --- arrival -------------------------------------------------------------------------------

    def track(
        self,
        offsets: npt.NDArray[np.int64],
        routes: npt.NDArray[np.int64] | None = None,
        left: AbstractSet[int] = _NONE,
    ) -> tuple[list[Ticket], npt.NDArray[np.bool_] | None]:
        """Track the messages at `offsets` (ascending), all of this partition in one chunk, and the route of each.

        Returns the tickets of those still to be delivered, each with one hold, and a mask of them, None when it is all
        of them. Messages that a former process settled are settled again at once, without being sent again; those of
        the routes in `left` are left behind. Raises ValueError if they don't come after everything tracked so far.
        """
        if offsets[0] < self.position:
            raise ValueError(f"partition {self.partition} at {self.position} can't track offset {offsets[0]}")
        if routes is None:
            routes = np.zeros(len(offsets), dtype=np.int64)
        if not left and (not self._ahead or offsets[-1] < self._ahead[0].first):
            return self._enter(offsets, routes), None
        fresh = ~np.isin(routes, list(left))
        tickets = []
        begin = 0
        while self._ahead and self._ahead[0].first <= offsets[-1]:
            carried = self._ahead[0]
            first, end = np.searchsorted(offsets, [carried.first, carried.next_offset]).tolist()
            if first > begin:
                tickets += self._enter(offsets[begin:first], routes[begin:first], left)
            own = np.isin(routes[first:end], list(carried.open))
            fresh[first:end] &= own
            stretch = self._pass_carried(int(offsets[-1]) + 1, seen=int(np.count_nonzero(~own)))
            stretch.open = carried.open & left
            tickets += self._issue(stretch, routes[first:end][own], left)
            begin = end
        if begin < len(offsets):
            tickets += self._enter(offsets[begin:], routes[begin:], left)
        self._settle()
        return tickets, None if fresh.all() else fresh

    def track_reread(
        self, route: int, offsets: npt.NDArray[np.int64], routes: npt.NDArray[np.int64], upto: int
    ) -> tuple[list[Ticket], npt.NDArray[np.bool_]]:
        """Messages of a second reading, all there are from `left_from(route)` up to `upto`, and the route of each.

        Returns the tickets of those that `route` had left behind, each with one hold, and a mask of them.
        """
        fresh = np.zeros(len(offsets), dtype=np.bool_)
        tickets = []
        found: deque[Segment] = deque()
        for whole in self._stretches:
            stretch, rest = whole, None
            at = stretch.reached.get(route, stretch.first)
            if route not in stretch.open or at >= upto:
                found.append(stretch)
                continue
            begin, end = np.searchsorted(offsets, [at, min(stretch.next_offset, upto)]).tolist()
            own = routes[begin:end] == route
            fresh[begin:end] = own
            if upto < stretch.next_offset and not stretch.tickets and not stretch.reached:
                settled = ~np.isin(routes[begin:end], list(stretch.open))
                stretch, rest = split(stretch, upto, seen=int(np.count_nonzero(settled)))
            if upto >= stretch.next_offset:
                stretch.open -= {route}
                stretch.reached.pop(route, None)
            else:
                stretch.reached[route] = upto
            tickets += self._issue(stretch, routes[begin:end][own], first=at, upto=upto)
            stretch.let_go(route)
            found.extend((stretch,) if rest is None else (stretch, rest))
        self._stretches = found
        self._settle()
        return tickets, fresh

    def left_from(self, route: int) -> int | None:
        """Where the messages begin that `route` has left behind; None when there are none."""
        for stretch in self._stretches:
            if route in stretch.open:
                return stretch.reached.get(route, stretch.first)
        return None

    def advance(self, next_offset: int) -> None:
        """No message lies below `next_offset` beyond those tracked: the end of the log, or a gap.

        Does nothing when the position is already there.
        """
        while self._ahead and self._ahead[0].next_offset <= next_offset:
            self._pass_carried(next_offset, seen=0)
        if self._ahead and self._ahead[0].first < next_offset:
            self._ahead[0] = replace(self._ahead[0], first=next_offset)
        self.position = max(self.position, next_offset)
        self._settle()

    # --- what is settled ------------------------------------------------------------------------

    @property
    def open_messages(self) -> int:
        """Messages in hand: polled, not left behind, and not yet settled."""
        return sum(ticket.span.count for stretch in self._stretches for ticket in stretch.tickets)

    def watermark(self) -> Checkpoint:
        """What may be committed now."""
        ranges: list[SettledRange] = []
        joins = False
        for stretch in self._joined():
            waiting = stretch.waiting()
            if waiting and not stretch.settled.total:
                joins = False
                continue
            found = SettledRange(stretch.first, stretch.next_offset, stretch.settled, waiting)
            if joins and ranges[-1].open == waiting:  # arrived right after it: nothing lies between them
                before = ranges.pop()
                found = SettledRange(before.first, found.next_offset, before.counts + found.counts, waiting)
            ranges.append(found)
            joins = True
        return Checkpoint(
            self._next_offset,
            self._counts,
            (*ranges, *self._ahead),
            self._routes,
            self._topic_id,
            self.topic_partitions,
        )

    # --- within --------------------------------------------------------------------------------

    def _enter(
        self, offsets: npt.NDArray[np.int64], routes: npt.NDArray[np.int64], left: AbstractSet[int] = _NONE
    ) -> list[Ticket]:
        # A stretch without messages of a route left behind is open all the same, so that neighbours become one.
        stretch = self._append(Segment(int(offsets[0]), int(offsets[-1]) + 1, open=frozenset(left)))
        return self._issue(stretch, routes, left)

    def _issue(
        self,
        stretch: Segment,
        routes: npt.NDArray[np.int64],
        left: AbstractSet[int] = _NONE,
        *,
        first: int | None = None,
        upto: int | None = None,
    ) -> list[Ticket]:
        """A ticket for the messages of each route in `stretch`, or of a part of it; none for those left behind."""
        first = stretch.first if first is None else first
        next_offset = stretch.next_offset if upto is None else min(upto, stretch.next_offset)
        tickets = []
        for route, count in enumerate(np.bincount(routes).tolist()):
            if count and route not in left:
                span = Span(self.partition, first, next_offset, count)
                tickets.append(Ticket(span, route, stretch, self._settle))
        stretch.tickets += tickets
        return tickets

    def _append(self, stretch: Segment) -> Segment:
        self._stretches.append(stretch)
        self.position = stretch.next_offset
        return stretch

    def _pass_carried(self, upto: int, *, seen: int) -> Segment:
        """Enter the next carried range up to `upto`; `seen` of its settled messages came by again.

        Once the range is passed, all of them count, also those that compaction or retention has removed since.
        """
        carried = self._ahead.popleft()
        stretch, rest = split(Segment(carried.first, carried.next_offset, carried.counts, carried.open), upto, seen)
        if rest is not None:
            self._ahead.appendleft(SettledRange(rest.first, rest.next_offset, rest.settled, rest.open))
        stretch.open = _NONE  # its open messages have come by as well, if they are still there
        return self._append(stretch)

    def _settle(self) -> None:
        while self._stretches and not self._stretches[0].tickets and not self._stretches[0].open:
            self._counts += self._stretches.popleft().settled
        self._next_offset = self._stretches[0].first if self._stretches else self.position

    def _joined(self) -> deque[Segment]:
        self._stretches = joined(self._stretches)
        return self._stretches
