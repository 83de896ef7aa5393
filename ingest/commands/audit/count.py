"""Counts the messages that Kafka holds between offsets. It commits nothing and joins no group."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka.consumer import PartitionConsumer

_MESSAGES = 5_000
_POLL_S = 0.2
_SILENCE_S = 60.0
_SEEK_DISTANCE = 20_000  # fewer offsets between two ranges are read rather than skipped by a seek

Range = tuple[int, int]
Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class _RangeCounter:
    """The ranges of one partition, ascending, and the number of messages counted in each."""

    firsts: Ints
    ends: Ints
    counts: Ints

    def take(self, offsets: Ints) -> int:
        """Count these offsets; returns the next offset to read, -1 when there is none."""
        index = np.searchsorted(self.firsts, offsets, "right") - 1
        inside = (index >= 0) & (offsets < self.ends[np.maximum(index, 0)])
        self.counts += np.bincount(index[inside], minlength=len(self.counts))
        return self.after(int(offsets[-1]) + 1)

    def after(self, position: int) -> int:
        """The next offset to read from `position` on: itself, the beginning of the next range, or -1 for none."""
        index = int(np.searchsorted(self.ends, position, "right"))
        return -1 if index == len(self.ends) else max(position, int(self.firsts[index]))


def count_messages(kafka: Kafka, ranges: Mapping[int, Sequence[Range]]) -> dict[tuple[int, Range], int]:
    """The number of messages in each range (first, next offset); the ranges of a partition must not overlap.

    Ranges that the log no longer holds are omitted. Raises FatalError (exit code KAFKA) when Kafka does not answer.
    """
    counters = {partition: _counter(sorted(each)) for partition, each in ranges.items() if each}
    if not counters:
        return {}
    reader = PartitionConsumer(kafka, tuple(counters), on_trouble=lambda _: None, on_committed=lambda *_: None)
    try:
        gone = _read(kafka, reader, counters)
    finally:
        reader.close()
    return {
        (partition, (int(first), int(end))): int(count)
        for partition, counter in counters.items()
        if partition not in gone
        for first, end, count in zip(counter.firsts, counter.ends, counter.counts, strict=True)
    }


def _counter(ranges: Sequence[Range]) -> _RangeCounter:
    firsts = np.array([first for first, _ in ranges], dtype=np.int64)
    return _RangeCounter(
        firsts, np.array([end for _, end in ranges], dtype=np.int64), np.zeros(len(ranges), dtype=np.int64)
    )


def _read(kafka: Kafka, reader: PartitionConsumer, counters: Mapping[int, _RangeCounter]) -> set[int]:
    """Read until every range is counted; returns the partitions whose log no longer holds them."""
    reading = dict.fromkeys(counters)
    gone: set[int] = set()
    reader.assign({partition: int(counter.firsts[0]) for partition, counter in counters.items()})
    last_answer = time.monotonic()
    while reading:
        polled = reader.poll(_MESSAGES, _POLL_S)
        over = set(polled.ends)
        gone |= set(polled.out_of_range)
        if polled.chunk is not None:
            for partition in np.unique(polled.chunk.partitions).tolist():
                offsets = polled.chunk.offsets[polled.chunk.partitions == partition]
                next_offset = counters[partition].take(offsets)
                if next_offset < 0:
                    over.add(partition)
                elif next_offset - int(offsets[-1]) > _SEEK_DISTANCE and partition in reading:
                    reader.reassign(partition, next_offset)
        for partition in (over | gone) & reading.keys():
            del reading[partition]
            reader.drop(partition)
        if polled.chunk is not None or over:
            last_answer = time.monotonic()
        elif reading and time.monotonic() - last_answer >= _SILENCE_S:
            raise FatalError(
                f"Kafka at {kafka.brokers} has sent nothing of topic {kafka.topic} for {_SILENCE_S:g} s; check the "
                "brokers and the right to READ it",
                exit_code=ExitCode.KAFKA,
            )
    return gone
