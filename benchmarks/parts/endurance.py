"""An hour at full load: whether memory, rate and cost stay as they were at its beginning.

1. A producer keeps `OPEN_EVENTS` on the topic that are not yet stored, so the worker has always more to do than it can.
2. Each slice (a minute) is a sample: events stored in it, the CPU that the supervisor's whole tree took for them, and
   the tree's PSS at its end. The first slices, until everything is warm, are left out.
3. Flat is a ratio: the mean of the last sixth over the mean of the first.
4. Kafka forgets what was read, and the journal's files are removed as they come, so that the disk holds out; the
   endpoint still counts each row by partition and sequence. Lost or doubled ones are a fault.
"""

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil

from benchmarks.figures import Better, Curve, Figure, Outcome, Tell
from benchmarks.standing import Standing
from ingest.sandbox.broker import RealKafka

PART = "endurance"
CASE = "one worker at full load"
OPEN_EVENTS = 400_000
RETENTION = {"retention.bytes": str(1 << 30), "segment.bytes": str(64 << 20)}  # per partition
KEPT_FILES = 8  # of the journal: what is being written must stay
TIDY_S = 1.0
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Size:
    """Seconds in all and of a slice, and how many slices are left out at the beginning."""

    seconds: float
    slice_s: float
    warm: int


FULL = Size(seconds=3600.0, slice_s=60.0, warm=1)
QUICK = Size(seconds=90.0, slice_s=10.0, warm=3)


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters at one moment."""

    at_s: float
    stored: int
    cpu_s: float
    pss_bytes: int


def measure(*, quick: bool, tell: Tell) -> Outcome:
    """One worker, kept busy."""
    size = QUICK if quick else FULL
    command = f"benchmarks/run --part {PART}{' --quick' if quick else ''}"
    with RealKafka() as broker, Standing(broker.bootstrap, PART, linger_s=10.0, topic_config=RETENTION) as standing:
        standing.start()
        feed = standing.feed(seconds=size.seconds, window=OPEN_EVENTS)
        readings = list(_readings(standing, size, tell))
        feed.end()
        standing.fed(feed)
        fault = standing.settled(PATIENCE_S)
    if fault is not None:
        return Outcome(faults=(f"{CASE}: {fault}",))
    return told(readings, command, warm=size.warm)


def _readings(standing: Standing, size: Size, tell: Tell) -> Iterator[Reading]:
    began = time.monotonic()
    before = _read(standing, began)
    yield before
    for number in range(1, int(size.seconds / size.slice_s) + 1):
        while time.monotonic() < began + number * size.slice_s:
            time.sleep(TIDY_S)
            for file in standing.endpoint.journal.files()[:-KEPT_FILES]:
                file.unlink()
        now = _read(standing, began)
        events = now.stored - before.stored
        tell(
            f"{now.at_s:,.0f} s: {events / (now.at_s - before.at_s):,.0f} events/s, "
            f"{(now.cpu_s - before.cpu_s) / max(events, 1) * 100_000:.3f} CPU s per 100,000, "
            f"{now.pss_bytes / 1e6:.0f} MB PSS"
        )
        yield now
        before = now


def _read(standing: Standing, began: float) -> Reading:
    top = psutil.Process(standing.pid)
    cpu_s, pss = 0.0, 0
    for process in (top, *top.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            cpu_s += times.user + times.system
            pss += process.memory_full_info().pss
    return Reading(time.monotonic() - began, standing.endpoint.stats()["stored_rows"], cpu_s, pss)


def told(readings: Sequence[Reading], command: str, *, warm: int) -> Outcome:
    """The slices between `readings` as figures; `warm` of them are left out."""
    slices = list(zip(readings[warm:], readings[warm + 1 :], strict=False))
    rate = [(b.stored - a.stored) / (b.at_s - a.at_s) for a, b in slices]
    cost = [(b.cpu_s - a.cpu_s) / max(b.stored - a.stored, 1) * 100_000 for a, b in slices]
    memory = [b.pss_bytes / 1e6 for _, b in slices]
    ends = [b.at_s / 60 for _, b in slices]
    figures, curves = [], []
    kinds: tuple[tuple[str, str, list[float], Better], ...] = (
        ("events/s", "1/s", rate, "more"),
        ("CPU s per 100,000 events", "s", cost, "less"),
        ("memory, PSS of the whole tree", "MB", memory, "less"),
    )
    for name, unit, samples, better in kinds:
        figures.append(Figure(PART, CASE, name, unit, tuple(samples), command, better))
        sixth = max(len(samples) // 6, 1)
        flat = statistics.fmean(samples[-sixth:]) / statistics.fmean(samples[:sixth])
        figures.append(Figure(PART, CASE, f"{name}: last sixth / first", "ratio", (flat,), command, better, ratio=True))
        curves.append(Curve(PART, CASE, name, "min", unit, tuple(zip(ends, samples, strict=True)), command))
    events = readings[-1].stored - readings[0].stored
    return Outcome(figures, curves, notes=(f"{CASE}: {events:,} events in {readings[-1].at_s:,.0f} s, each once.",))
