"""What of a partition arrived together, and what of it is still to be settled: the pieces of the ack tracker.

Rules
1. A stretch lies between two offsets. Each route has a ticket for its messages in it, or has left them behind (`open`).
2. What is settled of a route that still waits here is kept apart (`partly`): a restart sends all of it again.
3. Neighbours with nothing in hand that wait for the same routes become one, so that their number does not grow.
4. A stretch with nothing in hand can be split at any offset. Its counts are shared out by what was seen of it; in sum
   they stay what they were.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ingest.records import NOTHING, Counts, Span


@dataclass(slots=True, eq=False)
class Ticket:
    """The messages of one route in a segment, in hand. `holds` counts what still keeps them from being settled.

    `on_settled` is called after the last release: the tracker then moves what may be committed.
    """

    span: Span
    route: int
    segment: "Segment" = field(repr=False)
    on_settled: Callable[[], None] = field(repr=False)
    holds: int = 1
    dead: int = 0
    tombstones: int = 0
    filtered: int = 0

    def hold(self) -> None:
        """Require one more `release` before the messages are settled. Raises ValueError if they already are."""
        if self.holds < 1:
            raise ValueError(f"partition {self.span.partition}: {self.span} is already settled")
        self.holds += 1

    def release(self, *, dead: int = 0, tombstones: int = 0, filtered: int = 0) -> None:
        """Remove one hold. `dead` of the messages went to the dead letters, `tombstones` and `filtered` are not sent.

        Raises ValueError if nothing held them: something would be settled twice; and if the numbers are negative or, in
        sum over all releases, more than there are messages.
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
            self.segment.let_go(self.route, self.counts())
            self.on_settled()

    def counts(self) -> Counts:
        """What its messages have become, once it is settled."""
        lost = self.dead + self.tombstones + self.filtered
        return Counts(self.span.count - lost, self.dead, self.tombstones, self.filtered)


@dataclass(slots=True, eq=False)
class Segment:
    """Messages that arrived together, or became one since.

    `tickets` are those not settled yet, `open` the routes whose messages must be read again, `reached` how far in such
    a reading has come. `settled` counts what no restart sends again, `partly` what is settled of the routes that
    still wait.
    """

    first: int
    next_offset: int
    settled: Counts = NOTHING
    open: frozenset[int] = frozenset()
    tickets: list[Ticket] = field(default_factory=list)
    reached: dict[int, int] = field(default_factory=dict)
    partly: dict[int, Counts] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Nothing of it is in hand, but something is left behind."""
        return bool(self.open) and not self.tickets and not self.reached

    def waiting(self) -> frozenset[int]:
        """The routes that have something open here."""
        return self.open.union(ticket.route for ticket in self.tickets)

    def let_go(self, route: int, counts: Counts = NOTHING) -> None:
        """`counts` more messages of `route` are settled; all of them count once none of it waits here."""
        counts += self.partly.pop(route, NOTHING)
        if route in self.waiting():
            self.partly[route] = counts
        else:
            self.settled += counts


def joined(stretches: Iterable[Segment]) -> deque[Segment]:
    """Rule 3, for stretches in order of arrival."""
    found: deque[Segment] = deque()
    for stretch in stretches:
        before = found[-1] if found else None
        if before is not None and before.idle and stretch.idle and before.open == stretch.open:
            before.next_offset = stretch.next_offset
            before.settled += stretch.settled
        else:
            found.append(stretch)
    return found


def split(stretch: Segment, upto: int, seen: int) -> tuple[Segment, Segment | None]:
    """What of a stretch without tickets lies below `upto`, with `seen` settled messages, and the rest."""
    if stretch.next_offset <= upto:
        return stretch, None
    counts = stretch.settled.part(seen)
    rest = Segment(upto, stretch.next_offset, stretch.settled - counts, stretch.open)
    return Segment(stretch.first, upto, counts, stretch.open), rest
