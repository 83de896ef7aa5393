"""What the micro-benchmarks share: chunks of usual events, as a worker gets them."""

from collections.abc import Callable

import pytest

from benchmarks.micro import CHUNK
from ingest.config.resolve import RouteConfig
from ingest.config.schema import Schema
from ingest.config.sections import Arize
from ingest.config.settings import Config
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.fast_lane import Lanes
from ingest.pipeline.decoding.parse import Parsed, parse
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.decoding.rules import rules
from ingest.sandbox.generate import TAGS, Generator


@pytest.fixture(scope="session")
def config() -> RouteConfig:
    arize = Arize(space_id="space", model_name="benchmark")
    return Config(arize=arize, schema=Schema(tags=TAGS)).topics[0].routes[0]


@pytest.fixture(scope="session")
def contract(config: RouteConfig) -> Callable[[], LearnedSchema]:
    """Makes contracts that have learned nothing yet."""
    return lambda: LearnedSchema(rules(config.schema, config.arize.model_type))


@pytest.fixture(scope="session")
def values() -> list[bytes | None]:
    return list(Generator(seed=7).events(0, 0, CHUNK))


@pytest.fixture(scope="session")
def parsed(values: list[bytes | None]) -> Parsed:
    return parse(values)


@pytest.fixture(scope="session")
def decoded(values: list[bytes | None], contract: Callable[[], LearnedSchema]) -> Decoded:
    return Lanes(contract(), "orjson").decode(values)
