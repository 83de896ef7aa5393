"""What the micro-benchmarks share: chunks of usual events, as a worker gets them."""

from collections.abc import Callable

import pytest

from benchmarks.micro import CHUNK
from ingest.config import Arize, Config
from ingest.meanings import Schema
from ingest.pipeline.columns import Contract
from ingest.pipeline.decode import Parsed, parse
from ingest.pipeline.decoded import Decoded
from ingest.pipeline.lane import Lanes
from ingest.pipeline.rules import rules
from ingest.sandbox.generate import TAGS, Generator


@pytest.fixture(scope="session")
def config() -> Config:
    return Config(arize=Arize(space_id="space", model_name="benchmark"), schema=Schema(tags=TAGS))


@pytest.fixture(scope="session")
def contract(config: Config) -> Callable[[], Contract]:
    """Makes contracts that have learned nothing yet."""
    return lambda: Contract(rules(config.columns, config.arize.model_type))


@pytest.fixture(scope="session")
def values() -> list[bytes | None]:
    return list(Generator(seed=7).events(0, 0, CHUNK))


@pytest.fixture(scope="session")
def parsed(values: list[bytes | None]) -> Parsed:
    return parse(values)


@pytest.fixture(scope="session")
def decoded(values: list[bytes | None], contract: Callable[[], Contract]) -> Decoded:
    return Lanes(contract(), "orjson").decode(values)
