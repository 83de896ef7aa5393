"""The final account of a run, as values: what became of the messages of each partition.

For each partition: `consumed` is the number of messages that the workers read (a message that is read again after a
restart counts again), `counts` are the outcomes in this run, `possible_duplicates` are ranges of offsets with messages
that Arize may have twice because a worker of this run was killed between sending and committing, and `lag` is the
distance from the committed offset to the end. Nothing here knows what others deliver: a second supervisor on the same
partitions, or a former run.
"""

from dataclasses import dataclass, fields
from typing import Any

from ingest.records import NOTHING, Counts, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Numbers of messages of one partition or of several; `lag` and `held_back` are in offsets, None if not known."""

    consumed: int = 0
    counts: Counts = NOTHING
    duplicates_possible: int = 0
    lag: int | None = 0
    held_back: int | None = 0

    def __add__(self, other: "Totals") -> "Totals":
        def added(name: str) -> Any:
            summands = getattr(self, name), getattr(other, name)
            return None if None in summands else summands[0] + summands[1]

        return Totals(**{each.name: added(each.name) for each in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionAccount:
    """One partition in this run.

    `next_offset` is None if nothing was ever committed. `end_offset` is the end of the run if it has one, else the high
    watermark; it and `stable_offset` (the last stable offset) are -1 if unknown. Of the `lag`, `held_back` offsets are
    behind an open transaction; both are None if not known. `foreign_commit`: Kafka has another committed offset than
    the one that it last confirmed to this run.
    """

    partition: int
    consumed: int
    counts: Counts
    next_offset: int | None
    end_offset: int
    lag: int | None
    stable_offset: int = -1
    held_back: int | None = 0
    possible_duplicates: tuple[Span, ...] = ()
    foreign_commit: bool = False

    @property
    def totals(self) -> Totals:
        """Its numbers, in the form that sums over partitions have."""
        duplicates = sum(span.count for span in self.possible_duplicates)
        return Totals(
            consumed=self.consumed,
            counts=self.counts,
            duplicates_possible=duplicates,
            lag=self.lag,
            held_back=self.held_back,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """One topic of the whole run.

    `exact` is False if figures are the workers' last reports, because Kafka can't be asked, has lost offsets, or has
    commits of somebody else.
    """

    topic: str
    group: str
    exit_code: int
    ran_s: float
    crashes: int
    exact: bool
    partitions: tuple[PartitionAccount, ...]

    @property
    def totals(self) -> Totals:
        """The sums over all partitions."""
        return sum((row.totals for row in self.partitions), Totals())

    @property
    def delivered_nothing(self) -> bool:
        """There were messages to be delivered, and all of them became dead letters."""
        counts = self.totals.counts
        return counts.dead_lettered > 0 and counts.acknowledged == 0
