"""The ack tracker: what of a partition is settled, and up to where it may be committed.

Rules
1. Every message enters the tracker when it is polled, in arrival order, as part of a span: the messages of
   one partition in one chunk.
2. A span is settled when everything holding it has let go: the chunk once its bad messages are durable dead
   letters, the batch once Arize acknowledged its rows or they are durable dead letters.
3. The watermark is the highest next offset whose predecessors are all settled. It never goes back.
4. Settled spans above the watermark are remembered as ranges, so that a restart can skip them. Ranges that a former
   process left are kept until the watermark passes them: a second crash must not forget them.
5. Counts are of messages and are moved under the watermark together with it; offsets are never subtracted to
   get a count, because they have gaps (compaction, control records, aborted transactions). A carried range keeps
   the count it was settled with, whatever compaction or retention leaves of it.

Theory: a queue in arrival order, its head popped while settled. Kafka delivers a partition in offset order,
so arrival order is offset order, and the watermark is the next offset of the last span popped. Work is per
span, not per message: a chunk of 5,000 messages costs as many steps as it has partitions.
(After Jeffail/checkpoint, which tracks single messages in the same way.)
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.records import Span


@dataclass(slots=True)
class Ticket:
    """One span on its way. `holds` counts what still keeps it from being settled."""

    span: Span
    holds: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class SettledRange:
    """Settled messages above the watermark: `count` of them, `dead` of these in the dead letters."""

    first: int
    next_offset: int
    count: int
    dead: int


@dataclass(frozen=True, slots=True)
class Watermark:
    """What may be committed: everything below `next_offset` is settled, and so are the `ranges` above it."""

    next_offset: int
    acknowledged: int
    dead_lettered: int
    ranges: tuple[SettledRange, ...] = ()


class PartitionTracker:
    """One partition from `start` on; `carried` is what the last commit says of it."""

    def __init__(self, partition: int, start: int, carried: Watermark | None = None) -> None:
        self.partition = partition
        self.position = start
        self._next_offset = start
        self._acknowledged = carried.acknowledged if carried is not None else 0
        self._dead_lettered = carried.dead_lettered if carried is not None else 0
        self._ahead = deque(carried.ranges if carried is not None else ())
        self._open: deque[Ticket] = deque()

    def arrive(self, offsets: npt.NDArray[np.int64]) -> tuple[list[Ticket], npt.NDArray[np.bool_] | None]:
        """Track the messages at `offsets` (ascending), all of this partition in one chunk.

        Returns the tickets of those still to be delivered, and a mask of them, None when it is all of them. Messages
        that a former process settled are settled again at once, without being sent again.
        """
        if not self._ahead or offsets[-1] < self._ahead[0].first:
            return [self.track(_span(self.partition, offsets))], None
        fresh = np.ones(len(offsets), dtype=np.bool_)
        tickets = []
        begin = 0
        while self._ahead and self._ahead[0].first <= offsets[-1]:
            settled = self._ahead[0]
            first, end = np.searchsorted(offsets, [settled.first, settled.next_offset]).tolist()
            if first > begin:
                tickets.append(self.track(_span(self.partition, offsets[begin:first])))
            fresh[first:end] = False
            self._pass_carried(int(offsets[-1]) + 1, seen=end - first)
            begin = end
        if begin < len(offsets):
            tickets.append(self.track(_span(self.partition, offsets[begin:])))
        return tickets, fresh

    def track(self, span: Span) -> Ticket:
        """Take in a span that has just been polled, with one hold on it: that of whoever tracks it.

        Raises ValueError if it belongs to another partition or does not come after everything tracked so far.
        """
        if span.partition != self.partition or span.first < self.position or span.next_offset <= span.first:
            raise ValueError(f"partition {self.partition} at {self.position} can't track {span}")
        ticket = Ticket(span, holds=1)
        self._open.append(ticket)
        self.position = span.next_offset
        return ticket

    def hold(self, ticket: Ticket) -> None:
        """One more thing must happen before `ticket` is settled. Raises ValueError if it already is."""
        if ticket.holds < 1:
            raise ValueError(f"partition {self.partition}: {ticket.span} is already settled")
        ticket.holds += 1

    def release(self, ticket: Ticket, *, dead: int = 0) -> None:
        """Let go of one hold on `ticket`; `dead` of its messages went to the dead letters.

        Raises ValueError if nothing held it: something would be settled twice.
        """
        if ticket.holds < 1:
            raise ValueError(f"partition {self.partition}: {ticket.span} is already settled")
        if not 0 <= dead <= ticket.span.count - ticket.dead:
            raise ValueError(f"partition {self.partition}: {ticket.span} can't hold {dead} more dead letters")
        ticket.holds -= 1
        ticket.dead += dead
        while self._open and self._open[0].holds == 0:
            settled = self._open.popleft()
            self._next_offset = settled.span.next_offset
            self._dead_lettered += settled.dead
            self._acknowledged += settled.span.count - settled.dead

    def advance(self, next_offset: int) -> None:
        """No message lies below `next_offset` beyond those tracked: the end of the log, or a gap.

        Does nothing when the position is already there.
        """
        while self._ahead and self._ahead[0].first < next_offset:
            self._pass_carried(next_offset, seen=0)
        if next_offset > self.position:
            self.release(self.track(Span(self.partition, self.position, next_offset, 0)))

    def _pass_carried(self, upto: int, *, seen: int) -> None:
        """Settle the next carried range up to `upto`; `seen` of its messages came by again.

        Once the range is passed, all of its messages count, also those that compaction or retention has removed since.
        """
        settled = self._ahead.popleft()
        whole = settled.next_offset <= upto
        count = settled.count if whole else min(seen, settled.count)
        dead = min(settled.dead, count)
        end = settled.next_offset if whole else upto
        self.release(self.track(Span(self.partition, settled.first, end, count)), dead=dead)
        if not whole:
            left = SettledRange(end, settled.next_offset, settled.count - count, settled.dead - dead)
            self._ahead.appendleft(left)

    @property
    def open_messages(self) -> int:
        """Messages polled and not yet settled."""
        return sum(ticket.span.count for ticket in self._open if ticket.holds)

    def watermark(self) -> Watermark:
        """What may be committed now."""
        ranges: list[SettledRange] = []
        joins = False
        for ticket in self._open:
            if ticket.holds:
                joins = False
                continue
            span, dead = ticket.span, ticket.dead
            if joins:  # arrived right after the range before it: nothing lies between them
                before = ranges.pop()
                ranges.append(
                    SettledRange(before.first, span.next_offset, before.count + span.count, before.dead + dead)
                )
            else:
                ranges.append(SettledRange(span.first, span.next_offset, span.count, dead))
            joins = True
        return Watermark(self._next_offset, self._acknowledged, self._dead_lettered, (*ranges, *self._ahead))


def _span(partition: int, offsets: npt.NDArray[np.int64]) -> Span:
    return Span(partition, int(offsets[0]), int(offsets[-1]) + 1, len(offsets))
