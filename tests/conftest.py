"""Fixtures that bring up the outside world, and the one rule for tests that need a real Kafka, browser or Prometheus.

1. A test that uses `real_kafka` (or `topic`) carries the marker `real`; so may a test that starts its own broker.
2. A `real` test runs wherever Java and Maven are (and once, for Maven's download, a network). Elsewhere it is
   skipped, with the reason.
3. A test that uses `browser` carries the marker `browser`, and runs wherever Debian's `chromium` is. One with the
   marker `prometheus` runs wherever Debian's `prometheus` and `promtool` are.
4. With INGEST_REQUIRE_REAL=1, as in .ci/run, what would be skipped fails instead.
"""

import functools
import itertools
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.jars import ToolMissingError, fetch_jars, missing_tool
from ingest.sandbox.kafka import EmbeddedKafka
from tests.harness.rig import Rig

CHROMIUM = "chromium"

# No test asserts wall time, and a busy machine makes any example slow. `--hypothesis-profile=thorough` for 10,000.
settings.register_profile("quick", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=10_000)
settings.load_profile("quick")

# A shell's background job begins with SIGINT ignored, and hands that down to every process the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rules 1 and 3."""
    for item in items:
        if "real_kafka" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.real)
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


def pytest_collection_finish(session: pytest.Session) -> None:
    """The download is nobody's test: it is made before the first one's time limit begins to count."""
    if not session.config.option.collectonly and any(item.get_closest_marker("real") for item in session.items):
        _why_not()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Rules 2 to 4."""
    if item.get_closest_marker("real"):
        _require_real()
    if item.get_closest_marker("browser") and shutil.which(CHROMIUM) is None:
        _missing(f"there is no {CHROMIUM} in PATH (Debian: apt install chromium)")
    if item.get_closest_marker("prometheus") and not all(map(shutil.which, ("prometheus", "promtool"))):
        _missing("there is no prometheus or promtool in PATH (Debian: apt install prometheus)")


def _require_real() -> None:
    reason = _why_not()
    if reason is None:
        return
    _missing(f"a real Kafka can't run: {reason}")


def _missing(reason: str) -> None:
    if os.environ.get("INGEST_REQUIRE_REAL") == "1":
        pytest.fail(f"INGEST_REQUIRE_REAL=1, and {reason}", pytrace=False)
    pytest.skip(reason)


@functools.cache
def _why_not() -> str | None:
    reason = missing_tool()
    if reason is None:
        try:
            fetch_jars()
        except ToolMissingError as error:
            return str(error)
    return reason


@pytest.fixture(scope="session")
def real_kafka() -> Iterator[RealKafka]:
    """One real broker for the whole session. A test that kills it must bring it back (`start`) before it ends."""
    _require_real()  # also for those who ask for it by name, at run time
    with RealKafka() as broker:
        yield broker


@pytest.fixture
def topic(real_kafka: RealKafka) -> Iterator[Callable[..., str]]:
    """`topic(partitions=1, config={...})` makes a topic on the real broker and gives its unique name.

    The topics are deleted after the test.
    """
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap})
    made: list[str] = []

    def make(partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        name = f"predictions-{os.getpid()}-{next(_numbers)}"
        new = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
        admin.create_topics([new])[name].result(timeout=30)
        made.append(name)
        return name

    yield make
    if made and real_kafka.alive:
        for deleted in admin.delete_topics(made).values():
            deleted.exception(timeout=30)  # a test may have deleted its topic itself


_numbers = itertools.count()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; each test opens contexts of its own. Its event loop must not outlive the module."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def embedded_kafka() -> Iterator[EmbeddedKafka]:
    """An embedded Kafka of one broker, the test's own: it may break it."""
    with EmbeddedKafka() as kafka:
        yield kafka


@pytest.fixture
def arize_endpoint() -> Iterator[ArizeEndpoint]:
    """A local Arize endpoint in a process of its own, with an empty journal; the test may inject faults."""
    with ArizeEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def rig(
    real_kafka: RealKafka, topic: Callable[..., str], arize_endpoint: ArizeEndpoint, tmp_path: Path
) -> Iterator[Callable[..., Rig]]:
    """`rig(partitions=4, config={...})` makes a topic, and all that `ingest supervise` needs to deliver it.

    `model` and `group` are for several of them with one command: see `Rig`.
    """
    with ExitStack() as made:

        def make(
            partitions: int = 4,
            config: Mapping[str, str] | None = None,
            *,
            model: str | None = None,
            group: str | None = None,
        ) -> Rig:
            name = topic(partitions, config)
            one = Rig(real_kafka, name, partitions, tmp_path, arize_endpoint, model=model, group=group)
            return made.enter_context(one)

        yield make
