"""The first message at or past an offset, of many partitions at the same time, and no more messages than that.

It reads as a worker does, but commits nothing and joins no group. A partition that does not answer in time is missing
from the result: silence does not mean that a partition is empty.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.records import KafkaMessage

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Peeked:
    """The first `message`, None if there is none up to the last stable offset.

    `out_of_range`: the log does not hold the offset.
    """

    message: KafkaMessage | None = None
    out_of_range: bool = False


def first_messages(consumer: PartitionConsumer, positions: Mapping[int, int], within_s: float) -> dict[int, Peeked]:
    """The first message at or past each position (partition -> offset), of the partitions that answer in `within_s`.

    Raises FatalError (exit code KAFKA) for what Kafka refuses.
    """
    found: dict[int, Peeked] = {}
    deadline = time.monotonic() + within_s
    consumer.assign(positions)
    try:
        while len(found) < len(positions) and time.monotonic() < deadline:
            polled = consumer.poll(1, _POLL_S)  # it would wait for more messages if it were asked for more
            answers = {partition: Peeked() for partition in polled.ends}
            answers |= {partition: Peeked(out_of_range=True) for partition in polled.out_of_range}
            if polled.chunk is not None:
                (message,) = polled.chunk.messages
                answers[int(polled.chunk.partitions[0])] = Peeked(message)
            for partition, peeked in answers.items():
                if partition in positions and partition not in found:
                    found[partition] = peeked
                    consumer.drop(partition)
    finally:
        consumer.assign({})
    return found
