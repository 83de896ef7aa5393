"""What the supervisor remembers of its workers' words, for the final account.

1. Counts come from Kafka: acknowledged and dead-lettered travel in each commit's metadata, so that the run's figures
   are the counters at its end minus those at its start, exact over any crash.
2. Only where Kafka can't be asked at the end, or has lost what it had confirmed (the topic or the group was deleted),
   do the workers' last reports stand in.
3. From `UploadStarted` on, the rows of a batch may be at Arize; until `Committed` passes them, they would be sent
   again. What lies between when a worker ends is what may be there twice: its ranges are kept, and every message
   that Arize has twice by that end lies in one of them. Ranges that touch become one, and where there are more than
   `duplicates.MOST_RANGES` of a partition, those with the least between them: then others lie in them, too.
4. A read message counts as consumed once per reading. A killed worker's last half second isn't reported, so what
   is settled counts as consumed at least.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.events import Committed, Event, Progress, UploadStarted, WorkerStarted
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import Counts, PartitionProgress, Span
from ingest.status.account import PartitionAccount, PossibleDuplicates
from ingest.supervisor.duplicates import merged

# Where one route is held up for days, the others go on above the committed offset: their spans become ranges.
_MOST_OPEN = 2_000


@dataclass(slots=True)
class _PartitionState:
    """One partition."""

    open: list[Span] = field(default_factory=list)  # sent, and not yet below the committed offset
    committed: int = -1
    confirmed: int | None = None  # by Kafka in this run, whatever became of it since
    duplicates: list[Span] = field(default_factory=list)  # may be at Arize twice
    consumed_before: int = 0  # by earlier processes
    latest: PartitionProgress | None = None


class Ledger:
    """Takes every event of every worker; `settle` closes it."""

    def __init__(self) -> None:
        self._pages: dict[int, _PartitionState] = {}

    def take(self, event: Event) -> None:
        """Remember what `event` says about its partitions."""
        match event:
            case Progress(partitions=partitions):
                for partition, progress in partitions.items():
                    page = self._page(partition)
                    page.latest = progress
                    page.committed = max(page.committed, progress.next_offset)
            case UploadStarted(spans=spans):
                for span in spans:
                    page = self._page(span.partition)
                    page.open.append(span)
                    if len(page.open) > _MOST_OPEN:
                        page.open = merged(page.open)
            case Committed(next_offsets=next_offsets):
                for partition, next_offset in next_offsets.items():
                    page = self._page(partition)
                    page.committed = max(page.committed, next_offset)
                    page.confirmed = next_offset
                    page.open = [span for span in page.open if span.next_offset > next_offset]
            case WorkerStarted(partitions=assigned):
                for partition in assigned:
                    page = self._page(partition)
                    page.committed = -1  # somebody may have moved the group back
                    self._new_process(page)
            case _:
                pass

    def confirmed(self) -> dict[int, int]:
        """The next offset that Kafka last confirmed of each partition in this run."""
        return {p: page.confirmed for p, page in self._pages.items() if page.confirmed is not None}

    def worker_finished(self, partitions: tuple[int, ...]) -> None:
        """The worker of `partitions` has left with everything committed: nothing can be sent twice."""
        for partition in partitions:
            page = self._page(partition)
            page.open = []
            self._new_process(page)

    def worker_lost(self, partitions: tuple[int, ...]) -> tuple[Span, ...]:
        """The worker of `partitions` ended in any other way: returns the ranges that may be sent twice by that."""
        possible: list[Span] = []
        for partition in partitions:
            page = self._page(partition)
            ranges = merged([left for span in page.open if (left := _above(span, page.committed)) is not None])
            page.duplicates = merged([*page.duplicates, *ranges])
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

        `start` and `end` are what was committed then and now (`end` is None if Kafka can't be asked), `marks`
        the (low, end) watermarks that lag is counted to.
        """
        return tuple(
            self._settle(
                partition,
                start=start[partition],
                end=self._last_word(partition, start[partition])
                if end is None or (end[partition] is None and self._page(partition).confirmed is not None)
                else end[partition],
                marks=marks.get(partition),
            )
            for partition in partitions
        )

    def _settle(
        self, partition: int, *, start: Checkpoint | None, end: Checkpoint | None, marks: tuple[int, int] | None
    ) -> PartitionAccount:
        page = self._page(partition)
        counts = _settled(end) - _settled(start)
        low, end_offset = marks if marks is not None else (0, -1)
        reached = low if end is None else max(end.next_offset, low)
        return PartitionAccount(
            partition=partition,
            consumed=max(page.consumed_before, counts.total),
            acknowledged=counts.acknowledged,
            dead_lettered=counts.dead_lettered,
            tombstones=counts.tombstones,
            filtered=counts.filtered,
            duplicates_possible=sum(span.count for span in page.duplicates),
            possible_duplicates=tuple(
                PossibleDuplicates(span.first, span.next_offset, span.count) for span in page.duplicates
            ),
            next_offset=None if end is None else end.next_offset,
            end_offset=end_offset,
            lag=max(end_offset - reached, 0) if end_offset >= 0 else 0,
        )

    def _last_word(self, partition: int, start: Checkpoint | None) -> Checkpoint | None:
        last = self._page(partition).latest
        return start if last is None else Checkpoint(last.next_offset, last.counts)

    def _page(self, partition: int) -> _PartitionState:
        return self._pages.setdefault(partition, _PartitionState())

    @staticmethod
    def _new_process(page: _PartitionState) -> None:
        """A process's own count begins at 0 again; everything else of its last report stays true."""
        if page.latest is not None and page.latest.consumed:
            page.consumed_before += page.latest.consumed
            last = page.latest
            page.latest = PartitionProgress(
                next_offset=last.next_offset,
                position=last.position,
                end_offset=last.end_offset,
                consumed=0,
                counts=last.counts,
            )


def _settled(committed: Checkpoint | None) -> Counts:
    """With what is settled above the committed offset: the next start skips it, so it has happened."""
    return Counts() if committed is None else committed.settled()


def _above(span: Span, committed: int) -> Span | None:
    """What of `span` lies at or above the committed offset."""
    if span.next_offset <= committed:
        return None
    first = max(span.first, committed)
    return Span(span.partition, first, span.next_offset, min(span.count, span.next_offset - first))
