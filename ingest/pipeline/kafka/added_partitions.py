"""Partitions that a worker is assigned while it runs.

Rules
1. A partition is read from its committed offset, else from its first message, whatever [kafka] start is: it was added
   to the topic while the group was at work.
2. Its start is committed before a message of it is read, so that a start after a crash finds it.
3. Kafka is asked about one partition at a time, with short time-outs, and at growing intervals if it does not answer:
   the loop must go on, and a new partition may have no leader yet.
"""

import time
from collections.abc import Callable, Iterable

from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.pipeline.offsets.committer import Committer

_RETRY_S = 1.0
_MAX_RETRY_S = 30.0


class AddedPartitions:
    """Takes partitions from their assignment to their reading. Times are monotonic seconds.

    `track` is called with a partition, its start, the reason for that start, and its checkpoint, if one is committed;
    `read` with a partition that is to be read from now on; `on_trouble` with a text if Kafka does not answer.
    """

    def __init__(
        self,
        consumer: PartitionConsumer,
        committer: Committer,
        *,
        track: Callable[[int, int, str, Checkpoint | None], None],
        read: Callable[[int, float], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._consumer = consumer
        self._committer = committer
        self._track = track
        self._read = read
        self._on_trouble = on_trouble
        self._retry_s = _RETRY_S
        self._without_start: list[int] = []
        self._uncommitted: list[int] = []
        self._ask_at = float("-inf")

    def add(self, partitions: Iterable[int]) -> None:
        """Read these partitions as well."""
        self._without_start += partitions

    def poll(self, now: float) -> None:
        """Take the next step for each partition."""
        if self._without_start and now >= self._ask_at:
            partition = self._without_start.pop(0)
            asked_at = time.monotonic()
            answer = self._consumer.committed_and_watermarks(partition)
            if answer is None:
                self._without_start.append(partition)
                # After a time-out the loop must have time for its other work before the next question.
                self._retry_s = min(2 * self._retry_s, _MAX_RETRY_S)
                self._ask_at = now + (time.monotonic() - asked_at) + self._retry_s
                self._on_trouble(
                    f"partition {partition} was added to the topic, and Kafka does not yet say where it begins"
                )
            else:
                self._retry_s = _RETRY_S
                self._start(partition, *answer, now)
        for partition in [each for each in self._uncommitted if self._committer.stored(each) is not None]:
            self._uncommitted.remove(partition)
            self._read(partition, now)

    def _start(self, partition: int, committed: Checkpoint | None, watermarks: tuple[int, int], now: float) -> None:
        if committed is None:
            self._track(partition, watermarks[0], "added", None)
        else:
            self._committer.add_stored(partition, committed, now)
            self._track(partition, committed.next_offset, "committed", committed)
        self._uncommitted.append(partition)
