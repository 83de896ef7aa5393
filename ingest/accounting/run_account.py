"""The final account of a run, as values: what became of the messages of each partition.

For each partition: `consumed` is the number of messages that the workers read (a message that is read again after a
restart counts again), `counts` are the outcomes in this run, `possible_duplicates` are ranges of offsets with messages
that Arize may have twice because a worker was killed between sending and committing, and `lag` is the distance from the
committed offset to the end.
"""

from dataclasses import dataclass, fields

from ingest.records import NOTHING, Counts, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Numbers of messages of one partition or of several; `lag` is in offsets."""

    consumed: int = 0
    counts: Counts = NOTHING
    duplicates_possible: int = 0
    lag: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionAccount:
    """One partition in this run. `next_offset` is None if nothing was ever committed; `end_offset` is -1 if unknown."""

    partition: int
    consumed: int
    counts: Counts
    next_offset: int | None
    end_offset: int
    lag: int
    possible_duplicates: tuple[Span, ...] = ()

    @property
    def totals(self) -> Totals:
        """Its numbers, in the form that sums over partitions have."""
        duplicates = sum(span.count for span in self.possible_duplicates)
        return Totals(consumed=self.consumed, counts=self.counts, duplicates_possible=duplicates, lag=self.lag)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """One topic of the whole run.

    `exact` is False if the figures are the workers' last reports, because Kafka can't be asked or has lost offsets.
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
