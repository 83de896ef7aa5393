"""The progress of the workers of a topic, as the final account needs it.

1. Counts come from Kafka: they are part of each commit's metadata, so that the run's figures are the counters at its
   end minus those at its start, exact over any crash.
2. Only if Kafka can't be asked at the end, or has lost what it had confirmed (the topic or the group was deleted), or
   takes no metadata with the commits, the workers' last reports are used instead.
3. From `UploadStarted` on, Arize may have the rows of a batch; until `Committed` passes them, they would be sent again.
   When a worker ends, Arize may have everything in between twice. The ranges are kept, and every message that Arize has
   twice by that end lies in one of them. Ranges that touch become one, and of more than `duplicates.MOST_RANGES` of a
   partition, those with the least distance between them become one: then other messages lie in them, too.
4. A message counts as consumed each time it is read. What a killed worker read in its last half second isn't reported,
   so at least the settled messages count as consumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ingest.accounting.run_account import PartitionAccount
from ingest.events import Committed, Event, Progress, UploadStarted, WorkerStarted
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, Counts, PartitionProgress, Span
from ingest.supervisor.duplicates import merged

# If one route is held up for days, the others go on above the committed offset, and their spans stay uncommitted.
_MOST_UNCOMMITTED = 2_000


@dataclass(slots=True)
class _PartitionLedger:
    """One partition."""

    uncommitted: list[Span] = field(default_factory=list)  # sent, and not yet below the committed offset
    committed: int = -1
    confirmed: int | None = None  # the next offset that Kafka last confirmed in this run
    duplicates: list[Span] = field(default_factory=list)  # Arize may have these twice
    consumed_before: int = 0  # by earlier processes
    latest: PartitionProgress | None = None

    def process_ended(self) -> None:
        """The next process counts `consumed` from 0 again; everything else of the last report stays true."""
        if self.latest is not None:
            self.consumed_before += self.latest.consumed
            self.latest = replace(self.latest, consumed=0)


class Ledger:
    """Takes every event of a topic's workers; `settle` returns the accounts of its partitions."""

    def __init__(self) -> None:
        self._partitions: dict[int, _PartitionLedger] = {}

    def take(self, event: Event) -> None:
        """Note what `event` reports about its partitions."""
        match event:
            case Progress(partitions=partitions):
                for partition, progress in partitions.items():
                    ledger = self._of(partition)
                    ledger.latest = progress
                    ledger.committed = max(ledger.committed, progress.next_offset)
            case UploadStarted(spans=spans):
                for span in spans:
                    ledger = self._of(span.partition)
                    ledger.uncommitted.append(span)
                    if len(ledger.uncommitted) > _MOST_UNCOMMITTED:
                        ledger.uncommitted = merged(ledger.uncommitted)
            case Committed(next_offsets=next_offsets):
                for partition, next_offset in next_offsets.items():
                    ledger = self._of(partition)
                    ledger.committed = max(ledger.committed, next_offset)
                    ledger.confirmed = next_offset
                    ledger.uncommitted = [span for span in ledger.uncommitted if span.next_offset > next_offset]
            case WorkerStarted(partitions=assigned):
                for partition in assigned:
                    ledger = self._of(partition)
                    ledger.committed = -1  # somebody may have moved the group back
                    ledger.process_ended()
            case _:
                pass

    def confirmed(self) -> dict[int, int]:
        """The next offset that Kafka last confirmed in this run, by partition."""
        return {p: ledger.confirmed for p, ledger in self._partitions.items() if ledger.confirmed is not None}

    def without_counts(self, end: Mapping[int, Checkpoint | None]) -> set[int]:
        """The partitions whose commit has no counts, although its worker has reported some: the brokers take none."""
        return {
            p
            for p, checkpoint in end.items()
            if checkpoint is not None and not checkpoint.settled().total and self._reported(p).total
        }

    def _reported(self, partition: int) -> Counts:
        latest = self._of(partition).latest
        return NOTHING if latest is None else latest.counts

    def worker_finished(self, partitions: tuple[int, ...]) -> None:
        """The worker of `partitions` exited with everything committed: nothing can be sent twice."""
        for partition in partitions:
            ledger = self._of(partition)
            ledger.uncommitted = []
            ledger.process_ended()

    def worker_lost(self, partitions: tuple[int, ...]) -> tuple[Span, ...]:
        """The worker of `partitions` ended in any other way: returns the ranges that may be sent twice by that."""
        possible: list[Span] = []
        for partition in partitions:
            ledger = self._of(partition)
            remaining = (_above(span, ledger.committed) for span in ledger.uncommitted)
            ranges = merged(span for span in remaining if span is not None)
            ledger.duplicates = merged([*ledger.duplicates, *ranges])
            possible += ranges
        self.worker_finished(partitions)
        return tuple(possible)

    def settle(
        self,
        partitions: tuple[int, ...],
        start: Mapping[int, Checkpoint | None],
        end: Mapping[int, Checkpoint | None] | None,
        marks: Mapping[int, tuple[int, int]],
    ) -> tuple[PartitionAccount, ...]:
        """One account per partition.

        `start` and `end` are what was committed at the start and at the end (`end` is None if Kafka can't be asked),
        `marks` the (low, end) watermarks that lag is counted to.
        """
        lost = set(partitions) if end is None else self.without_counts(end)
        if end is not None:
            lost |= {p for p in partitions if end[p] is None and self._of(p).confirmed is not None}
        return tuple(
            self._settle(
                partition,
                start=start[partition],
                end=self._last_report(partition, start[partition])
                if end is None or partition in lost
                else end[partition],
                marks=marks.get(partition),
            )
            for partition in partitions
        )

    def _settle(
        self, partition: int, *, start: Checkpoint | None, end: Checkpoint | None, marks: tuple[int, int] | None
    ) -> PartitionAccount:
        ledger = self._of(partition)
        counts = _settled(end) - _settled(start)
        low, end_offset = marks if marks is not None else (0, -1)
        reached = low if end is None else max(end.next_offset, low)
        return PartitionAccount(
            partition=partition,
            consumed=max(ledger.consumed_before, counts.total),
            counts=counts,
            next_offset=None if end is None else end.next_offset,
            end_offset=end_offset,
            lag=max(end_offset - reached, 0) if end_offset >= 0 else 0,
            possible_duplicates=tuple(ledger.duplicates),
        )

    def _last_report(self, partition: int, start: Checkpoint | None) -> Checkpoint | None:
        last = self._of(partition).latest
        return start if last is None else Checkpoint(last.next_offset, last.counts)

    def _of(self, partition: int) -> _PartitionLedger:
        return self._partitions.setdefault(partition, _PartitionLedger())


def _settled(committed: Checkpoint | None) -> Counts:
    """With what is settled above the committed offset: the next start skips it, so it counts."""
    return NOTHING if committed is None else committed.settled()


def _above(span: Span, committed: int) -> Span | None:
    """The part of `span` at or above the committed offset."""
    if span.next_offset <= committed:
        return None
    first = max(span.first, committed)
    return Span(span.partition, first, span.next_offset, min(span.count, span.next_offset - first))
