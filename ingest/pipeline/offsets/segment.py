"""The parts of a partition that the ack tracker keeps: the messages of one chunk, or several chunks merged.

Rules
1. A segment lies between two offsets. Each route has a ticket for its messages in it, or is suspended there.
2. A route is open in a segment while it has a ticket there or is suspended there. A restart sends all messages of an
   open route again, so those of them that are settled are counted only when the route is no longer open.
3. Neighbours without tickets in which the same routes are suspended are merged, so that their number does not grow.
4. A segment without tickets can be split at any offset. Its counts are divided by how many settled messages were read
   again below that offset; their sum stays the same.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ingest.records import NOTHING, Counts, Span


@dataclass(slots=True, eq=False)
class Ticket:
    """The messages of one route in a segment, in hand. `holds` is the number of releases until they are settled.

    `refused` has the dead letters among messages with several predictions, by offset: the indices of the predictions.
    `on_settled` is called after the last release, so that the tracker moves its checkpoint.
    """

    span: Span
    route: int
    segment: "Segment" = field(repr=False)
    on_settled: Callable[[], None] = field(repr=False)
    holds: int = 1
    dead: int = 0
    tombstones: int = 0
    filtered: int = 0
    refused: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def has(self, partition: int, offset: int) -> bool:
        """The message is one of its span."""
        return partition == self.span.partition and self.span.first <= offset < self.span.next_offset

    def refuse(self, offset: int, parts: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
        """Predictions of the message at `offset` are dead letters, by index; all of it if `parts` is empty.

        Returns those that are dead letters by now, and whether they are the first ones, so that the message is counted
        once. For messages that hold several predictions: the others are refused at most once.
        """
        before = self.refused.get(offset)
        if before is not None:
            parts = tuple(sorted({*before, *parts})) if before and parts else ()
        self.refused[offset] = parts
        return parts, before is None

    def hold(self) -> None:
        """Require one more `release` before the messages are settled. Raises ValueError if they already are."""
        if self.holds < 1:
            raise ValueError(f"partition {self.span.partition}: {self.span} is already settled")
        self.holds += 1

    def release(self, *, dead: int = 0, tombstones: int = 0, filtered: int = 0) -> None:
        """Remove one hold: `dead` messages are dead letters, `tombstones` and `filtered` messages are not sent.

        Raises ValueError if there is no hold, as the messages would be settled twice, and if a number is negative or
        the sum over all releases exceeds the number of messages.
        """
        if self.holds < 1:
            raise ValueError(f"partition {self.span.partition}: {self.span} is already settled")
        if min(dead, tombstones, filtered) < 0 or dead + tombstones + filtered > self.counts().acknowledged:
            raise ValueError(f"partition {self.span.partition}: {self.span} can't hold {dead} more dead letters")
        self.holds -= 1
        self.dead += dead
        self.tombstones += tombstones
        self.filtered += filtered
        if not self.holds:
            self.segment.tickets.remove(self)
            self.segment.settle(self.route, self.counts())
            self.on_settled()

    def counts(self) -> Counts:
        """The outcome of its messages: all that no release has named otherwise count as acknowledged."""
        others = self.dead + self.tombstones + self.filtered
        return Counts(self.span.count - others, self.dead, self.tombstones, self.filtered)


@dataclass(slots=True, eq=False)
class Segment:
    """Messages of one partition with `first` <= offset < `next_offset`.

    `tickets` are those that are not settled. The routes in `suspended` must read their messages here again; `reread_to`
    is the next offset of a route that is doing so. `settled` are the counts of messages that no restart sends again,
    `settled_while_open` those of the routes that are still open here (rule 2).
    """

    first: int
    next_offset: int
    settled: Counts = NOTHING
    suspended: frozenset[int] = frozenset()
    tickets: list[Ticket] = field(default_factory=list)
    reread_to: dict[int, int] = field(default_factory=dict)
    settled_while_open: dict[int, Counts] = field(default_factory=dict)

    @property
    def mergeable(self) -> bool:
        """It has suspended routes and nothing else: rule 3 applies."""
        return bool(self.suspended) and not self.tickets and not self.reread_to

    def open_routes(self) -> frozenset[int]:
        """The routes that have a ticket here or are suspended here."""
        return self.suspended.union(ticket.route for ticket in self.tickets)

    def settle(self, route: int, counts: Counts = NOTHING) -> None:
        """Add the `counts` of settled messages of `route` (rule 2)."""
        counts += self.settled_while_open.pop(route, NOTHING)
        if route in self.open_routes():
            self.settled_while_open[route] = counts
        else:
            self.settled += counts


def merge_neighbours(segments: Iterable[Segment]) -> deque[Segment]:
    """Rule 3, for segments in order of arrival."""
    merged: deque[Segment] = deque()
    for segment in segments:
        before = merged[-1] if merged else None
        if before is not None and before.mergeable and segment.mergeable and before.suspended == segment.suspended:
            before.next_offset = segment.next_offset
            before.settled += segment.settled
        else:
            merged.append(segment)
    return merged


def split(segment: Segment, at: int, reread: int) -> tuple[Segment, Segment | None]:
    """Rule 4: the part below offset `at`, of which `reread` settled messages were read again, and the rest if any."""
    if segment.next_offset <= at:
        return segment, None
    below = segment.settled.part(reread)
    rest = Segment(at, segment.next_offset, segment.settled - below, segment.suspended)
    return Segment(segment.first, at, below, segment.suspended), rest
