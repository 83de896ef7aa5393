"""`ingest supervise` as the parts of the suite run it: its configuration, and a run that a part steers itself.

A run that delivers a backlog and ends is a `Contender`, measured from outside by `measure.run`. One without an end is
`Supervised`: its JSON lines are heard as they come, and it is gone when the block ends.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.backlog import Backlog
from benchmarks.contenders import Contender, Order
from ingest.sandbox.generate import TAGS, VECTOR
from ingest.sandbox.tethered_process import TetheredProcess
from ingest.supervisor.partition_sets import contiguous_shares

STOP_S = 45.0


class SupervisedError(Exception):
    """`ingest supervise` ended, or did not do what was waited for."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a part varies. `workers` are given the partitions `0-(partitions-1)`."""

    workers: int = 1
    partitions: int = 8
    batch_events: int = 100_000
    in_flight: int = 2
    linger_s: float = 10.0
    commit_interval_s: float = 1.0
    embedding: bool = False

    @property
    def shares(self) -> tuple[tuple[int, ...], ...]:
        """The partitions of each worker."""
        return contiguous_shares(range(self.partitions), self.workers)

    def toml(self, brokers: str, topic: str, group: str, directory: Path) -> str:
        """The configuration file."""
        tags = ", ".join(f'"{tag}"' for tag in TAGS)
        return f"""
            [kafka]
            brokers = "{brokers}"
            topic = "{topic}"
            group = "{group}"
            [batch]
            max_events = {self.batch_events}
            linger_s = {self.linger_s}
            [arize]
            model_name = "benchmark"
            in_flight = {self.in_flight}
            [delivery]
            commit_interval_s = {self.commit_interval_s}
            [schema]
            tags = [{tags}]
            {f'[schema.embeddings.text]{chr(10)}vector = "{VECTOR}"' if self.embedding else ""}
            [account]
            directory = "{directory}/account"
            [dead_letters]
            directory = "{directory}/dead_letters"
            """

    def command(self, config: Path) -> list[str]:
        """The command line, without an end."""
        options = ["--workers", str(self.workers), "--partitions", f"0-{self.partitions - 1}"]
        return [
            *(sys.executable, "-m", "ingest", "supervise", *options),
            *("--log-format", "json", "--config", str(config)),
        ]

    def contender(self, name: str) -> Contender:
        """One that delivers a backlog and ends."""

        def command(backlog: Backlog, order: Order) -> list[str]:
            config = order.directory / "ingest.toml"
            config.write_text(self.toml(backlog.brokers, backlog.topic, order.group, order.directory))
            return [*self.command(config), "--until-end"]

        return Contender(name, "ingest supervise; supervisor and helpers included", command)


@dataclass(frozen=True, slots=True)
class Line:
    """One JSON line of the run, and when it was heard, in monotonic seconds."""

    at_s: float
    event: str
    worker: int | None
    fields: Mapping[str, Any]


class Supervised:
    """A running `ingest supervise`; a context manager. `started_s` is its start, in monotonic seconds.

    `pid` is the supervisor's. What it says besides JSON lines is kept in `log`.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.lines: list[Line] = []
        self._heard = threading.Condition()
        self._log = log
        self.started_s = time.monotonic()
        self._held = TetheredProcess(command, output=subprocess.PIPE, environment=environment)
        self.pid = self._held.pid
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with self._log.open("w") as log:
            for text in self._held.output or ():
                at_s = time.monotonic()
                try:
                    said = json.loads(text)
                except ValueError:
                    log.write(text)
                    continue
                with self._heard:
                    self.lines.append(Line(at_s, said["event"], said.get("worker"), said))
                    self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def wait_for(self, what: str, found: Callable[[], bool], timeout_s: float) -> None:
        """Return once `found` says so; it is asked after each line, and 100 times a second. Raises SupervisedError."""
        deadline = time.monotonic() + timeout_s
        with self._heard:
            while not found():
                if self._held.code is not None:
                    raise SupervisedError(f"ingest supervise ended with {self._held.code} before {what}")
                if time.monotonic() > deadline:
                    raise SupervisedError(f"{what}: not within {timeout_s:g} s; last: {self._last()}")
                self._heard.wait(0.01)

    def since(self, at_s: float) -> Iterator[Line]:
        """The lines heard from then on."""
        return (line for line in list(self.lines) if line.at_s >= at_s)

    def stop(self) -> int:
        """SIGTERM, and its exit code once it has drained. Raises SupervisedError."""
        self._held.send(signal.SIGTERM)
        try:
            return self._held.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise SupervisedError(f"ingest supervise did not leave within {STOP_S:g} s of SIGTERM") from None

    def _last(self) -> str:
        return " / ".join(str(dict(line.fields)) for line in self.lines[-3:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()
        self._reader.join()
        if self._held.output is not None:
            self._held.output.close()
