"""Adaptive uploads beside fixed ones: does it find by itself how many uploads at once an endpoint wants?

1. A run is one `ingest supervise` with one worker on a backlog of a real Kafka, in a group of its own. The endpoint
   waits for so many milliseconds before it takes a batch; it serves as many at once as come. Batches are so small
   (2,000 events) that at 500 ms one upload at a time is far too slow; at 5 ms a second one gains little.
2. Fixed runs (`adaptive = false`, `in_flight` of 1, 2, 4, 8) and the adaptive one (`in_flight` 8) come in turn, round
   after round. The best fixed setting is the one with the best median; the adaptive run is divided by it round by
   round.
3. Slow settings read fewer of the partitions, so that no run lasts for minutes. The rate is the slope of a line through
   the acknowledged events over time, in the second half of a run; the rate with the way up to it is given as well.
4. With refusals: the endpoint answers 429 to what comes while it has four uploads in its hands.
5. A run that didn't store every event exactly once is a fault.
"""

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from benchmarks.figures import Curve, Figure, Outcome, Tell
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.compare import compare_counts
from ingest.sandbox.fault_injection import Fault
from ingest.sandbox.generate import TAGS, Generator
from ingest.sandbox.produce import create_topic, produce
from ingest.sandbox.tethered_process import TetheredProcess

PART = "uploads"
TOPIC = "predictions"
BATCH_EVENTS = 2_000
MOST = 8
AT_ONCE = 4
DEADLINE_S = 240.0
TOLD_LINES = 8

CONFIG = """
[kafka]
brokers = "{brokers}"
topic = "{topic}"
group = "{group}"
[batch]
max_events = {batch_events}
[arize]
model_name = "benchmark"
in_flight = {in_flight}
adaptive = {adaptive}
[schema]
tags = [{tags}]
[account]
directory = "{directory}/account"
[dead_letters]
directory = "{directory}/dead_letters"
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """`in_flight` as it is configured."""

    in_flight: int
    adaptive: bool = False

    def __str__(self) -> str:
        return f"adaptive, up to {self.in_flight}" if self.adaptive else f"fixed {self.in_flight}"


ADAPTIVE = Setting(MOST, adaptive=True)


@dataclass(frozen=True, slots=True)
class Case:
    """An endpoint, and the settings that are run against it: how many of the partitions each reads."""

    name: str
    faults: tuple[Fault, ...]
    shares: Mapping[Setting, int]


@dataclass(frozen=True, slots=True)
class Size:
    """A backlog of `events` in `partitions`, read for so many rounds."""

    events: int
    partitions: int
    rounds: int
    cases: tuple[Case, ...]


def _waits(milliseconds: int, shares: Mapping[Setting, int]) -> Case:
    fault = Fault(kind="latency", seconds=milliseconds / 1000)
    return Case(f"answers after {milliseconds} ms", (fault,), shares)


def _refuses(share: int) -> Case:
    faults = (Fault(kind="status", status=429, min_concurrent=AT_ONCE + 1), Fault(kind="latency", seconds=0.1))
    return Case(f"answers after 100 ms, 429 beyond {AT_ONCE} at once", faults, {Setting(MOST): share, ADAPTIVE: share})


def _fixed(*shares: int) -> dict[Setting, int]:
    return {Setting(in_flight): share for in_flight, share in zip((1, 2, 4, 8), shares, strict=True)}


FULL = Size(
    events=640_000,
    partitions=16,
    rounds=3,
    cases=(
        # Four seconds at least: in shorter runs the way up reaches into the second half.
        _waits(5, {**_fixed(10, 16, 16, 16), ADAPTIVE: 16}),
        _waits(50, {**_fixed(8, 16, 16, 16), ADAPTIVE: 16}),
        _waits(500, {**_fixed(1, 1, 4, 8), ADAPTIVE: 8}),
        _refuses(4),
    ),
)
QUICK = Size(
    events=160_000,
    partitions=8,
    rounds=1,
    cases=(
        _waits(5, {Setting(MOST): 4, ADAPTIVE: 4}),
        _waits(500, {Setting(MOST): 8, ADAPTIVE: 8}),
        _refuses(4),
    ),
)


@dataclass(frozen=True, slots=True)
class Run:
    """`limits` are (seconds since the worker's start, uploads that may be on their way at once)."""

    rate: float
    whole_rate: float
    refused: int
    limits: tuple[tuple[float, float], ...]


class VoidError(Exception):
    """A run that did not deliver what it should have, in words."""


def measure(*, quick: bool, tell: Tell) -> Outcome:
    """All rounds of all cases on one broker and one endpoint."""
    size = QUICK if quick else FULL
    command = f"benchmarks/run --part {PART}{' --quick' if quick else ''}"
    outcome = Outcome()
    with RealKafka() as broker, tempfile.TemporaryDirectory(prefix="ingest-benchmark-") as directory:
        create_topic(broker.bootstrap, TOPIC, size.partitions)
        generator = Generator(seed=5)
        made = produce(broker.bootstrap, TOPIC, range(size.partitions), size.events, generator=generator)
        with ArizeEndpoint(Path(directory, "journal")) as endpoint:
            bench = _Bench(broker.bootstrap, endpoint, generator, made.end, Path(directory))
            for case in size.cases:
                outcome += _case(bench, case, size.rounds, command, tell)
    return outcome


def _case(bench: "_Bench", case: Case, rounds: int, command: str, tell: Tell) -> Outcome:
    runs: dict[Setting, list[Run]] = {setting: [] for setting in case.shares}
    for number in range(rounds):
        order = list(case.shares.items())
        for setting, share in order if number % 2 == 0 else order[::-1]:
            try:
                run = bench.run(case, setting, share)
            except VoidError as void:
                return Outcome(faults=(f"{PART}: {case.name}, {setting}: {void}",))
            runs[setting].append(run)
            refused = f", {run.refused} refused" if run.refused else ""
            tell(f"{case.name}, {setting}: {run.rate:,.0f} events/s, {run.whole_rate:,.0f} with the way up{refused}")
    return _figures(case, runs, command)


def _figures(case: Case, runs: Mapping[Setting, Sequence[Run]], command: str) -> Outcome:
    figures = []
    refused = any(run.refused for of in runs.values() for run in of)
    for setting, of in runs.items():
        named = f"{case.name}, {setting}"
        rates = tuple(run.rate for run in of)
        whole = tuple(run.whole_rate for run in of)
        figures += [
            Figure(PART, named, "events/s, second half", "1/s", rates, command, "more"),
            Figure(PART, named, "events/s, with the way up", "1/s", whole, command, "more"),
        ]
        if refused:
            counts = tuple(float(run.refused) for run in of)
            figures.append(Figure(PART, named, "requests answered 429", "requests", counts, command))
    best = max((one for one in runs if one != ADAPTIVE), key=lambda one: statistics.median(r.rate for r in runs[one]))
    ratios = tuple(own.rate / its.rate for own, its in zip(runs[ADAPTIVE], runs[best], strict=True))
    # Which one is best may change from run to run of the suite; a figure is known by its name, so that is not in it.
    figures.append(
        Figure(PART, case.name, "adaptive to the best fixed, events/s", "times", ratios, command, "more", ratio=True)
    )
    limits = runs[ADAPTIVE][-1].limits
    curve = Curve(PART, f"{case.name}, {ADAPTIVE}", "limit over time", "s", "uploads at once", limits, command)
    return Outcome(figures, (curve,), notes=(f"{case.name}: the best fixed setting was {best.in_flight}",))


class _Bench:
    def __init__(
        self, brokers: str, endpoint: ArizeEndpoint, generator: Generator, end: Mapping[int, int], directory: Path
    ) -> None:
        self._brokers = brokers
        self._endpoint = endpoint
        self._generator = generator
        self._end = end
        self._directory = directory
        self._runs = 0

    def run(self, case: Case, setting: Setting, share: int) -> Run:
        """Read the first `share` partitions to their ends. Raises VoidError."""
        self._runs += 1
        for file in self._endpoint.journal.files():
            file.unlink()
        refused = self._refused()
        self._endpoint.inject_faults(case.faults)
        log = self._directory / f"{self._runs}.log"
        code = self._supervise(setting, share, log)
        if code:
            words = " / ".join(log.read_text(errors="replace").splitlines()[-TOLD_LINES:])
            raise VoidError(f"exit code {code}; its last words: {words}")
        end = {partition: self._end[partition] for partition in range(share)}
        found = compare_counts(self._endpoint.journal, self._generator, end)
        if not found.nothing_lost or found.duplicates:
            raise VoidError(f"{found.lost} lost, {found.duplicates} doubled, {found.unexpected} unexpected")
        times, events = self._acknowledged()
        half = events >= events[-1] / 2
        slope, _ = np.polyfit(times[half] - times[0], events[half], 1)
        whole = (events[-1] - events[0]) / (times[-1] - times[0])
        return Run(float(slope), float(whole), self._refused() - refused, _limits(log))

    def _acknowledged(self) -> tuple[np.ndarray, np.ndarray]:
        """When each upload was durable, in order, and the events of all up to it."""
        stored = sorted((each.stored_at, each.table.num_rows) for each in self._endpoint.journal.requests())
        times, rows = zip(*stored, strict=True)
        return np.array(times), np.cumsum(rows)

    def _refused(self) -> int:
        return int(self._endpoint.stats()["answers"].get("429", 0))

    def _supervise(self, setting: Setting, share: int, log: Path) -> int:
        config = self._directory / f"{self._runs}.toml"
        config.write_text(
            CONFIG.format(
                brokers=self._brokers,
                topic=TOPIC,
                group=f"{PART}-{self._runs}",
                batch_events=BATCH_EVENTS,
                in_flight=setting.in_flight,
                adaptive=str(setting.adaptive).lower(),
                tags=", ".join(f'"{tag}"' for tag in TAGS),
                directory=self._directory / str(self._runs),
            )
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("INGEST_", "ARIZE_"))}
        options = ["--partitions", f"0-{share - 1}", "--until-end", "--verbose", "--log-format", "json"]
        command = [sys.executable, "-m", "ingest", "supervise", *options, "--config", str(config)]
        with log.open("w") as output:
            held = TetheredProcess(command, output=output, environment={**kept, **self._endpoint.environment()})
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return held.wait(DEADLINE_S)
            held.send(signal.SIGTERM)
            return held.wait()
        finally:
            held.close()


def _limits(log: Path) -> tuple[tuple[float, float], ...]:
    """What the worker says in its progress, from its start on."""
    points = []
    for line in log.read_text().splitlines():
        said = json.loads(line) if line.startswith("{") else {}
        if said.get("event") == "progress" and said["state"] not in ("starting", "done"):
            points.append((datetime.fromisoformat(said["time"]).timestamp(), float(said["uploads_limit"])))
    return tuple((at - points[0][0], limit) for at, limit in points)
