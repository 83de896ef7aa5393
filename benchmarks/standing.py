"""A worker that stands ready: `ingest supervise`, one worker, a real Kafka topic of its own and a local Arize endpoint.

The worker runs until it is stopped; `Feed` gives it something to do. What is acknowledged is read from the endpoint's
journal: an upload's file gets its name when the rows are durable, directly before the answer, which is its inode's
change time.
"""

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from benchmarks.feed import Fed, Feed
from ingest.sandbox.arize import HOST, ArizeEndpoint
from ingest.sandbox.generate import TAGS
from ingest.sandbox.produce import create_topic
from ingest.sandbox.tethered_process import TetheredProcess

PARTITIONS = 4
START_S = 120.0
LOOK_S = 0.1
STOP_S = 60.0

_CONFIG = """
[kafka]
brokers = "{brokers}"
topic = "{topic}"
group = "benchmark-{topic}"
[batch]
linger_s = {linger_s}
[arize]
model_name = "benchmark"
[schema]
tags = [{tags}]
kafka = {{ timestamp = "produced_ms" }}
"""

Floats = npt.NDArray[np.float64]


class Standing:
    """Topic, endpoint and, once `start` was called, the worker; a context manager."""

    def __init__(
        self, brokers: str, topic: str, *, linger_s: float, topic_config: Mapping[str, str] | None = None
    ) -> None:
        self.topic = topic
        self.linger_s = linger_s
        self.produced = 0
        self._brokers = brokers
        self._topic_config = topic_config
        self._held: TetheredProcess | None = None
        self.pid = 0  # the supervisor's, once started
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        create_topic(self._brokers, self.topic, PARTITIONS, config=self._topic_config)
        with contextlib.ExitStack() as closing:
            self.directory = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="ingest-benchmark-")))
            self._log = self.directory / "worker.log"
            self.endpoint = closing.enter_context(ArizeEndpoint(self.directory / "journal"))
            closing.callback(self.stop)
            self._closing = closing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def start(self) -> None:
        """Start the worker, and wait until it runs. Raises RuntimeError when it doesn't."""
        tags = ", ".join(f'"{tag}"' for tag in TAGS)
        config = self.directory / "ingest.toml"
        config.write_text(_CONFIG.format(brokers=self._brokers, topic=self.topic, linger_s=self.linger_s, tags=tags))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("INGEST_", "ARIZE_"))}
        command = [sys.executable, "-m", "ingest", "supervise", "--workers", "1", "--log-format", "json"]
        with self._log.open("w") as log:
            environment = {**kept, **self.endpoint.environment()}
            self._held = TetheredProcess(command, output=log, cwd=self.directory, environment=environment)
        self.pid = self._held.pid
        deadline = time.monotonic() + START_S
        while '"worker_started"' not in self._log.read_text():
            if self._held.code is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the worker doesn't start: {self._log.read_text()[-500:]}")
            time.sleep(LOOK_S)

    def stop(self) -> None:
        """SIGTERM: the worker drains. SIGKILL if it doesn't leave."""
        if self._held is None:
            return
        self._held.end(signal.SIGTERM, STOP_S)
        self._held = None

    def feed(
        self,
        *,
        rate: float | None = None,
        seconds: float | None = None,
        events: int | None = None,
        window: int | None = None,
    ) -> Feed:
        """A feed that goes on where the last one ended; what it returns is to be told to `fed`."""
        stats = None if window is None else (window, f"http://{HOST}:{self.endpoint.port}/stats")
        return Feed(
            *(self._brokers, self.topic, PARTITIONS),
            first=self.produced,
            rate=rate,
            seconds=seconds,
            events=events,
            window=stats,
        )

    def fed(self, feed: Feed) -> Fed:
        """Wait for a feed's end."""
        done = feed.done()
        self.produced += done.events
        return done

    def settled(self, patience_s: float) -> str | None:
        """Wait until all that was produced is stored. Why it isn't, or is there twice; None when all is well."""
        deadline = time.monotonic() + patience_s
        while True:
            stats = self.endpoint.stats()
            if stats["stored_rows"] >= self.produced or time.monotonic() > deadline:
                break
            time.sleep(LOOK_S)
        lost = self.produced - stats["distinct_rows"]
        if not lost and not stats["duplicates"]:
            return None
        return (
            f"of {self.produced:,} events {lost:,} are not stored after {patience_s:g} s, {stats['duplicates']} twice"
        )

    def acknowledged(self) -> tuple[Floats, Floats]:
        """When each stored row was acknowledged, and when it was produced; seconds since 1970. Then forget them."""
        acknowledged, produced = [], []
        for request in self.endpoint.journal.requests():
            file = self.endpoint.journal.path / f"{request.number:010d}.arrow"
            times = request.table["produced_ms"].to_numpy() / 1000.0
            acknowledged.append(np.full(len(times), file.stat().st_ctime))
            produced.append(times)
        for stored in self.endpoint.journal.files():
            stored.unlink()
        return np.concatenate(acknowledged), np.concatenate(produced)
