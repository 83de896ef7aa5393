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
5. After `UploadNotStored` Arize has nothing of the batch: a crash repeats nothing of it, until `UploadStarted` comes
   for it again.
6. If Kafka has another committed offset than the one it last confirmed to this run, somebody else has committed. Only
   after a worker was lost may it be higher by that worker's own last commit, whose confirmation never came. Then the
   counts in Kafka are not this run's, and the workers' last reports are used instead.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ingest.accounting.run_account import PartitionAccount
from ingest.events import Committed, DeadLettersWritten, Event, Progress, UploadNotStored, UploadStarted, WorkerStarted
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.reasons import TOMBSTONE
from ingest.records import NOTHING, Counts, PartitionEnd, PartitionProgress, Span
from ingest.supervisor.duplicates import merged

# If one route is held up for days, the others go on above the committed offset, and their spans stay uncommitted.
_MOST_UNCOMMITTED = 2_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the partitions begin (low watermarks) and end now, and where the run was to end, if it has an end."""

    lows: Mapping[int, int] = field(default_factory=dict)
    ends: Mapping[int, PartitionEnd] = field(default_factory=dict)
    until: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _PartitionLedger:
    """One partition."""

    uncommitted: list[Span] = field(default_factory=list)  # sent, and not yet below the committed offset
    committed: int = -1
    confirmed: int | None = None  # the next offset that Kafka last confirmed in this run
    confirmed_counts: Counts | None = None
    lost: bool = False  # since then a worker was lost, and perhaps the confirmation of its last commit
    duplicates: list[Span] = field(default_factory=list)  # Arize may have these twice
    consumed_before: int = 0  # by earlier processes
    latest: PartitionProgress | None = None

    def reported(self, progress: PartitionProgress) -> None:
        """The worker has reported how far it is."""
        self.latest = progress
        self.committed = max(self.committed, progress.next_offset)

    def process_started(self) -> None:
        """A process begins to read; somebody may have moved the group back since."""
        self.committed = -1
        self.process_ended()

    def sent(self, span: Span) -> None:
        """Arize may have these from now on."""
        self.uncommitted.append(span)
        if len(self.uncommitted) > _MOST_UNCOMMITTED:
            self.uncommitted = merged(self.uncommitted)

    def not_stored(self, span: Span) -> None:
        """Arize has nothing of them. If they were merged with others they stay: the range is too large then."""
        with suppress(ValueError):
            self.uncommitted.remove(span)

    def commit_confirmed(self, next_offset: int, counts: Counts | None) -> None:
        """Kafka has confirmed a commit."""
        self.committed = max(self.committed, next_offset)
        self.confirmed, self.confirmed_counts, self.lost = next_offset, counts, False
        self.uncommitted = [span for span in self.uncommitted if span.next_offset > next_offset]

    def process_ended(self) -> None:
        """The next process counts `consumed` from 0 again; everything else of the last report stays true."""
        if self.latest is not None:
            self.consumed_before += self.latest.consumed
            self.latest = replace(self.latest, consumed=0)


class Ledger:
    """Takes every event of a topic's workers; `settle` returns the accounts of its partitions."""

    def __init__(self) -> None:
        self._partitions: dict[int, _PartitionLedger] = {}
        self._reasons: set[str] = set()  # of the dead letters of this run

    @property
    def only_tombstones(self) -> bool:
        """Dead letters were written in this run, and all of them are tombstones: none is a prediction."""
        return self._reasons == {TOMBSTONE}

    def take(self, event: Event) -> None:
        """Note what `event` reports about its partitions."""
        match event:
            case Progress(partitions=partitions):
                for partition, progress in partitions.items():
                    self._of(partition).reported(progress)
            case UploadStarted(spans=spans) | UploadNotStored(spans=spans):
                for span in spans:
                    ledger = self._of(span.partition)
                    (ledger.sent if isinstance(event, UploadStarted) else ledger.not_stored)(span)
            case Committed(next_offsets=next_offsets):
                for partition, next_offset in next_offsets.items():
                    self._of(partition).commit_confirmed(next_offset, event.counts.get(partition))
            case DeadLettersWritten(reasons=reasons):
                self._reasons |= reasons.keys()
            case WorkerStarted(partitions=assigned):
                for partition in assigned:
                    self._of(partition).process_started()
            case _:
                pass

    def confirmed(self) -> dict[int, int]:
        """The next offset that Kafka last confirmed in this run, by partition."""
        return {p: ledger.confirmed for p, ledger in self._partitions.items() if ledger.confirmed is not None}

    def oldest_known(self, partition: int, next_offset: int) -> bool:
        """A worker has reported how old the first message from `next_offset` on is."""
        latest = self._of(partition).latest
        return latest is not None and latest.next_offset == next_offset and latest.oldest_ms is not None

    def foreign_commits(self, found: Mapping[int, Checkpoint | None]) -> dict[int, int | None]:
        """The partitions where Kafka has `found` a commit that is not this run's, and its next offset: rule 6."""
        foreign: dict[int, int | None] = {}
        for partition, ledger in self._partitions.items():
            if ledger.confirmed is None or partition not in found:
                continue
            mark = found[partition]
            if mark is None or mark.next_offset < ledger.confirmed:
                foreign[partition] = None if mark is None else mark.next_offset
            elif not ledger.lost and (
                mark.next_offset > ledger.confirmed
                or (mark.counts.total and ledger.confirmed_counts not in (None, mark.counts))
            ):
                foreign[partition] = mark.next_offset
        return foreign

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
            ledger.lost = True
            possible += ranges
        self.worker_finished(partitions)
        return tuple(possible)

    def settle(
        self,
        partitions: tuple[int, ...],
        start: Mapping[int, Checkpoint | None],
        end: Mapping[int, Checkpoint | None] | None,
        bounds: Bounds,
    ) -> tuple[PartitionAccount, ...]:
        """One account per partition.

        `start` and `end` are what was committed at the start and at the end (`end` is None if Kafka can't be asked).
        Lag is counted to the end of the run if it has one, else to that of the partition.
        """
        foreign = {} if end is None else self.foreign_commits(end)
        lost = set(partitions) if end is None else foreign.keys() | self.without_counts(end)
        return tuple(
            self._settle(
                partition,
                start=start[partition],
                end=self._last_report(partition, start[partition])
                if end is None or partition in lost
                else end[partition],
                bounds=bounds,
                foreign=partition in foreign,
            )
            for partition in partitions
        )

    def _settle(
        self, partition: int, *, start: Checkpoint | None, end: Checkpoint | None, bounds: Bounds, foreign: bool
    ) -> PartitionAccount:
        ledger = self._of(partition)
        counts = (_settled(end) - _settled(start)).positive()
        now = bounds.ends.get(partition)
        end_offset = bounds.until.get(partition, -1 if now is None else now.end_offset)
        low = bounds.lows.get(partition, 0)
        reached = low if end is None else max(end.next_offset, low)
        return PartitionAccount(
            partition=partition,
            consumed=max(ledger.consumed_before, counts.total),
            counts=counts,
            next_offset=None if end is None else end.next_offset,
            end_offset=end_offset,
            stable_offset=-1 if now is None else now.stable_offset,
            lag=max(end_offset - reached, 0) if end_offset >= 0 else None,
            held_back=None if now is None else now.held_back(reached, end_offset),
            possible_duplicates=tuple(ledger.duplicates),
            foreign_commit=foreign,
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
