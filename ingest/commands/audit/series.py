"""What the account's rows say when they are followed one after the other.

Rules
1. A row follows another when its offset is no smaller, none of its counts is smaller, and no more messages were counted
   than there are offsets between them. That is a step; what of its offsets is no counted message is its gap.
2. A gap is no fault: transactions, control records and compaction leave offsets without a message. Whether there are
   messages in it that nobody counted, only Kafka can tell.
3. Counts that begin anew, or an offset that goes back, between two runs: somebody has moved the group (another tool
   commits without our metadata). From there on it is a new series, and sums go on with it. Offsets that were passed
   over so are no step: nobody has counted them.
4. Within a run nothing moves back, and at one offset there is one count. What breaks that does not add up.
5. A topic with another id is another topic: from there on it is a new series.
6. A row in which nothing is committed says nothing of offsets; the first one with an offset is where counting begins.

Theory: rows are cumulative, so any two of a series can be compared, and what is lost between them is in the next one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ingest.accounting.rows import State, foreign
from ingest.records import Counts

Level = Literal["alarm", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to be known of a partition (None: of the account as a whole). An alarm does not add up."""

    level: Level
    code: str
    partition: int | None
    text: str


@dataclass(frozen=True, slots=True)
class LocatedState:
    """A state, and where it stands."""

    state: State
    place: str


@dataclass(frozen=True, slots=True)
class Step:
    """From one row to the next: `counts` messages at offsets from `first` to before `next_offset`."""

    before: LocatedState
    after: LocatedState
    first: int
    next_offset: int
    counts: Counts

    @property
    def gap(self) -> int:
        """Offsets that are no counted message."""
        return self.next_offset - self.first - self.counts.total


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody moved the group from offset `before` to `after`; None is no commit at all.

    `recreated`: the topic was deleted and created again, and what is `after` it belongs to the new one.
    """

    before: int | None
    after: int | None
    place: str
    recreated: bool = False

    @property
    def skipped(self) -> tuple[int, int] | None:
        """The offsets that were passed over."""
        if self.recreated or self.before is None or self.after is None or self.after <= self.before:
            return None
        return self.before, self.after


@dataclass(slots=True)
class PartitionHistory:
    """A partition's rows, followed. `base` is where the newest series begins."""

    base: State | None = None
    steps: list[Step] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def follow(rows: Sequence[LocatedState]) -> PartitionHistory:
    """Follow the rows of one partition, in the order they were written; what Kafka says now may be the last."""
    story = PartitionHistory()
    last: LocatedState | None = None
    for seen in rows:
        if last is None or last.state.next_offset is None:
            if last is not None and seen.state.next_offset is None:
                continue
            story.base = seen.state if seen.state.next_offset is not None else None
        else:
            _pair(last, seen, story)
        last = seen
    return story


def _pair(before: LocatedState, after: LocatedState, story: PartitionHistory) -> None:
    old, new = before.state, after.state
    partition = new.key.partition
    if old.next_offset is None:
        raise ValueError("a step begins at an offset")
    if new.next_offset is None or foreign(old, new):
        story.moves.append(Move(old.next_offset, new.next_offset, after.place, recreated=foreign(old, new)))
        story.base = None if new.next_offset is None else new
        return
    counts = new.counts - old.counts
    offsets = new.next_offset - old.next_offset
    if offsets >= 0 and min(_each(counts)) >= 0 and counts.total <= offsets:
        if offsets:
            story.steps.append(Step(before, after, old.next_offset, new.next_offset, counts))
        return
    anew = not new.counts.total or (offsets < 0 and max(_each(counts)) <= 0)
    if anew and old.run != new.run:
        story.moves.append(Move(old.next_offset, new.next_offset, after.place))
        story.base = new
        return
    story.findings.append(
        Finding(
            "alarm",
            "does_not_follow",
            partition,
            f"{after.place} does not follow from {before.place}: from offset {old.next_offset} to {new.next_offset}, "
            f"counted {_spelled(old.counts)}, then {_spelled(new.counts)}",
        )
    )
    story.base = new


def _each(counts: Counts) -> tuple[int, int, int, int]:
    return counts.acknowledged, counts.dead_lettered, counts.tombstones, counts.filtered


def _spelled(counts: Counts) -> str:
    return "/".join(map(str, _each(counts)))


def within(rows: Iterable[LocatedState], since: float | None) -> list[LocatedState]:
    """The rows since a time (epoch seconds), and the one before them, from which they count."""
    found: list[LocatedState] = []
    for seen in rows:
        if since is not None and seen.state.at.timestamp() < since:
            found = [seen]
        else:
            found.append(seen)
    return found
