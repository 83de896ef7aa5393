"""Asks when the first message from an offset on was written, on a thread of its own: of partitions nobody reads.

Rules
1. The messages are read by a consumer that commits nothing and joins no group, for at most `WITHIN_S`; nothing of them
   but the timestamp is kept.
2. A partition that does not answer, has no message up to its last stable offset, whose log no longer holds the offset,
   or whose message has no timestamp, is missing in the answer.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping

from ingest.config.sections import Kafka
from ingest.errors import IngestError
from ingest.pipeline.kafka.client import KafkaException
from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.kafka.peek import Peeked, first_messages

WITHIN_S = 5.0

Read = Callable[[Kafka, Mapping[int, int]], Mapping[int, Peeked]]
Answer = Mapping[int, tuple[int, int]]
"""By partition: the offset that was asked for, and the timestamp of the first message there, in ms since the epoch."""


class OldestWatch:
    """One topic, one question at a time. Neither call blocks."""

    def __init__(self, kafka: Kafka, read: Read | None = None) -> None:
        self._kafka = kafka
        self._read = read or _read
        self._thread: threading.Thread | None = None
        self._answer: Answer = {}

    @property
    def asking(self) -> bool:
        """A question was sent, and its answer has not been taken."""
        return self._thread is not None

    def ask(self, positions: Mapping[int, int]) -> None:
        """Send the question, partition -> offset; the answer to the one before must have been taken.

        Where no thread can be had, it is not sent.
        """
        self._answer = {}
        thread = threading.Thread(target=self._run, args=(positions,), name="ingest-oldest", daemon=True)
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def take_answer(self) -> Answer | None:
        """The answer, None if it has not come; empty if Kafka can't be asked."""
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        return self._answer

    def _run(self, positions: Mapping[int, int]) -> None:
        try:
            found = self._read(self._kafka, positions)
        except (IngestError, KafkaException):  # whoever needs Kafka reports that
            return
        times = {partition: _timestamp_ms(peeked) for partition, peeked in found.items()}
        self._answer = {p: (positions[p], ms) for p, ms in times.items() if ms is not None}


def _read(kafka: Kafka, positions: Mapping[int, int]) -> Mapping[int, Peeked]:
    few = kafka.with_queue_bytes(1)  # one message of each partition is wanted, not what lies behind it
    reader = PartitionConsumer(few, tuple(positions), on_trouble=lambda _: None, on_committed=lambda *_: None)
    try:
        return first_messages(reader, positions, WITHIN_S)
    finally:
        reader.close()


def _timestamp_ms(peeked: Peeked) -> int | None:
    if peeked.message is None:
        return None
    kind, timestamp_ms = peeked.message.timestamp()
    return timestamp_ms if kind and timestamp_ms > 0 else None
