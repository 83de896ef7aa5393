"""The newest messages of a topic, read under a group that commits nothing.

Rules
1. Every partition gives the same share of the sample; what one has not, the others give. A share is counted in offsets,
   from the partition's end as it is at the start; where offsets have gaps, fewer messages come.
2. Reading ends at these ends, at the wanted number, or at `MOST_BYTES` of values, which bounds the memory.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka import consumer, metadata
from ingest.records import KafkaMessage

MOST_BYTES = 256 * 2**20
_POLL_S = 0.25
_CHUNK = 2_000
_SILENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """`messages` in the order of arrival; `ranges` has the first offset and the end of each partition read."""

    messages: Sequence[KafkaMessage]
    ranges: Mapping[int, tuple[int, int]]
    cut: bool = False


def offsets_per_partition(bounds: Mapping[int, tuple[int, int]], wanted: int) -> dict[int, int]:
    """How many offsets each partition gives, those that give none left out; `bounds` are low watermarks and ends."""
    left = {partition: end - low for partition, (low, end) in bounds.items() if end > low}
    found: dict[int, int] = {}
    # The smallest first: what they have not is shared by the larger ones.
    for place, partition in enumerate(sorted(left, key=lambda each: (left[each], each))):
        share = -(-wanted // (len(left) - place))
        found[partition] = min(share, left[partition], wanted)
        wanted -= found[partition]
    return {partition: share for partition, share in sorted(found.items()) if share}


def read_sample(kafka: Kafka, partitions: Sequence[int], wanted: int, tell: Callable[[str], None]) -> Sample:
    """Read the newest `wanted` messages of `partitions`; `tell` hears what librdkafka deals with by itself.

    Raises FatalError (exit code KAFKA) when Kafka doesn't answer, or refuses.
    """
    reading = kafka.model_copy(update={"group": f"ingest-infer-{secrets.token_hex(4)}"})
    bounds = metadata.watermarks(reading, partitions)
    positions = {
        partition: bounds[partition][1] - share for partition, share in offsets_per_partition(bounds, wanted).items()
    }
    ranges = {partition: (first, bounds[partition][1]) for partition, first in positions.items()}
    if not positions:
        return Sample((), ranges)
    reader = consumer.PartitionConsumer(
        reading, tuple(positions), on_trouble=lambda text: tell(f"Kafka: {text}"), on_committed=lambda *_: None
    )
    try:
        reader.assign(positions)
        messages, cut = _read(reader, kafka, ranges, wanted)
    finally:
        reader.close()
    return Sample(messages, ranges, cut)


def _read(
    reader: consumer.PartitionConsumer, kafka: Kafka, ranges: Mapping[int, tuple[int, int]], wanted: int
) -> tuple[list[KafkaMessage], bool]:
    ends = {partition: end for partition, (_, end) in ranges.items()}
    open_ones, messages, size = set(ranges), list[KafkaMessage](), 0
    heard = time.monotonic()
    while open_ones and len(messages) < wanted:
        polled = reader.poll(min(_CHUNK, wanted - len(messages)), _POLL_S)
        past = list(polled.ends)
        if polled.chunk is not None:
            chunk, beyond = polled.chunk.up_to(ends)
            messages += chunk.messages
            size += chunk.raw_bytes
            past += beyond
            past += (
                partition
                for partition, offset in zip(chunk.partitions.tolist(), chunk.offsets.tolist(), strict=True)
                if offset + 1 >= ends[partition]
            )
            if size >= MOST_BYTES:
                return messages, True
        for partition in polled.outside:  # retention has just removed what was to be read
            low, _ = reader.watermarks([partition])[partition]
            if low < ends[partition]:
                reader.reassign(partition, low)
            else:
                past.append(partition)
        for partition in open_ones.intersection(past):
            open_ones.discard(partition)
            reader.drop(partition)
        now = time.monotonic()
        if polled.chunk is not None or past or polled.outside:
            heard = now
        elif now - heard >= _SILENCE_S:
            raise FatalError(
                f"Kafka at {kafka.brokers} has sent nothing of topic {kafka.topic} for {_SILENCE_S:g} s; check the "
                "brokers and the partitions' leaders",
                exit_code=ExitCode.KAFKA,
            )
    return messages, False
