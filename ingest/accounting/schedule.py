"""When a row of the account is written: decisions over the commits of a run.

1. A partition gets a row of its first commit, from which counting begins; then at most one every `every_s`, of the
   newest commit; and before its first commit in a new hour, one of the last commit in the hour before. Without a commit
   there is nothing to write.
2. A row about possible duplicates is due immediately.
3. Rows that could not be written wait and go first. Of more than `most`, the oldest commits are dropped: the next row
   of the same partition has their counts, and only the hour is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.accounting.rows import (
    Cause,
    CommittedState,
    PartitionKey,
    PossibleDuplicates,
    Row,
    hour,
    recreated_between,
)
from ingest.records import Span

EVERY_S = 60.0
MOST_WAITING = 10_000


@dataclass(slots=True)
class _PartitionState:
    """One partition: the newest commit if no row has it yet, and when its last row was written (monotonic)."""

    unwritten: CommittedState | None = None
    written_at: float = float("-inf")


@dataclass(slots=True)
class RowSchedule:
    """Rows waiting to be written. `now` is in monotonic seconds."""

    every_s: float = EVERY_S
    most: int = MOST_WAITING
    _partitions: dict[PartitionKey, _PartitionState] = field(default_factory=dict)
    _waiting: list[Row] = field(default_factory=list)

    def committed(self, state: CommittedState) -> None:
        """Kafka has confirmed a commit."""
        key, at = state.key, state.at
        partition = self._partitions.get(key)
        if partition is None:
            self._partitions[key] = _PartitionState()
            self.put([state])
            return
        before = partition.unwritten
        if before is not None and hour(before.at) != hour(at):
            self.put([before])
        partition.unwritten = state

    def put(self, rows: Iterable[Row]) -> None:
        """These rows are due immediately."""
        self._waiting += rows
        if len(self._waiting) > self.most:
            surplus = len(self._waiting) - self.most
            oldest = [index for index, row in enumerate(self._waiting) if isinstance(row, CommittedState)][:surplus]
            dropped = set(oldest)
            self._waiting = [row for index, row in enumerate(self._waiting) if index not in dropped]

    def due(self, now: float, *, closing: bool = False) -> list[Row]:
        """The rows to be written now, until `written` confirms them. With `closing`, the newest commits are due too."""
        for partition in self._partitions.values():
            if partition.unwritten is not None and (closing or now - partition.written_at >= self.every_s):
                self.put([partition.unwritten])
                partition.unwritten = None
                partition.written_at = now
        return list(self._waiting)

    def written(self, rows: list[Row]) -> None:
        """The rows that `due` returned are in the file."""
        del self._waiting[: len(rows)]


@dataclass(frozen=True, slots=True)
class FormerRun:
    """The last state that a former run wrote of a partition, and how many messages it may have had in flight.

    `moved` is where somebody has moved the group since with `ingest offsets set`.
    """

    state: CommittedState
    in_flight: int | None = None
    moved: CommittedState | None = None


def duplicates_of_former_run(
    start: CommittedState, begin: int, end_offset: int, former: FormerRun | None
) -> list[PossibleDuplicates]:
    """What Arize may have twice if a run finds `start` and reads from `begin` on; the log ends at `end_offset`.

    1. If nothing is known of a former run, nothing is listed.
    2. A run that ended in order has listed its own possible duplicates.
    3. After any other end, all messages that could be read may have been sent, but not more than were in flight.
    4. If somebody has moved the group back, the messages that were committed and are read again are sent twice.
    5. If the group stands where `ingest offsets set` has moved it, nobody else has committed since.
    """
    if former is None or recreated_between(former.state, start):
        return []
    before = former.state
    found: list[PossibleDuplicates] = []

    def add(first: int, next_offset: int, most: int | None, cause: Cause) -> None:
        if first < next_offset:
            count = next_offset - first if most is None else min(most, next_offset - first)
            span = Span(start.key.partition, first, next_offset, count)
            found.append(PossibleDuplicates(start.key, start.at, span, cause, start.run))

    reached = begin if before.next_offset is None else before.next_offset
    add(begin, reached, None, "moved_back")
    beyond = max(begin, reached)
    if before.kind != "ended":
        add(beyond, end_offset, former.in_flight, "supervisor_lost")
    expected = before if former.moved is None else former.moved
    if (
        before.kind == "ended"
        and (expected.next_offset, expected.counts) != (start.next_offset, start.counts)
        and reached <= begin
    ):
        add(beyond, end_offset, None, "unknown_run")
    return found
