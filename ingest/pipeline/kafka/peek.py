"""A glance into partitions: the first message at or past an offset, of many partitions at once, and no more.

It reads as a worker does, but commits nothing and joins no group. What says nothing within its time is left out of the
answer: silence is no sign of an empty partition.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.records import KafkaMessage

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Peeked:
    """What is there: a `message`, or none up to the end; `outside`: the log does not hold that offset."""

    message: KafkaMessage | None = None
    outside: bool = False


def first_messages(reader: PartitionConsumer, positions: Mapping[int, int], within_s: float) -> dict[int, Peeked]:
    """What lies at or past each position (partition -> offset), as far as Kafka tells within `within_s`.

    Raises FatalError (exit code KAFKA) for what Kafka refuses.
    """
    found: dict[int, Peeked] = {}
    deadline = time.monotonic() + within_s
    reader.assign(positions)
    try:
        while len(found) < len(positions) and time.monotonic() < deadline:
            polled = reader.poll(1, _POLL_S)  # it would wait for as many as it is asked for
            news = {partition: Peeked() for partition in polled.ends}
            news |= {partition: Peeked(outside=True) for partition in polled.outside}
            if polled.chunk is not None:
                (message,) = polled.chunk.messages
                news[int(polled.chunk.partitions[0])] = Peeked(message)
            for partition, glance in news.items():
                if partition in positions and partition not in found:
                    found[partition] = glance
                    reader.drop(partition)
    finally:
        reader.assign({})
    return found
