"""End to end: a backlog on a real Kafka, `ingest supervise` in all its widths, the local Arize endpoint.

1. Every run delivers a whole backlog, and counts only if each event is at the endpoint exactly once.
2. Figures are of the steady state (`benchmarks.measure`), whose batches are small enough that eight workers have one.
   Memory is judged apart, with batches of 100,000 events on a backlog that is deep for every worker.
3. Runs of different numbers of workers take turns, so that a ratio of two of them is of neighbours in time.
4. Where cores are short, broker and endpoint take theirs from the workers: then events a second can't grow with the
   workers, and what shows whether they stand in each other's way is events per CPU second.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.backlog import Backlog
from benchmarks.figures import Outcome, Tell
from benchmarks.measure import Run, run
from benchmarks.samples import Samples
from benchmarks.supervise import Setup
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.codecs import Codec
from ingest.sandbox.generate import Fields

PART = "end_to_end"
PARTITIONS = 8
MEMORY_BATCH_EVENTS = 100_000
WORKER_LIMIT_MB = 350
EIGHT_WORKERS_LIMIT_MB = 2_000


@dataclass(frozen=True, slots=True)
class Shape:
    """Events of one kind: how many make a backlog, and a batch."""

    fields: Fields
    events: int
    batch_events: int


@dataclass(frozen=True, slots=True)
class Series:
    """One backlog, and the numbers of workers that read it in turn, `rounds` times."""

    shape: Shape
    codec: Codec
    workers: tuple[int, ...]
    rounds: int = 1

    @property
    def name(self) -> str:
        """What its cases begin with."""
        return f"{self.shape.fields}, {self.codec}"


# About the bytes, and the seconds, of one another.
USUAL = Shape("usual", 600_000, 10_000)
SHAPES = (Shape("narrow", 800_000, 13_000), USUAL, Shape("wide", 60_000, 1_000), Shape("embedding", 40_000, 650))
WORKERS = (1, 2, 4, 8)
FULL = (
    Series(USUAL, "lz4", WORKERS, rounds=3),
    *(Series(shape, "lz4", WORKERS) for shape in SHAPES if shape is not USUAL),
    *(Series(shape, codec, (1,)) for codec in ("zstd", "none") for shape in SHAPES),
)
QUICK = (Series(Shape("usual", 160_000, 5_000), "lz4", (1, 2)),)
# Deep: at least three batches for each of the workers.
_DEEP = Shape("usual", 2_400_000, MEMORY_BATCH_EVENTS)
MEMORY = (Series(_DEEP, "lz4", (1, 8)), Series(_DEEP, "zstd", (1,)))


def measure(*, quick: bool, tell: Tell) -> Outcome:
    """All series; minutes when full: about twelve on 2 cores."""
    command = f"benchmarks/run --part {PART}{' --quick' if quick else ''}"
    found = _Found(command)
    with RealKafka() as kafka:
        for series in QUICK if quick else FULL:
            for case, done in _runs(series, kafka, tell, found):
                found.steady(case, done)
            found.scaling(series)
        for series in () if quick else MEMORY:
            for case, done in _runs(series, kafka, tell, found, note="batches of 100,000"):
                found.memory(case, done)
    found.notes.append(f"{PART}: {os.cpu_count()} cores, shared with the broker and the endpoint")
    return found.outcome()


@dataclass(frozen=True, slots=True)
class _Case:
    """A backlog read by so many workers."""

    series: Series
    workers: int
    event_bytes: float
    note: str = ""

    @property
    def name(self) -> str:
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return ", ".join(filter(None, (self.series.name, workers, self.note)))


def _runs(series: Series, kafka: RealKafka, tell: Tell, found: "_Found", note: str = "") -> Iterable[tuple[_Case, Run]]:
    """The good runs of one series."""
    shape = series.shape
    topic = f"{shape.fields}-{series.codec}-{shape.events}"
    tell(f"{PART}: producing {shape.events:,} {series.name}")
    with Backlog(
        shape.events, PARTITIONS, fields=shape.fields, codec=series.codec, topic=topic, kafka=kafka
    ) as backlog:
        event_bytes = backlog.event_bytes()
        for number in range(series.rounds):
            for workers in series.workers:
                case = _Case(series, workers, event_bytes, note)
                setup = Setup(workers, PARTITIONS, shape.batch_events, embedding=shape.fields == "embedding")
                done = run(setup.contender(f"{topic}-{workers}"), backlog, number, shape.batch_events, setup.shares)
                tell(f"{PART}: {case.name}: {_told(done)}")
                if done.void is not None:
                    found.faults.append(f"{PART}: {case.name}: {done.void}")
                else:
                    yield case, done


def _told(done: Run) -> str:
    if done.void is not None:
        return f"VOID: {done.void}"
    steady = "no steady window"
    if done.steady is not None:
        steady = f"{done.steady.rate:,.0f} events/s, {done.steady.cost:.2f} CPU s / 100,000"
    return f"{steady}, {done.pss_peak_bytes / 1e6:.0f} MB, {done.whole.wall_s:.1f} s in all"


class _Found(Samples):
    """What the runs have shown so far."""

    def __init__(self, command: str) -> None:
        super().__init__(PART, command)
        self.runs: dict[str, dict[int, list[Run]]] = defaultdict(lambda: defaultdict(list))

    def steady(self, case: _Case, done: Run) -> None:
        """The figures of one run."""
        name = case.name
        self.runs[case.series.name][case.workers].append(done)
        if done.steady is None:
            self.notes.append(f"{name}: no steady window: too few batches for so many workers")
        else:
            self.take(name, "events/s, steady", "events/s", done.steady.rate, "more")
            self.take(name, "MB/s, steady", "MB/s", done.steady.rate * case.event_bytes / 1e6, "more")
            self.take(name, "CPU s per 100,000 events, steady", "s", done.steady.cost)
        self.take(name, "changed rows of 1,000", "rows", 1000 * done.changed_values / max(done.checked_rows, 1))
        self.take(name, "memory peak", "MB PSS", done.pss_peak_bytes / 1e6)
        self.take(name, "memory mean", "MB PSS", done.pss_mean_bytes / 1e6)
        beside = done.neighbours
        wall_s = done.whole.wall_s
        self.take(name, "cores taken by the endpoint", "cores", beside.endpoint_s / wall_s, "neither")
        self.take(name, "cores taken by the broker", "cores", beside.broker_s / wall_s, "neither")
        self.take(name, "cores taken by others", "cores", beside.others_s / wall_s, "neither")
        self.take(name, "cores idle", "cores", beside.idle_s / wall_s, "neither")

    def scaling(self, series: Series) -> None:
        """What more workers came to, over one worker of the same round."""
        by_workers = self.runs[series.name]
        if len(series.workers) < 2 or not by_workers:
            return
        points = []
        for workers, runs in sorted(by_workers.items()):
            rates = [done.steady.rate for done in runs if done.steady is not None]
            if rates:
                points.append((float(workers), median(rates)))
            for one, many in zip(by_workers[1], runs, strict=False):
                if workers > 1 and one.steady is not None and many.steady is not None:
                    name = f"{series.name}, {workers} workers"
                    rate, cost = many.steady.rate / one.steady.rate, one.steady.cost / many.steady.cost
                    self.take(name, "events/s over 1 worker's", "", rate, "more", ratio=True)
                    self.take(name, "events per CPU second over 1 worker's", "", cost, "more", ratio=True)
        self.curve(series.name, "events/s by workers", "workers", "events/s", points)

    def memory(self, case: _Case, done: Run) -> None:
        """The figures of a run on a deep backlog, against what a worker may have."""
        name = case.name
        peak_mb = done.pss_peak_bytes / 1e6
        limit_mb = WORKER_LIMIT_MB if case.workers == 1 else EIGHT_WORKERS_LIMIT_MB
        self.take(name, "memory peak", "MB PSS", peak_mb)
        self.take(name, "memory mean", "MB PSS", done.pss_mean_bytes / 1e6)
        self.take(name, "memory peak per worker", "MB PSS", peak_mb / case.workers)
        self.notes.append(
            f"{name}: {peak_mb:,.0f} MB PSS at its peak, the whole tree; at most {limit_mb:,} MB were wished for: "
            f"{'kept' if peak_mb <= limit_mb else 'exceeded'}"
        )
        points = [(at_s, size / 1e6) for at_s, size in done.pss]
        self.curve(name, "memory over time", "s", "MB PSS", points)
