"""Partitions that a worker is given while it runs.

Rules
1. One is read from where it is committed, else from its first message, whatever [kafka] start says: it was added to the
   topic while the group was at work.
2. Its start is committed before a message of it is read: a start after a crash finds it then.
3. Kafka is asked for moments only, about one partition after the other, and less and less often where it does not
   answer: the loop must go on, and a new partition may have no leader yet.
"""

import time
from collections.abc import Callable, Iterable

from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.pipeline.offsets.committer import Committer

_AGAIN_S = 1.0
_MOST_S = 30.0


class AddedPartitions:
    """From being told of a partition to reading it. Times are monotonic seconds.

    `track` is called with a partition, its start, why it is that one, and what is committed of it; `read` with a
    partition that is to be read from now on; `on_trouble` hears of one that Kafka says nothing of.
    """

    def __init__(
        self,
        reader: PartitionConsumer,
        committer: Committer,
        *,
        track: Callable[[int, int, str, Checkpoint | None], None],
        read: Callable[[int, float], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._reader = reader
        self._committer = committer
        self._track = track
        self._read = read
        self._on_trouble = on_trouble
        self._wait_s = _AGAIN_S
        self._unknown: list[int] = []
        self._uncommitted: list[int] = []
        self._ask_at = float("-inf")

    def take(self, partitions: Iterable[int]) -> None:
        """These are to be read as well."""
        self._unknown += partitions

    def turn(self, now: float) -> None:
        """The next step of each."""
        if self._unknown and now >= self._ask_at:
            partition = self._unknown.pop(0)
            began = time.monotonic()
            found = self._reader.place(partition)
            if found is None:
                self._unknown.append(partition)
                # A question that waited for its time-out is not asked again at once: the loop has other work.
                self._wait_s = min(2 * self._wait_s, _MOST_S)
                self._ask_at = now + (time.monotonic() - began) + self._wait_s
                self._on_trouble(
                    f"partition {partition} was added to the topic, and Kafka does not yet say where it begins"
                )
            else:
                self._wait_s = _AGAIN_S
                self._begin(partition, *found, now)
        for partition in [one for one in self._uncommitted if self._committer.stored(one) is not None]:
            self._uncommitted.remove(partition)
            self._read(partition, now)

    def _begin(self, partition: int, mark: Checkpoint | None, bounds: tuple[int, int], now: float) -> None:
        if mark is None:
            self._track(partition, bounds[0], "added", None)
        else:
            self._committer.add_stored(partition, mark, now)
            self._track(partition, mark.next_offset, "committed", mark)
        self._uncommitted.append(partition)
