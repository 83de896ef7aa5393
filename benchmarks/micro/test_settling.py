"""The ack tracker, its checkpoint, and the metadata of a commit. One call each, unless `calls` says more."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro import CHUNK
from ingest.pipeline.offsets.checkpoint import Checkpoint, SettledRange, decode, encode
from ingest.pipeline.offsets.segment import Ticket
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.records import Counts

CHUNKS = 20
OUT_OF_ORDER = 50  # ranges above the next offset


def _checkpoint() -> Checkpoint:
    ranges = tuple(
        SettledRange(first, first + 4_000, Counts(3_990, 10), frozenset({1}) if first % 20_000 else frozenset())
        for first in range(1_000_000, 1_000_000 + OUT_OF_ORDER * 10_000, 10_000)
    )
    return Checkpoint(900_000, Counts(899_000, 1_000), ranges, routes="0123456789ab")


@pytest.mark.benchmark(group="ack tracker")
@pytest.mark.parametrize("routes", [pytest.param(1, id="1 route"), pytest.param(2, id="2 routes")])
def test_track(benchmark: BenchmarkFixture, routes: int) -> None:
    """Chunks of 5,000 messages, one partition."""
    chunks = [np.arange(at * CHUNK, (at + 1) * CHUNK, dtype=np.int64) for at in range(CHUNKS)]
    taken = np.arange(CHUNK, dtype=np.int64) % routes
    benchmark.extra_info.update(calls=CHUNKS, of="chunk")

    def fresh() -> tuple[tuple[PartitionTracker], dict[str, int]]:
        return (PartitionTracker(0, 0),), {}

    def track(tracker: PartitionTracker) -> list[Ticket]:
        return [ticket for chunk in chunks for ticket in tracker.track(chunk, taken)[0]]

    tickets = benchmark.pedantic(track, setup=fresh, rounds=500)
    assert [ticket.span.count for ticket in tickets] == [CHUNK // routes] * CHUNKS * routes


@pytest.mark.benchmark(group="ack tracker")
@pytest.mark.parametrize("order", ["in order", "backwards"])
def test_release(benchmark: BenchmarkFixture, order: str) -> None:
    """The same chunks."""
    benchmark.extra_info.update(calls=CHUNKS, of="chunk")

    def fresh() -> tuple[tuple[PartitionTracker, list[Ticket]], dict[str, int]]:
        tracker = PartitionTracker(0, 0)
        chunks = (np.arange(at * CHUNK, (at + 1) * CHUNK, dtype=np.int64) for at in range(CHUNKS))
        tickets = [tracker.track(chunk)[0][0] for chunk in chunks]
        return (tracker, tickets if order == "in order" else tickets[::-1]), {}

    def release(tracker: PartitionTracker, tickets: list[Ticket]) -> int:
        for ticket in tickets:
            ticket.release()
        return tracker.checkpoint().next_offset

    assert benchmark.pedantic(release, setup=fresh, rounds=500) == CHUNKS * CHUNK


@pytest.mark.benchmark(group="ack tracker")
def test_checkpoint_with_50_ranges(benchmark: BenchmarkFixture) -> None:
    tracker = PartitionTracker(0, 0)
    tickets = [tracker.track(np.arange(at * 100, (at + 1) * 100, dtype=np.int64))[0][0] for at in range(100)]
    for ticket in tickets[1::2]:
        ticket.release()
    assert len(benchmark(tracker.checkpoint).ranges) == OUT_OF_ORDER


@pytest.mark.benchmark(group="commit")
def test_encode_50_ranges(benchmark: BenchmarkFixture) -> None:
    assert benchmark(encode, _checkpoint()).startswith("ingest/2 899000:1000")


@pytest.mark.benchmark(group="commit")
def test_decode_50_ranges(benchmark: BenchmarkFixture) -> None:
    checkpoint = _checkpoint()
    assert benchmark(decode, checkpoint.next_offset, encode(checkpoint)) == checkpoint
