"""Reads the newest messages of a topic under a group that commits nothing.

Rules
1. Every partition contributes the same number of offsets, counted from its end offset at the start. If a partition has
   fewer, the others contribute more. Where offsets have gaps, fewer messages are read.
2. Reading ends at these end offsets, at the wanted number of messages, at a number of bytes of values, which bounds the
   memory, or after a time, if there is a limit.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka import advertised, consumer, metadata
from ingest.pipeline.kafka.end_offsets import partition_ends
from ingest.records import KafkaMessage

MOST_BYTES = 256 * 2**20
_POLL_S = 0.25
_CHUNK = 2_000
_SILENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """`messages` in the order of arrival; `ranges` has the first and the next offset of each partition's sample.

    `truncated`: reading ended at the limit of bytes or of time. `held_back`: newer offsets that are behind open
    transactions.
    """

    messages: Sequence[KafkaMessage]
    ranges: Mapping[int, tuple[int, int]]
    truncated: bool = False
    held_back: int = 0


def offsets_per_partition(bounds: Mapping[int, tuple[int, int]], wanted: int) -> dict[int, int]:
    """The number of offsets to read of each partition, without zeros; `bounds` are low watermarks and end offsets."""
    left = {partition: end - low for partition, (low, end) in bounds.items() if end > low}
    found: dict[int, int] = {}
    # The smallest first: what they lack is divided among the larger ones.
    for index, partition in enumerate(sorted(left, key=lambda each: (left[each], each))):
        share = -(-wanted // (len(left) - index))
        found[partition] = min(share, left[partition], wanted)
        wanted -= found[partition]
    return {partition: share for partition, share in sorted(found.items()) if share}


def read_sample(
    kafka: Kafka,
    partitions: Sequence[int],
    wanted: int,
    report: Callable[[str], None],
    *,
    purpose: str = "infer",
    most_bytes: int = MOST_BYTES,
    within_s: float | None = None,
) -> Sample:
    """Read the newest `wanted` messages of `partitions`; `report` gets problems that librdkafka retries by itself.

    The group is named for the `purpose`; without one it is the configured group, which is not joined. After `within_s`
    seconds the sample is what has come by then.
    Raises FatalError (exit code KAFKA) when Kafka doesn't answer or refuses.
    """
    reading = kafka.with_group(f"ingest-{purpose}-{secrets.token_hex(4)}") if purpose else kafka
    reading = reading.with_queue_bytes(min(most_bytes, kafka.queue_bytes))
    bounds = metadata.watermarks(reading, partitions)
    positions = {
        partition: bounds[partition][1] - share for partition, share in offsets_per_partition(bounds, wanted).items()
    }
    ranges = {partition: (first, bounds[partition][1]) for partition, first in positions.items()}
    ends = partition_ends(reading, partitions)
    held_back = sum(ends[partition].held_back(end) for partition, (_, end) in bounds.items())
    if not positions:
        return Sample((), ranges, held_back=held_back)
    reader = consumer.PartitionConsumer(
        reading, tuple(positions), on_trouble=lambda text: report(f"Kafka: {text}"), on_committed=lambda *_: None
    )
    try:
        reader.assign(positions)
        messages, truncated = _read(reader, kafka, ranges, wanted, most_bytes=most_bytes, within_s=within_s)
    finally:
        reader.close()
    return Sample(messages, sampled_ranges(messages, ranges, truncated=truncated), truncated, held_back)


def sampled_ranges(
    messages: Sequence[KafkaMessage], ranges: Mapping[int, tuple[int, int]], *, truncated: bool
) -> dict[int, tuple[int, int]]:
    """The ranges that were read: if reading ended early, those of the messages."""
    if not truncated:
        return dict(ranges)
    offsets: dict[int, list[int]] = {}
    for message in messages:
        offsets.setdefault(message.partition() or 0, []).append(message.offset() or 0)
    return {partition: (min(own), max(own) + 1) for partition, own in sorted(offsets.items())}


def _read(
    reader: consumer.PartitionConsumer,
    kafka: Kafka,
    ranges: Mapping[int, tuple[int, int]],
    wanted: int,
    *,
    most_bytes: int,
    within_s: float | None,
) -> tuple[list[KafkaMessage], bool]:
    ends = {partition: end for partition, (_, end) in ranges.items()}
    unfinished, messages, size = set(ranges), list[KafkaMessage](), 0
    last_answer = time.monotonic()
    deadline = float("inf") if within_s is None else last_answer + within_s
    while unfinished and len(messages) < wanted:
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
            if size >= most_bytes:
                return messages, True
        for partition in polled.out_of_range:  # retention has just removed messages that were to be read
            low, _ = reader.watermarks([partition])[partition]
            if low < ends[partition]:
                reader.reassign(partition, low)
            else:
                past.append(partition)
        for partition in unfinished.intersection(past):
            unfinished.discard(partition)
            reader.drop(partition)
        now = time.monotonic()
        if now >= deadline:
            return messages, bool(unfinished)
        if polled.chunk is not None or past or polled.out_of_range:
            last_answer = now
        elif now - last_answer >= _SILENCE_S:
            why = advertised.explanation(kafka) or "check the brokers and the partitions' leaders"
            raise FatalError(
                f"Kafka at {kafka.brokers} has sent nothing of topic {kafka.topic} for {_SILENCE_S:g} s: {why}",
                exit_code=ExitCode.KAFKA,
            )
    return messages, False
