"""What each stage of a worker costs alone, and how close the whole worker is to the sum of its stages.

1. A round runs every stage once, each in a process of its own (`benchmarks.single_stage`), and the whole worker once in
   each lane, on the same topic. The lanes take turns in going first.
2. The *limit* of a lane is the sum of its stages' floors: the least sample of each, however long it took to find. It
   has what a worker can't do without, and no loop, no glue between the stages, no supervisor.
3. `limit / whole` is taken round by round, from the floors of that round and the whole worker of that round, so the
   machine's speed is not in it. What is missing to 1 is the gap.
4. Some stages are within others and do not count twice (`WITHIN`): they are there to see where a stage's time goes.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchmarks import measure as whole
from benchmarks.backlog import TOPIC, Backlog
from benchmarks.contenders import INGEST, INGEST_ORJSON, Contender
from benchmarks.figures import Curve, Figure, Outcome, Tell
from ingest.pipeline.decoding import fast_lane as lanes

PART = "stages"
PARTITIONS = 4
UNIT = "CPU s per 100,000 events"
STAGE_S = 240.0  # a stage that takes longer hangs

Lane = Literal["fast lane", "orjson lane"]

_BOTH = ("complete", "validation", "tracker", "log", "commit")
LIMIT: Mapping[Lane, Sequence[str]] = {
    "fast lane": ("consume", "fast decode", *_BOTH),
    "orjson lane": ("consume", "gather", "columns", *_BOTH),
}
# What is a part of another stage, or made of several, and which.
WITHIN: Mapping[str, str] = {
    "orjson.loads": "within gather",
    "frame": "within log",
    "judging, orjson": "gather, columns, complete, validation, and what joins them",
    "judging, fast": "fast decode, complete, validation, and what joins them",
}
_NOTE = (
    "A stage runs alone; the whole worker shares cores and caches with the broker and the endpoint. So a part of the "
    "gap is not the worker's."
)
CONTENDERS: Mapping[Lane, Contender] = {"fast lane": INGEST, "orjson lane": INGEST_ORJSON}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: events on the topic, of a batch, rounds, and passes of a stage in each."""

    events: int
    batch_events: int
    rounds: int
    passes: int
    within: bool = True  # also what does not count towards the limit


FULL = Size(events=800_000, batch_events=100_000, rounds=5, passes=3)
QUICK = Size(events=160_000, batch_events=20_000, rounds=1, passes=2, within=False)


@dataclass(slots=True)
class _Found:
    """Samples so far. A stage's are by round: CPU seconds per 100,000 events of its process and its calling thread."""

    stages: dict[str, list[list[tuple[float, float]]]] = field(default_factory=dict)
    wholes: dict[Lane, list[float]] = field(default_factory=dict)
    closeness: dict[Lane, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def floor(self, stage: str) -> float:
        """The least sample of all rounds."""
        return min(process for found in self.stages[stage] for process, _ in found)


def measure(*, quick: bool, tell: Tell) -> Outcome:
    """All stages, both lanes where the fast one is installed, and the whole worker beside them."""
    size = QUICK if quick else FULL
    command = f"benchmarks/run --part {PART}{' --quick' if quick else ''}"
    fast = lanes.installed_lane("auto") == "fast"
    found = _Found()
    with Backlog(size.events, PARTITIONS) as backlog:
        for number in range(size.rounds):
            _round(found, backlog, size, number, fast=fast, tell=tell)
    notes = [
        _NOTE,
        *(f"{stage}: {what}; not in the limit" for stage, what in WITHIN.items() if stage in found.stages),
    ]
    if not fast:
        notes.append("The fast lane is not installed (scripts/fastlane), so its stages and its worker are missing.")
    figures = (*_stage_figures(found, command), *_lane_figures(found, command))
    return Outcome(figures, tuple(_stacks(found, command)), tuple(found.faults), tuple(notes))


def _round(found: _Found, backlog: Backlog, size: Size, number: int, *, fast: bool, tell: Tell) -> None:
    turns: list[Lane] = ["fast lane", "orjson lane"] if fast else ["orjson lane"]
    if number % 2:
        turns.reverse()
    known = {stage for lane in turns for stage in LIMIT[lane]} | {
        stage for stage in WITHIN if size.within and (fast or stage != "judging, fast")
    }
    costs: dict[Lane, float] = {}
    for turn in turns:
        run = whole.run(CONTENDERS[turn], backlog, number, size.batch_events)
        if run.void is not None or run.steady is None:
            found.faults.append(f"{turn}, round {number + 1}: {run.void or 'too few uploads for a steady state'}")
            continue
        costs[turn] = run.steady.cost
        found.wholes.setdefault(turn, []).append(run.steady.cost)
        tell(f"round {number + 1}: whole worker, {turn}: {run.steady.cost:.3f} {UNIT}, {run.steady.rate:,.0f} events/s")
    for stage in sorted(known):
        samples = _samples(stage, backlog, size.passes)
        found.stages.setdefault(stage, []).append(samples)
        tell(f"round {number + 1}: {stage}: {min(process for process, _ in samples):.4f} {UNIT}")
    for turn, cost in costs.items():
        limit = sum(min(process for process, _ in found.stages[stage][-1]) for stage in LIMIT[turn])
        found.closeness.setdefault(turn, []).append(limit / cost)
        tell(f"round {number + 1}: {turn}: limit {limit:.3f}, {limit / cost:.0%} of the whole worker's")


def _samples(stage: str, backlog: Backlog, passes: int) -> list[tuple[float, float]]:
    """One process. Raises RuntimeError when the stage fails: nothing of it could be believed."""
    command = [
        *(sys.executable, "-m", "benchmarks.single_stage", stage, "--brokers", backlog.brokers, "--topic", TOPIC),
        *("--partitions", str(backlog.partitions), "--events", str(backlog.events), "--passes", str(passes)),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=STAGE_S, check=False)
    if ended.returncode:
        raise RuntimeError(f"stage {stage} failed: {ended.stderr[-1000:]}")
    return [(process, thread) for process, thread in json.loads(ended.stdout)]


def _stage_figures(found: _Found, command: str) -> Iterator[Figure]:
    for stage, rounds in found.stages.items():
        process = tuple(process for samples in rounds for process, _ in samples)
        yield Figure(PART, stage, UNIT, "s", process, command)
        if stage == "consume":
            calling = tuple(thread for samples in rounds for _, thread in samples)
            theirs = tuple(process - thread for samples in rounds for process, thread in samples)
            yield Figure(PART, stage, f"{UNIT}, the calling thread", "s", calling, command)
            yield Figure(PART, stage, f"{UNIT}, librdkafka's threads", "s", theirs, command)


def _lane_figures(found: _Found, command: str) -> Iterator[Figure]:
    for lane, costs in found.wholes.items():
        limit = sum(found.floor(stage) for stage in LIMIT[lane])
        yield Figure(PART, lane, f"{UNIT}, whole worker, steady", "s", tuple(costs), command)
        yield Figure(PART, lane, f"{UNIT}, limit: sum of the stages' floors", "s", (limit,), command)
        yield Figure(PART, lane, "limit / whole", "", tuple(found.closeness[lane]), command, better="more", ratio=True)


def _stacks(found: _Found, command: str) -> Iterator[Curve]:
    """For a stacked bar of each lane: a curve a stage, with its floor at x = 1, and the gap to the whole on top."""
    for lane, costs in found.wholes.items():
        floors = {stage: found.floor(stage) for stage in LIMIT[lane]}
        gap = max(statistics.median(costs) - sum(floors.values()), 0.0)
        for stage, floor in {**floors, "gap": gap}.items():
            yield Curve(PART, lane, stage, "bar", UNIT, ((1.0, floor),), command)
