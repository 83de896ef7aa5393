"""Growth: what more of something costs. One thing grows at a time, all else stays.

1. The things are events of a backlog, columns, partitions (with one worker and with several), events of a batch, and
   uploads in flight. Each point is a run that delivers a whole backlog, checked.
2. Events of more columns are fewer, so that about as many values are read at each point: the figure to compare is then
   CPU seconds per million values.
3. With very many partitions the supervisor has more to hear and a worker more to look after even if nothing comes.
   Its CPU, and the workers', is taken by process at rest and under a trickle, without an end to reach.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import psutil

from benchmarks.backlog import Backlog
from benchmarks.contenders import environment
from benchmarks.figures import Outcome, Tell
from benchmarks.measure import Run, run
from benchmarks.samples import Samples
from benchmarks.supervise import Setup, Supervised, SupervisedError
from benchmarks.trickle import Trickle
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.compare import compare_counts
from ingest.sandbox.generate import Fields

PART = "growth"
TIMEOUT_S = 180.0
SETTLE_S = 3.0
TRICKLE_PER_S = 2_000
BASE = Setup(workers=1, partitions=8, batch_events=30_000)


@dataclass(frozen=True, slots=True)
class Point:
    """One run: `x` of what grows, on a backlog of so many events."""

    x: int
    events: int
    setup: Setup = BASE
    fields: Fields | int = "usual"

    @property
    def backlog(self) -> tuple[int, int, Fields | int]:
        """What its backlog is known by."""
        return self.events, self.setup.partitions, self.fields


@dataclass(frozen=True, slots=True)
class Axis:
    """What grows, in `unit`, and the runs along it."""

    name: str
    unit: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """A supervisor without an end to reach, watched for `watch_s` at rest and as long under a trickle."""

    workers: int
    partitions: int
    watch_s: float


@dataclass(frozen=True, slots=True)
class Size:
    """All that is run."""

    axes: tuple[Axis, ...]
    rests: tuple[Rest, ...]


def _partitions(workers: int, counts: tuple[int, ...], events: int) -> Axis:
    name = "partitions, 1 worker" if workers == 1 else f"partitions, {workers} workers"
    setup = replace(BASE, workers=workers, batch_events=10_000)
    return Axis(name, "partitions", tuple(Point(n, events, replace(setup, partitions=n)) for n in counts))


FULL = Size(
    axes=(
        Axis(
            "events",
            "events",
            tuple(Point(n, n, replace(BASE, batch_events=10_000)) for n in (100_000, 300_000, 1_000_000)),
        ),
        Axis(
            "columns",
            "columns",
            tuple(
                Point(n, 4_000_000 // n, replace(BASE, batch_events=400_000 // n), fields=n)
                for n in (10, 30, 100, 300, 1_000)
            ),
        ),
        Axis(
            "events of a batch",
            "events",
            tuple(Point(n, 600_000, replace(BASE, batch_events=n)) for n in (1_000, 3_000, 10_000, 30_000, 100_000)),
        ),
        Axis(
            "uploads in flight", "uploads", tuple(Point(n, 600_000, replace(BASE, in_flight=n)) for n in (1, 2, 3, 4))
        ),
        _partitions(1, (1, 10, 100, 1_000), 300_000),
        _partitions(8, (8, 100, 1_000), 600_000),
    ),
    rests=(Rest(8, 8, 20.0), Rest(1, 1_000, 20.0), Rest(8, 1_000, 20.0)),
)
QUICK = Size(
    axes=(
        Axis(
            "events of a batch",
            "events",
            tuple(Point(n, 60_000, replace(BASE, batch_events=n)) for n in (1_000, 10_000)),
        ),
    ),
    rests=(Rest(2, 100, 5.0),),
)


def measure(*, quick: bool, tell: Tell) -> Outcome:
    """All axes, then the supervisors at rest; about eight minutes when full."""
    size = QUICK if quick else FULL
    found = Samples(PART, f"benchmarks/run --part {PART}{' --quick' if quick else ''}")
    with RealKafka() as kafka:
        for axis in size.axes:
            _take(axis, list(_runs(axis, kafka, found, tell)), found)
        for rest in size.rests:
            case = f"{_workers(rest.workers)}, {rest.partitions} partitions"
            try:
                _watch(rest, kafka, case, found, tell)
            except SupervisedError as failed:
                found.faults.append(f"{PART}: {case}: {failed}")
    return found.outcome()


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _runs(axis: Axis, kafka: RealKafka, found: Samples, tell: Tell) -> Iterator[tuple[Point, Run]]:
    """The good runs along an axis. Points of the same backlog are side by side, and share it."""
    name = axis.name.replace(", ", "-").replace(" ", "-")
    rest = list(axis.points)
    while rest:
        events, partitions, fields = rest[0].backlog
        topic = f"{name}-{rest[0].x}"
        with Backlog(events, partitions, fields=fields, topic=topic, kafka=kafka) as backlog:
            while rest and rest[0].backlog == (events, partitions, fields):
                point = rest.pop(0)
                setup = point.setup
                done = run(setup.contender(f"{name}-{point.x}"), backlog, 0, setup.batch_events, setup.shares)
                case = f"{axis.name}: {point.x:,}"
                if done.void is not None:
                    found.faults.append(f"{PART}: {case}: {done.void}")
                    tell(f"{PART}: {case}: VOID: {done.void}")
                else:
                    cost = f"{done.steady.cost:.2f}" if done.steady is not None else "no steady window;"
                    tell(f"{PART}: {case}: {cost} CPU s per 100,000, {done.pss_peak_bytes / 1e6:.0f} MB")
                    if done.steady is None:
                        found.notes.append(f"{PART}: {case}: no steady window: too few batches for so many workers")
                    yield point, done


def _take(axis: Axis, runs: list[tuple[Point, Run]], found: Samples) -> None:
    # Name and unit; a run without a steady window has no steady figure.
    quantities: dict[tuple[str, str], Callable[[Point, Run], float | None]] = {
        ("CPU s per 100,000 events, steady", "s"): lambda _, done: done.steady.cost if done.steady else None,
        ("CPU s per 100,000 events, whole run", "s"): lambda _, done: done.whole.cost,
        ("memory peak", "MB PSS"): lambda _, done: done.pss_peak_bytes / 1e6,
    }
    if axis.unit == "columns":
        quantities["CPU s per 1,000,000 values, steady", "s"] = lambda point, done: (
            done.steady.cost * 10 / point.x if done.steady else None
        )
    for (name, unit), quantity in quantities.items():
        points = []
        for point, done in runs:
            value = quantity(point, done)
            if value is not None:
                points.append((float(point.x), value))
                found.take(f"{axis.name}: {point.x:,}", name, unit, value)
        found.curve(axis.name, f"{name}, by {axis.unit}", axis.unit, unit, points)


# --- at rest ------------------------------------------------------------------------------------------------------


def _watch(rest: Rest, kafka: RealKafka, case: str, found: Samples, tell: Tell) -> None:
    """A supervisor at rest, then under a trickle. Raises SupervisedError."""
    setup = Setup(rest.workers, rest.partitions, batch_events=10_000, linger_s=2.0)
    each = 20
    topic = f"rest-{rest.workers}-{rest.partitions}"
    with Backlog(each * rest.partitions, rest.partitions, topic=topic, kafka=kafka) as backlog:
        config = backlog.directory / "ingest.toml"
        config.write_text(setup.toml(backlog.brokers, topic, topic, backlog.directory))
        first = dict.fromkeys(range(rest.partitions), each)
        with Supervised(setup.command(config), environment(backlog), backlog.directory / "errors.log") as running:

            def note(when: str) -> None:
                own_s, worker_s, memory = _cpu_a_minute(running.pid, rest.watch_s)
                found.take(case, f"supervisor's CPU s a minute, {when}", "s", own_s)
                found.take(case, f"CPU s a minute of a worker, {when}", "s", worker_s)
                found.take(case, f"memory of the supervisor, {when}", "MB USS", memory / 1e6)
                tell(f"{PART}: {case}: {when}: CPU s a minute: supervisor {own_s:.2f}, each worker {worker_s:.2f}")

            running.wait_for("the backlog was delivered", lambda: sum(backlog.uploads()) >= backlog.events, TIMEOUT_S)
            time.sleep(SETTLE_S)
            note("at rest")
            with Trickle(
                backlog.brokers, topic, first, backlog.generator, rate_per_s=TRICKLE_PER_S, linger_ms=50
            ) as trickle:
                time.sleep(SETTLE_S)
                note(f"at {TRICKLE_PER_S:,} events/s")
            ends = trickle.ends()
            total = sum(ends.values())
            running.wait_for("the trickle was delivered", lambda: sum(backlog.uploads()) >= total, TIMEOUT_S)
            code = running.stop()
        delivered = compare_counts(backlog.journal, backlog.generator, ends)
        if code or not delivered.nothing_lost or delivered.duplicates:
            raise SupervisedError(
                f"exit code {code}; of {delivered.expected} events {delivered.lost} are lost, "
                f"{delivered.duplicates} doubled"
            )


def _cpu_a_minute(pid: int, watch_s: float) -> tuple[float, float, int]:
    """CPU seconds a minute of the supervisor and, on average, of a worker; the supervisor's own memory in bytes."""
    supervisor = psutil.Process(pid)
    workers = [child for child in supervisor.children(recursive=True) if child.name().startswith("ingest-worker")]
    before = [_cpu_s(process) for process in (supervisor, *workers)]
    began_s = time.monotonic()
    time.sleep(watch_s)
    minutes = (time.monotonic() - began_s) / 60
    after = [_cpu_s(process) for process in (supervisor, *workers)]
    own_s, *theirs = ((late - early) / minutes for early, late in zip(before, after, strict=True))
    return own_s, sum(theirs) / len(theirs), supervisor.memory_full_info().uss


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
