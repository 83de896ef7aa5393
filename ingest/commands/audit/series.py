"""Follows the account's rows of one partition from one to the next.

Rules
1. A row follows another when its offset is not smaller, none of its counts is smaller, and no more messages were
   counted than there are offsets between the two. Such a pair is a step; its offsets without a counted message are its
   gap.
2. A gap is not a fault: transactions, control records and compaction leave offsets without a message. Only Kafka can
   tell whether a gap holds messages that were never counted.
3. If between two runs the counts begin again or the offset goes back, somebody has moved the group: another tool
   commits without our metadata. A new series begins there, and the sums continue with it. Offsets that were passed over
   in this way are not a step, because nobody counted them.
4. Within a run offsets never go back, and one offset has one count. A pair of rows that breaks this does not add up.
   A `moved` row after its `before_move` row is a move that `ingest offsets set` made on purpose.
5. Another topic id is another topic: a new series begins there.
6. A row without a commit has no offset; counting begins at the first row that has one.

Theory: rows are cumulative, so any two rows of a series can be compared, and a lost row's counts are in the next one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ingest.accounting.rows import CommittedState, recreated_between
from ingest.records import Counts

Level = Literal["alarm", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding about a partition, or with None about the whole account. An alarm means that it does not add up."""

    level: Level
    code: str
    partition: int | None
    text: str


@dataclass(frozen=True, slots=True)
class LocatedState:
    """A row's state, and where it was read: a file and line, or Kafka."""

    state: CommittedState
    location: str


@dataclass(frozen=True, slots=True)
class Step:
    """From one row to the next: `counts` messages in the offsets `first_offset` <= offset < `next_offset`."""

    before: LocatedState
    after: LocatedState
    first_offset: int
    next_offset: int
    counts: Counts

    @property
    def gap(self) -> int:
        """The number of offsets without a counted message."""
        return self.next_offset - self.first_offset - self.counts.total


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody moved the group's commit from offset `before` to `after`; None means that nothing is committed.

    `recreated`: the topic was deleted and created again, so `after` is an offset of the new topic. `requested`: it was
    moved with `ingest offsets set`.
    """

    before: int | None
    after: int | None
    location: str
    recreated: bool = False
    requested: bool = False

    @property
    def skipped(self) -> tuple[int, int] | None:
        """The offsets that were passed over, as first and next offset; None if there are none."""
        if self.recreated or self.before is None or self.after is None or self.after <= self.before:
            return None
        return self.before, self.after


@dataclass(slots=True)
class PartitionHistory:
    """The steps and moves of one partition. `base` is the row at which the newest series begins."""

    base: CommittedState | None = None
    steps: list[Step] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def follow(rows: Sequence[LocatedState]) -> PartitionHistory:
    """Follow the rows of one partition in the order they were written; the last may be Kafka's present state."""
    history = PartitionHistory()
    previous: LocatedState | None = None
    for row in rows:
        if previous is None or previous.state.next_offset is None:
            if previous is not None and row.state.next_offset is None:
                continue
            history.base = row.state if row.state.next_offset is not None else None
        else:
            _add_pair(previous, row, history)
        previous = row
    return history


def _add_pair(before: LocatedState, after: LocatedState, history: PartitionHistory) -> None:
    old, new = before.state, after.state
    partition = new.key.partition
    if new.kind == "moved" and old.kind == "before_move" and new.run == old.run and not recreated_between(old, new):
        history.moves.append(Move(old.next_offset, new.next_offset, after.location, requested=True))
        history.base = new
        return
    if old.next_offset is None:
        raise ValueError("a step begins at an offset")
    if new.next_offset is None or recreated_between(old, new):
        history.moves.append(
            Move(old.next_offset, new.next_offset, after.location, recreated=recreated_between(old, new))
        )
        history.base = None if new.next_offset is None else new
        return
    counts = new.counts - old.counts
    offsets = new.next_offset - old.next_offset
    if offsets >= 0 and min(counts.values()) >= 0 and counts.total <= offsets:
        if offsets:
            history.steps.append(Step(before, after, old.next_offset, new.next_offset, counts))
        return
    begins_again = not new.counts.total or (offsets < 0 and max(counts.values()) <= 0)
    if begins_again and old.run != new.run:
        history.moves.append(Move(old.next_offset, new.next_offset, after.location))
        history.base = new
        return
    history.findings.append(
        Finding(
            "alarm",
            "does_not_follow",
            partition,
            f"{after.location} does not follow from {before.location}: from offset {old.next_offset} to "
            f"{new.next_offset}, counts {_as_text(old.counts)}, then {_as_text(new.counts)} "
            "(acknowledged/dead-lettered/tombstones/filtered)",
        )
    )
    history.base = new


def _as_text(counts: Counts) -> str:
    return "/".join(map(str, counts.values()))


def within(rows: Iterable[LocatedState], since: float | None) -> list[LocatedState]:
    """The rows since `since` (epoch seconds), and the one before them, from which their counts are measured."""
    found: list[LocatedState] = []
    for row in rows:
        if since is not None and row.state.at.timestamp() < since:
            found = [row]
        else:
            found.append(row)
    return found
