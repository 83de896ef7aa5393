"""Outcomes as parts hand them over, invented by a seeded generator: for the frame, which draws and compares them.

To look at a report of them: python -m tests.harness.outcomes FILE.html
"""

import math
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import report
from benchmarks.figures import Better, Curve, Figure, Outcome, Results

ABOUT = {
    "command": "benchmarks/run --part invented",
    "at": "2026-01-02T03:04:05Z",
    "machine": {"cpu": "Invented CPU <7>", "cores": 2, "memory_gb": 23.4, "kernel": "6.1", "load_average": [0.1, 0.2]},
    "versions": {"ingest": "0.1.0 (abc)", "python": "3.11.4", "fast lane": "in use"},
    "settings": {"quick": True, "side_by_side": {"pairs": 3}},
}
PEERS = {"ingest": 0.5, "loop": 3.5, "loop, validate=False": 3.1, "confluent-kafka loop": 2.9, "Quix Streams": 3.9}
FIELDS = {"narrow": 0.3, "usual": 0.5, "wide": 3.5, "embedding": 9.0}
STAGES = {"consume": 0.2, "orjson": 0.29, "columns": 0.3, "log": 0.06, "limit": 0.85, "whole": 0.95}
QUANTILES = {"p50": 0.6, "p99": 1.1, "max": 1.9}

# Part, case, name, unit, what the samples lie around, what is better.
Told = tuple[str, str, str, str, float, Better]


def outcome(seed: int = 1, slower: float = 1.0, samples: int = 5) -> Outcome:
    """All shapes of figures; `slower` is a factor on every one that is no ratio."""
    dice = random.Random(seed)
    figures = []
    for part, case, name, unit, middle, better in _told():
        ratio = unit == "ratio"
        factor = 1.0 if ratio else slower if better == "less" else 1 / slower
        drawn = tuple(middle * factor * math.exp(dice.gauss(0, 0.05)) for _ in range(samples))
        figures.append(Figure(part, case, name, unit, drawn, f"benchmarks/run --part {part}", better, ratio=ratio))
    return Outcome(figures, list(_curves(dice)), (), ("no peer <faust>: it can't be installed",))


def results(seed: int = 1, slower: float = 1.0, samples: int = 5) -> Results:
    """A run of the suite that these make."""
    return Results(ABOUT, outcome(seed, slower, samples))


def _told() -> Iterator[Told]:
    for case, cost in PEERS.items():
        yield "side_by_side", case, "events/s, steady", "events/s", 1e5 / cost, "more"
        yield "side_by_side", case, "CPU s per 100,000 events, steady", "s", cost, "less"
        yield "side_by_side", case, "memory, peak", "MB PSS", 300 * cost**0.5, "less"
        yield "side_by_side", case, "memory, mean", "MB PSS", 250 * cost**0.5, "less"
        yield "side_by_side", f"ingest beside {case}", "CPU per event, peer / ingest", "ratio", cost / 0.5, "more"
    for fields, cost in FIELDS.items():
        for workers in (1, 2, 4, 8):
            case = f"{fields}, lz4, {workers} worker{'s' if workers > 1 else ''}"
            yield "end_to_end", case, "events/s", "events/s", 1e5 / cost * min(workers, 2) ** 0.8, "more"
            yield "end_to_end", case, "CPU s per 100,000 events", "s", cost * workers**0.1, "less"
    for stage, cost in STAGES.items():
        yield "stages", "usual events", stage, "CPU s per 100,000 events", cost, "less"
    yield from _told_of_growth()


def _told_of_growth() -> Iterator[Told]:
    for load in ("trickle", "half load", "90% load"):
        for quantile, middle in QUANTILES.items():
            yield "latency", f"{load}, endpoint at once", f"produce to acknowledgement, {quantile}", "s", middle, "less"
    for answer_ms in (5, 50, 500):
        for limit in ("adaptive", "1 in flight", "4 in flight"):
            yield "uploads", f"{limit}, {answer_ms} ms", "events/s", "events/s", 1e5 / answer_ms, "more"
    for partitions in (1, 10, 100, 1000):
        yield "growth", f"{partitions:,} partitions", "supervisor's CPU", "CPU s / s", 0.01 * partitions**0.5, "less"
    yield "micro", "ack", "arrive <5,000 messages>", "µs", 12.0, "less"
    yield "micro", "retry", "wait_s", "µs", 0.4, "less"


def _curves(dice: random.Random) -> Iterator[Curve]:
    for stage in ("consume", "orjson", "columns", "log", "gap"):
        for lane in ("orjson lane", "fast lane"):
            points: tuple[tuple[float, float], ...] = ((1.0, STAGES.get(stage, 0.1)),)
            yield Curve(
                "stages", lane, stage, "bar", "CPU s per 100,000 events", points, "benchmarks/run --part stages"
            )
    for case, height in (("usual, lz4, 1 worker", 340.0), ("usual, lz4, 8 workers", 1900.0)):
        points = tuple((at / 2, height * (1 - math.exp(-at / 9)) + dice.gauss(0, 5)) for at in range(120))
        yield Curve("end_to_end", case, "memory over time", "s", "MB PSS", points, "benchmarks/run --part end_to_end")


if __name__ == "__main__":
    report.save(Path(sys.argv[1]), replace(results(), about={**ABOUT, "parts": "invented"}))
