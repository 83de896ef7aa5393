"""What is settled, what may be committed, and what a commit says. One call each, unless the name says more."""

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from ingest.pipeline import commit
from ingest.pipeline.ack import PartitionTracker, SettledRange, Watermark
from ingest.pipeline.stretch import Ticket
from ingest.records import Counts

CHUNK = 5_000
OUT_OF_ORDER = 50  # ranges above the watermark

Offsets = npt.NDArray[np.int64]


def _mark() -> Watermark:
    ranges = tuple(
        SettledRange(first, first + 4_000, Counts(3_990, 10), frozenset({1}) if first % 20_000 else frozenset())
        for first in range(1_000_000, 1_000_000 + OUT_OF_ORDER * 10_000, 10_000)
    )
    return Watermark(900_000, Counts(899_000, 1_000), ranges, routes="0123456789ab")


@pytest.mark.benchmark(group="ack tracker")
def test_arrive_a_chunk(benchmark: BenchmarkFixture) -> None:
    def fresh() -> tuple[tuple[PartitionTracker, Offsets], dict[str, int]]:
        return (PartitionTracker(0, 0), np.arange(CHUNK, dtype=np.int64)), {}

    def arrive(tracker: PartitionTracker, offsets: Offsets) -> list[Ticket]:
        return tracker.arrive(offsets)[0]

    tickets = benchmark.pedantic(arrive, setup=fresh, rounds=2_000)
    assert [ticket.span.count for ticket in tickets] == [CHUNK]


@pytest.mark.benchmark(group="ack tracker")
def test_arrive_a_chunk_of_two_routes(benchmark: BenchmarkFixture) -> None:
    routes = np.arange(CHUNK, dtype=np.int64) % 2

    def fresh() -> tuple[tuple[PartitionTracker, Offsets], dict[str, int]]:
        return (PartitionTracker(0, 0), np.arange(CHUNK, dtype=np.int64)), {}

    def arrive(tracker: PartitionTracker, offsets: Offsets) -> list[Ticket]:
        return tracker.arrive(offsets, routes)[0]

    tickets = benchmark.pedantic(arrive, setup=fresh, rounds=2_000)
    assert [ticket.span.count for ticket in tickets] == [CHUNK // 2, CHUNK // 2]


@pytest.mark.benchmark(group="ack tracker")
def test_release_20_chunks_in_order(benchmark: BenchmarkFixture) -> None:
    _release(benchmark, backwards=False)


@pytest.mark.benchmark(group="ack tracker")
def test_release_20_chunks_backwards(benchmark: BenchmarkFixture) -> None:
    _release(benchmark, backwards=True)


def _release(benchmark: BenchmarkFixture, *, backwards: bool) -> None:
    def fresh() -> tuple[tuple[PartitionTracker, list[Ticket]], dict[str, int]]:
        tracker = PartitionTracker(0, 0)
        tickets = [tracker.arrive(np.arange(at * CHUNK, (at + 1) * CHUNK, dtype=np.int64))[0][0] for at in range(20)]
        return (tracker, tickets[::-1] if backwards else tickets), {}

    def release(tracker: PartitionTracker, tickets: list[Ticket]) -> int:
        for ticket in tickets:
            tracker.release(ticket)
        return tracker.watermark().next_offset

    assert benchmark.pedantic(release, setup=fresh, rounds=500) == 20 * CHUNK


@pytest.mark.benchmark(group="ack tracker")
def test_watermark_with_50_ranges(benchmark: BenchmarkFixture) -> None:
    tracker = PartitionTracker(0, 0)
    tickets = [tracker.arrive(np.arange(at * 100, (at + 1) * 100, dtype=np.int64))[0][0] for at in range(100)]
    for ticket in tickets[1::2]:
        tracker.release(ticket)
    assert len(benchmark(tracker.watermark).ranges) == OUT_OF_ORDER


@pytest.mark.benchmark(group="commit")
def test_encode_50_ranges(benchmark: BenchmarkFixture) -> None:
    assert benchmark(commit.encode, _mark()).startswith("ingest/2 899000:1000")


@pytest.mark.benchmark(group="commit")
def test_decode_50_ranges(benchmark: BenchmarkFixture) -> None:
    mark = _mark()
    assert benchmark(commit.decode, mark.next_offset, commit.encode(mark)) == mark
