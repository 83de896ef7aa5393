"""From messages to columns, a chunk of 5,000 usual events at a time; what comes out is looked at too."""

import time
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.micro import CHUNK
from ingest.config.resolve import RouteConfig
from ingest.pipeline.arize.column_view import ValidationLimits
from ingest.pipeline.arize.validate import rows_refused
from ingest.pipeline.decoding.columns import LearnedSchema, build
from ingest.pipeline.decoding.fast_lane import Lanes, installed_lane
from ingest.pipeline.decoding.flatten import Row, flatten
from ingest.pipeline.decoding.parse import Parsed, parse
from ingest.pipeline.decoding.result import Decoded


@pytest.mark.benchmark(group="messages")
def test_parse_by_orjson(benchmark: BenchmarkFixture, values: list[bytes | None]) -> None:
    benchmark.extra_info.update(calls=CHUNK, of="message")
    assert len(benchmark(parse, values).rows) == CHUNK


@pytest.mark.benchmark(group="messages")
def test_build_columns(benchmark: BenchmarkFixture, parsed: Parsed, contract: Callable[[], LearnedSchema]) -> None:
    benchmark.extra_info.update(calls=CHUNK, of="message")
    learned = contract()
    learned.learn(build(parsed.rows, learned, lambda _: b"").learned)
    assert benchmark(build, parsed.rows, learned, lambda _: b"").table.num_rows == CHUNK


@pytest.mark.benchmark(group="messages")
@pytest.mark.parametrize("lane", ["orjson", "fast"])
def test_decode(
    benchmark: BenchmarkFixture, values: list[bytes | None], contract: Callable[[], LearnedSchema], lane: str
) -> None:
    if lane == "fast" and installed_lane("auto") != "fast":
        pytest.skip("the fast lane is not installed: scripts/fastlane")
    benchmark.extra_info.update(calls=CHUNK, of="message")
    lanes = Lanes(contract(), installed_lane("auto" if lane == "fast" else "orjson"))
    lanes.decode(values)  # the first chunk teaches the columns
    assert benchmark(lanes.decode, values).table.num_rows == CHUNK


@pytest.mark.benchmark(group="messages")
def test_validate(benchmark: BenchmarkFixture, config: RouteConfig, decoded: Decoded) -> None:
    benchmark.extra_info.update(calls=CHUNK, of="message")
    limits = ValidationLimits(config.schema, config.arize.model_type, config.arize.environment)
    assert benchmark(rows_refused, decoded.table, limits, time.time()) == []


@pytest.mark.benchmark(group="messages")
def test_flatten(benchmark: BenchmarkFixture) -> None:
    rows: list[Row] = [
        {"id": str(n), "features": {"age": n, "home": {"city": "Zürich", "zip": 8001}}, "tags": {"region": "eu"}}
        for n in range(CHUNK)
    ]
    benchmark.extra_info.update(calls=CHUNK, of="message")
    found = benchmark(lambda: [flatten(row) for row in rows])
    assert found[-1][0]["features.home.zip"] == 8001
