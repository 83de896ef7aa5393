"""What the supervisor remembers of its workers' words, for the final account.

1. Counts come from Kafka: acknowledged and dead-lettered travel in each commit's metadata, so that the run's figures
   are the counters at its end minus those at its start, exact over any crash.
2. Only where Kafka can't be asked at the end do the workers' last reports stand in.
3. From `UploadStarted` on, the rows of a batch may be at Arize; until `Committed` passes them, they would be sent
   again. What lies between when a worker ends is what may be there twice.
4. A read message counts as consumed once per reading. A killed worker's last half second isn't reported, so what
   is settled counts as consumed at least.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.events import Committed, Event, Progress, UploadStarted, WorkerStarted
from ingest.pipeline.ack import Watermark
from ingest.records import Counts, PartitionProgress, Span
from ingest.status.account import PartitionAccount


@dataclass(slots=True)
class _Page:
    """One partition."""

    open: list[Span] = field(default_factory=list)  # sent, and not yet below the committed offset
    committed: int = -1
    duplicates_possible: int = 0
    consumed_before: int = 0  # by earlier processes
    latest: PartitionProgress | None = None


class Ledger:
    """Takes every event of every worker; `settle` closes it."""

    def __init__(self) -> None:
        self._pages: dict[int, _Page] = {}

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
                    self._page(span.partition).open.append(span)
            case Committed(next_offsets=next_offsets):
                for partition, next_offset in next_offsets.items():
                    page = self._page(partition)
                    page.committed = max(page.committed, next_offset)
                    page.open = [span for span in page.open if span.next_offset > next_offset]
            case WorkerStarted(partitions=assigned):
                for partition in assigned:
                    self._new_process(self._page(partition))
            case _:
                pass

    def worker_finished(self, partitions: tuple[int, ...]) -> None:
        """The worker of `partitions` has left with everything committed: nothing can be sent twice."""
        for partition in partitions:
            page = self._page(partition)
            page.open = []
            self._new_process(page)

    def worker_lost(self, partitions: tuple[int, ...]) -> int:
        """The worker of `partitions` ended in any other way: returns how many messages may be sent twice by that."""
        possible = 0
        for partition in partitions:
            page = self._page(partition)
            rows = sum(min(span.count, max(span.next_offset - page.committed, 0)) for span in page.open)
            page.duplicates_possible += rows
            possible += rows
        self.worker_finished(partitions)
        return possible

    def settle(
        self,
        partitions: tuple[int, ...],
        start: Mapping[int, Watermark | None],
        end: Mapping[int, Watermark | None] | None,
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
                end=self._last_word(partition, start[partition]) if end is None else end[partition],
                marks=marks.get(partition),
            )
            for partition in partitions
        )

    def _settle(
        self, partition: int, *, start: Watermark | None, end: Watermark | None, marks: tuple[int, int] | None
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
            duplicates_possible=page.duplicates_possible,
            next_offset=None if end is None else end.next_offset,
            end_offset=end_offset,
            lag=max(end_offset - reached, 0) if end_offset >= 0 else 0,
        )

    def _last_word(self, partition: int, start: Watermark | None) -> Watermark | None:
        last = self._page(partition).latest
        return start if last is None else Watermark(last.next_offset, last.counts)

    def _page(self, partition: int) -> _Page:
        return self._pages.setdefault(partition, _Page())

    @staticmethod
    def _new_process(page: _Page) -> None:
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


def _settled(committed: Watermark | None) -> Counts:
    """With what is settled above the committed offset: the next start skips it, so it has happened."""
    return Counts() if committed is None else committed.settled()
