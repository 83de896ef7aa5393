"""Batches, retries, refused rows, routes and restarts. One call each, unless the name says more."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro import CHUNK
from ingest.config.resolve import RouteConfig
from ingest.errors import RejectedError
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.delivery.batch import Batcher, BatchLimits, Part
from ingest.pipeline.delivery.bisect import Bisect
from ingest.pipeline.delivery.bisect import count as rows_of
from ingest.pipeline.routing import Router
from ingest.records import Headers, KafkaMessage
from ingest.supervisor.restarts import Restart, RestartPolicy, after_crash

BATCH = 100_000


@pytest.mark.benchmark(group="batch")
def test_add_20_chunks_and_take(benchmark: BenchmarkFixture, decoded: Decoded) -> None:
    partitions = np.zeros(CHUNK, dtype=np.int32)
    parts = [
        Part(decoded.table, partitions, np.arange(at * CHUNK, (at + 1) * CHUNK, dtype=np.int64), ()) for at in range(20)
    ]

    def collect() -> int:
        batcher = Batcher(BatchLimits(BATCH, 10**9, 10.0))
        for part in parts:
            if batcher.fits(part.table.schema):
                batcher.add(part, CHUNK * 600, 0.0)
        return int(batcher.take().table().num_rows)

    assert benchmark(collect) == BATCH


@pytest.mark.benchmark(group="retry and restart")
def test_backoff(benchmark: BenchmarkFixture) -> None:
    assert benchmark(Backoff(0.5, 60.0).wait_s, 5, 0.5, 3.0) == 8.0


@pytest.mark.benchmark(group="retry and restart")
def test_restart_after_5_crashes(benchmark: BenchmarkFixture) -> None:
    crashes = (1.0, 2.0, 50.0, 51.0, 52.0)
    found = benchmark(after_crash, crashes, 100.0, RestartPolicy(10, 60.0, Backoff(0.5, 30.0)), 0.5)
    assert found == Restart(2.0, (50.0, 51.0, 52.0, 100.0))


@pytest.mark.benchmark(group="refused rows")
@pytest.mark.parametrize("bad", [pytest.param(1, id="1 bad"), pytest.param(100, id="100 bad")])
def test_bisect_100000_rows(benchmark: BenchmarkFixture, bad: int) -> None:
    """The search alone, no request: `bad` rows of 100,000, evenly spread."""
    refused = np.arange(bad) * (BATCH // bad) + 17
    error = RejectedError("no", status=400)

    def search() -> int:
        bisect = Bisect(BATCH, error)
        while rows := bisect.ask():
            if any(np.searchsorted(refused, each.start) < np.searchsorted(refused, each.stop) for each in rows):
                bisect.refused(error)
            else:
                bisect.taken()
        return sum(rows_of(each.rows) for each in bisect.dead)

    assert benchmark.pedantic(search, rounds=60 if bad == 1 else 30) == bad


class _Message:
    """A KafkaMessage of one value."""

    def __init__(self, offset: int, value: bytes | None) -> None:
        self._offset, self._value = offset, value

    def topic(self) -> str:
        return "predictions"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes | None:
        return b"key"

    def headers(self) -> Headers:
        return [("model", b"fraud")]

    def timestamp(self) -> tuple[int, int]:
        return (1, 1_700_000_000_000)


@pytest.mark.benchmark(group="messages")
def test_sort_by_two_routes(benchmark: BenchmarkFixture, config: RouteConfig, values: Sequence[bytes | None]) -> None:
    """Parsing is in it: a route looks into the messages, and the parsed rows go on to the columns."""
    routes = [
        replace(config, name="eu", when={"tag_region": ("eu-*",)}),
        replace(config, name="rest"),
    ]
    messages: list[KafkaMessage] = [_Message(offset, value) for offset, value in enumerate(values)]
    benchmark.extra_info.update(calls=CHUNK, of="message")
    found = benchmark(Router(routes).sort, messages)
    assert set(found.routes.tolist()) == {0, 1}
