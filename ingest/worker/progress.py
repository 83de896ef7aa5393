"""The worker's sign of life, and how far each of its partitions is."""

from collections.abc import Callable, Mapping

import psutil

from ingest.events import Emit, Progress
from ingest.pipeline.delivery.deliveries import Deliveries
from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.offsets.committer import Committer
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.records import PartitionProgress

EVERY_S = 0.5


class ProgressReporter:
    """Reports at most every `EVERY_S`; never from a side thread: progress of the loop is what it proves.

    `read` has the number of messages that this process has read, by partition, `rows_decoded` what each lane has
    decoded.
    """

    def __init__(
        self,
        trackers: Mapping[int, PartitionTracker],
        *,
        committer: Committer,
        consumer: PartitionConsumer,
        deliveries: Deliveries,
        read: Mapping[int, int],
        rows_decoded: Callable[[], Mapping[str, int]] = dict,
        emit: Emit,
    ) -> None:
        self._trackers = trackers
        self._committer = committer
        self._consumer = consumer
        self._deliveries = deliveries
        self._read = read
        self._rows_decoded = rows_decoded
        self._emit = emit
        self._process = psutil.Process()
        self._reported_at = float("-inf")
        self._reported = 0  # how many partitions

    def due(self, now: float) -> bool:
        """It is time for the next report.

        A partition is reported before its first commit: whoever counts from the first report on misses nothing.
        """
        return now - self._reported_at >= EVERY_S or len(self._trackers) != self._reported

    def report(self, now: float, *, loops: int, state: str) -> None:
        """Emit the progress of all partitions. `now` is in monotonic seconds."""
        self._reported_at, self._reported = now, len(self._trackers)
        self._emit(
            Progress(
                loops=loops,
                state=state,
                uploads_in_flight=self._deliveries.in_flight,
                uploads_limit=self._deliveries.limit,
                rss_bytes=self._process.memory_info().rss,
                partitions={partition: self._of(partition) for partition in self._trackers},
                rows_decoded=dict(self._rows_decoded()),
                commit_failures=dict(self._consumer.commit_failures),
            )
        )

    def _of(self, partition: int) -> PartitionProgress:
        committed = self._committer.stored(partition)
        position = self._trackers[partition].position
        end_offset = self._consumer.end_offset(partition)
        return PartitionProgress(
            next_offset=committed.next_offset if committed is not None else position,
            position=position,
            # A position can be past the end of a moment ago; before the first fetch nothing is known.
            end_offset=max(end_offset, position) if end_offset >= 0 else -1,
            consumed=self._read.get(partition, 0),
            counts=(committed if committed is not None else self._trackers[partition].checkpoint()).counts,
        )
