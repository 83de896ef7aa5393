"""Who is measured: a name, a command, and what it may be told by its environment."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from benchmarks.backlog import TOPIC, Backlog
from benchmarks.peers.environments import Environment, PeerMissingError
from benchmarks.peers.spark_jars import Spark
from ingest.pipeline.decoding import fast_lane

CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Order:
    """One run: under which group, with what batches, and where files may be left."""

    group: str
    batch_events: int
    directory: Path


@dataclass(frozen=True, slots=True)
class Contender:
    """`command` makes the arguments that deliver a whole backlog and then end with exit code 0.

    `prepare` gets what the command needs and is not there yet. It raises `PeerMissingError`: then it can't run here.
    """

    name: str
    what: str
    command: Callable[[Backlog, Order], list[str]]
    prepare: Callable[[], None] = lambda: None
    environment: Environment | None = None  # of its own; None runs in ours


def environment(backlog: Backlog) -> Mapping[str, str]:
    """The same for all. Settings of ingest in the caller's environment must not bend a measurement.

    Nor must it keep Python from storing bytecode: a start would compile all that it imports, every time.
    """
    bends = ("INGEST_", "ARIZE_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(bends)}
    return {**kept, **backlog.arize, "NO_COLOR": "1", "PYTHONPATH": str(CHECKOUT)}


def _ingest(decoder: Literal["auto", "orjson"]) -> Callable[[Backlog, Order], list[str]]:
    def command(backlog: Backlog, order: Order) -> list[str]:
        config = order.directory / "ingest.toml"
        config.write_text(_configuration(backlog, order, decoder))
        span = f"0-{backlog.partitions - 1}"
        options = ["--workers", "1", "--partitions", span, "--until-end", "--log-format", "json"]
        return [sys.executable, "-m", "ingest", "supervise", *options, "--config", str(config)]

    return command


def _configuration(backlog: Backlog, order: Order, decoder: Literal["auto", "orjson"]) -> str:
    tags = ", ".join(f'"{tag}"' for tag in backlog.tags)
    return f"""
        [kafka]
        brokers = "{backlog.brokers}"
        topic = "{TOPIC}"
        group = "{order.group}"
        [batch]
        max_events = {order.batch_events}
        lane = "{decoder}"
        [arize]
        model_name = "benchmark"
        [schema]
        tags = [{tags}]
        [account]
        directory = "{order.directory}/account"
        [dead_letters]
        directory = "{order.directory}/dead_letters"
        """


def _fastlane_installed() -> None:
    if fast_lane.installed_lane("auto") != "fast":
        raise PeerMissingError("the fast lane is not installed: `scripts/fastlane` builds it (it needs Rust)")


def _loop(validate: str) -> Callable[[Backlog, Order], list[str]]:
    def command(backlog: Backlog, order: Order) -> list[str]:
        return [
            *(sys.executable, "-m", "benchmarks.loop", "--brokers", backlog.brokers, "--topic", TOPIC),
            *("--partitions", str(backlog.partitions), "--group", order.group),
            *("--batch-events", str(order.batch_events), "--tags", ",".join(backlog.tags), "--validate", validate),
        ]

    return command


def _nothing() -> list[str]:
    return []


def _peer(
    module: str, python: Callable[[], str], options: Callable[[], list[str]] = _nothing
) -> Callable[[Backlog, Order], list[str]]:
    def command(backlog: Backlog, order: Order) -> list[str]:
        return [
            *(python(), "-m", f"benchmarks.peers.{module}", "--brokers", backlog.brokers, "--topic", TOPIC),
            *("--partitions", str(backlog.partitions), "--events", str(backlog.events), "--group", order.group),
            *("--batch-events", str(order.batch_events), "--tags", ",".join(backlog.tags)),
            *("--directory", str(order.directory), *options()),
        ]

    return command


INGEST = Contender("ingest", "ingest supervise, one worker; supervisor and helpers included", _ingest("auto"))
INGEST_FAST = replace(INGEST, prepare=_fastlane_installed)
INGEST_ORJSON = Contender("ingest, orjson lane", 'the same with [batch] lane = "orjson"', _ingest("orjson"))
LOOP = Contender("loop", "the documented loop, repaired", _loop("yes"))
LOOP_UNCHECKED = Contender("loop, validate=False", "the same without the SDK's validation", _loop("no"))
CONFLUENT = Contender(
    "confluent-kafka loop",
    "the loop with confluent-kafka, validate=False",
    _peer("confluent_loop", lambda: sys.executable),
)
QUIX_ENVIRONMENT = Environment("quix")
QUIX = Contender(
    "Quix Streams",
    "a streaming dataframe into a sink with batches, validate=False",
    _peer("quix_loop", QUIX_ENVIRONMENT.python),
    QUIX_ENVIRONMENT.prepare,
    QUIX_ENVIRONMENT,
)
BYTEWAX_ENVIRONMENT = Environment("bytewax")
BYTEWAX = Contender(
    "Bytewax",
    "its Kafka source, collect and a sink, with a recovery store, validate=False",
    _peer("bytewax_flow", BYTEWAX_ENVIRONMENT.python),
    BYTEWAX_ENVIRONMENT.prepare,
    BYTEWAX_ENVIRONMENT,
)
SPARK_ENVIRONMENT = Environment("spark", sources=("pyspark",))
SPARK_PARTS = Spark(SPARK_ENVIRONMENT)
SPARK = Contender(
    "Spark",
    "PySpark, local[2]: Structured Streaming, from_json, foreachBatch, validate=False",
    _peer("spark_job", SPARK_ENVIRONMENT.python, SPARK_PARTS.options),
    SPARK_PARTS.prepare,
    SPARK_ENVIRONMENT,
)

OURS = (INGEST_FAST, INGEST_ORJSON)
PEERS = (LOOP, LOOP_UNCHECKED, CONFLUENT, QUIX, BYTEWAX, SPARK)
