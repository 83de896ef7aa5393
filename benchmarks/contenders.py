"""Who is measured: a name, a command, and what it may be told by its environment."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from benchmarks.backlog import TOPIC, Backlog


@dataclass(frozen=True, slots=True)
class Order:
    """One run: under which group, with what batches, and where files may be left."""

    group: str
    batch_events: int
    directory: Path


@dataclass(frozen=True, slots=True)
class Contender:
    """`command` makes the arguments that deliver a whole backlog and then end with exit code 0."""

    name: str
    what: str
    command: Callable[[Backlog, Order], list[str]]


def environment(backlog: Backlog) -> Mapping[str, str]:
    """The same for all. Settings of ingest in the caller's environment must not bend a measurement.

    Nor must it keep Python from storing bytecode: a start would compile all that it imports, every time.
    """
    bends = ("INGEST_", "ARIZE_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(bends)}
    return {**kept, **backlog.arize, "NO_COLOR": "1"}


def _ingest(backlog: Backlog, order: Order, *, lane: Literal["auto", "orjson"] = "auto") -> list[str]:
    tags = ", ".join(f'"{tag}"' for tag in backlog.tags)
    config = order.directory / "ingest.toml"
    config.write_text(
        f"""
        [kafka]
        brokers = "{backlog.brokers}"
        topic = "{TOPIC}"
        group = "{order.group}"
        [batch]
        max_events = {order.batch_events}
        lane = "{lane}"
        [arize]
        model_name = "benchmark"
        [schema]
        tags = [{tags}]
        [account]
        directory = "{order.directory}/account"
        [dead_letters]
        directory = "{order.directory}/dead_letters"
        """
    )
    span = f"0-{backlog.partitions - 1}"
    options = ["--workers", "1", "--partitions", span, "--until-end", "--log-format", "json", "--config", str(config)]
    return [sys.executable, "-m", "ingest", "supervise", *options]


def _loop(validate: str) -> Callable[[Backlog, Order], list[str]]:
    def command(backlog: Backlog, order: Order) -> list[str]:
        return [
            *(sys.executable, "-m", "benchmarks.loop", "--brokers", backlog.brokers, "--topic", TOPIC),
            *("--partitions", str(backlog.partitions), "--group", order.group),
            *("--batch-events", str(order.batch_events), "--tags", ",".join(backlog.tags), "--validate", validate),
        ]

    return command


INGEST = Contender("ingest", "ingest supervise, one worker; supervisor and helpers included", _ingest)
INGEST_ORJSON = Contender(
    "ingest, orjson",
    "the same with the orjson lane, whether or not the fast lane is there",
    partial(_ingest, lane="orjson"),
)
LOOP = Contender("loop", "the documented loop, repaired", _loop("yes"))
LOOP_UNCHECKED = Contender("loop, validate=False", "the same without the SDK's validation", _loop("no"))
