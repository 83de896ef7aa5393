"""When a row is written: decisions over the commits of a run.

1. A partition gets a row of its first commit, from which counting begins; then at most every `every_s`, of the newest
   one; and before its first commit in a new hour, one of the last in the hour before. Without a commit there is
   nothing to write.
2. What may be twice is written at once.
3. Rows that could not be written wait and go first. Past `most` of them the oldest commits are forgotten: the next row
   of the same partition says all that they said, but for the hour.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.accounting.rows import Cause, Duplicates, Key, Row, State, foreign, hour
from ingest.records import Span

EVERY_S = 60.0
MOST_WAITING = 10_000


@dataclass(slots=True)
class _PartitionState:
    """One partition: the newest commit if no row says it yet, and when its last row was written (monotonic)."""

    unwritten: State | None = None
    written_at: float = float("-inf")


@dataclass(slots=True)
class RowSchedule:
    """Rows waiting to be written. `now` is in monotonic seconds, `at` the time of day."""

    run: str
    every_s: float = EVERY_S
    most: int = MOST_WAITING
    _pages: dict[Key, _PartitionState] = field(default_factory=dict)
    _waiting: list[Row] = field(default_factory=list)

    def committed(self, state: State) -> None:
        """Kafka has confirmed a commit."""
        key, at = state.key, state.at
        page = self._pages.get(key)
        if page is None:
            self._pages[key] = _PartitionState()
            self.put([state])
            return
        before = page.unwritten
        if before is not None and hour(before.at) != hour(at):
            self.put([before])
        page.unwritten = state

    def put(self, rows: Iterable[Row]) -> None:
        """These are to be written as they are, at once."""
        self._waiting += rows
        if len(self._waiting) > self.most:
            surplus = len(self._waiting) - self.most
            old = [index for index, row in enumerate(self._waiting) if isinstance(row, State)][:surplus]
            gone = set(old)
            self._waiting = [row for index, row in enumerate(self._waiting) if index not in gone]

    def due(self, now: float, *, leaving: bool = False) -> list[Row]:
        """What is to be written now; `written` says that it is. `leaving`: all that is known."""
        for page in self._pages.values():
            if page.unwritten is not None and (leaving or now - page.written_at >= self.every_s):
                self.put([page.unwritten])
                page.unwritten = None
                page.written_at = now
        return list(self._waiting)

    def written(self, rows: list[Row]) -> None:
        """The rows that `due` gave are in the file."""
        del self._waiting[: len(rows)]


@dataclass(frozen=True, slots=True)
class Former:
    """What the account last said of a partition, and how many messages that run may have had on their way."""

    state: State
    in_flight: int | None = None


def left_behind(start: State, begin: int, end_offset: int, former: Former | None) -> list[Duplicates]:
    """What may be at Arize twice when a run finds `start` and reads from `begin` on; the log ends at `end_offset`.

    Without a former row nothing is known of a former run, and nothing is said. A run that ended in order has listed
    what it left. After any other, all that was there to be read may have been sent, but not more messages than were
    ever on their way at once. What was committed and is read again, as somebody has moved the group back, will be
    there twice.
    """
    if former is None or foreign(former.state, start):
        return []
    before = former.state
    found: list[Duplicates] = []

    def tell(first: int, next_offset: int, most: int | None, cause: Cause) -> None:
        if first < next_offset:
            count = next_offset - first if most is None else min(most, next_offset - first)
            span = Span(start.key.partition, first, next_offset, count)
            found.append(Duplicates(start.key, start.at, span, cause, start.run))

    reached = begin if before.next_offset is None else before.next_offset
    tell(begin, reached, None, "moved_back")
    beyond = max(begin, reached)
    if before.kind != "ended":
        tell(beyond, end_offset, former.in_flight, "supervisor_lost")
    elif (before.next_offset, before.counts) != (start.next_offset, start.counts) and reached <= begin:
        tell(beyond, end_offset, None, "unknown_run")
    return found
