"""The worker's sign of life: how far each of its partitions is, and what it waits for.

Rules
1. It is reported every `EVERY_S`, by the loop itself and never from a side thread: progress of the loop is what it
   proves.
2. It is reported sooner when the loop begins or ceases to wait for something else (Arize, Kafka, the dead letters, room
   in a commit's metadata), or a partition is paused or resumed, at most every `CHANGE_S`; and when a partition was
   added: whoever counts from the first report on misses nothing.
3. Durations are seconds at the time of the report: another process has another clock.
"""

from collections.abc import Callable, Mapping

import psutil

from ingest.events import Emit, Progress
from ingest.pipeline.dead_letters.queue import DeadLetterQueue
from ingest.pipeline.delivery.deliveries import Deliveries
from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.reading import Reading
from ingest.records import PartitionProgress
from ingest.worker.commits import Commits

EVERY_S = 0.5
CHANGE_S = 0.1


class ProgressReporter:
    """Reports the progress of one worker. Times are monotonic seconds.

    `rows_decoded` has what each lane has decoded.
    """

    def __init__(
        self,
        trackers: Mapping[int, PartitionTracker],
        *,
        commits: Commits,
        consumer: PartitionConsumer,
        deliveries: Deliveries,
        dead_letters: DeadLetterQueue,
        reading: Reading,
        rows_decoded: Callable[[], Mapping[str, int]] = dict,
        emit: Emit,
    ) -> None:
        self._trackers = trackers
        self._commits = commits
        self._consumer = consumer
        self._deliveries = deliveries
        self._dead_letters = dead_letters
        self._reading = reading
        self._rows_decoded = rows_decoded
        self._emit = emit
        self._process = psutil.Process()
        self._reported_at = float("-inf")
        self._reported = 0  # how many partitions
        self._waits: tuple[object, ...] = ()

    def due(self, now: float) -> bool:
        """It is time for the next report: rules 1 and 2."""
        if now - self._reported_at >= EVERY_S or len(self._trackers) != self._reported:
            return True
        return now - self._reported_at >= CHANGE_S and self._waits_now(now) != self._waits

    def report(self, now: float, *, loops: int, state: str) -> None:
        """Emit the progress of all partitions."""
        self._reported_at, self._reported = now, len(self._trackers)
        self._waits = self._waits_now(now)
        answers = self._deliveries.answers(now)
        brokers = self._consumer.brokers
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
                waits_for=self._waits_for(),
                oldest_upload_s=_ago(self._deliveries.oldest_since, now),
                unanswered_s=_ago(answers.unanswered_since, now),
                answered_s=_ago(answers.answered_at, now),
                usual_answer_s=answers.usual_s,
                arize_late=answers.late,
                upload_error=answers.error,
                failing_s=_ago(answers.failing_since, now),
                dead_letters_blocked_s=_ago(self._dead_letters.blocked_since, now),
                kafka_silent_s=brokers.silent_s(now),
                kafka_error=brokers.reason,
                suspended_routes=self._reading.suspended_routes,
            )
        )

    def _waits_now(self, now: float) -> tuple[object, ...]:
        """What a report would say of what the loop waits for, without what changes from turn to turn."""
        return (
            self._reading.state,
            self._reading.waits_for == "metadata",
            self._reading.paused,
            self._deliveries.answers(now).late,
            self._dead_letters.blocked_since is None,
            self._consumer.brokers.silent_s(now) is None,
        )

    def _waits_for(self) -> str:
        held_up = self._reading.waits_for == "arize" and self._commits.held_up
        return "commit" if held_up else self._reading.waits_for

    def _of(self, partition: int) -> PartitionProgress:
        committed = self._commits.committer.stored(partition)
        position = self._trackers[partition].position
        end_offset = self._consumer.end_offset(partition)
        next_offset = committed.next_offset if committed is not None else position
        return PartitionProgress(
            next_offset=next_offset,
            position=position,
            # A position can be past the end of a moment ago; before the first fetch nothing is known.
            end_offset=max(end_offset, position) if end_offset >= 0 else -1,
            consumed=self._reading.read.get(partition, 0),
            counts=(committed if committed is not None else self._trackers[partition].checkpoint()).counts,
            oldest_ms=self._reading.oldest.timestamp_ms(partition, next_offset, position),
            paused=partition in self._reading.paused,
        )


def _ago(moment: float | None, now: float) -> float | None:
    return None if moment is None else max(now - moment, 0.0)
