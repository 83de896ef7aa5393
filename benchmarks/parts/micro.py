"""The pure parts by themselves: pytest-benchmark over `benchmarks/micro`, in a process of its own.

1. A figure's case is the benchmark's group, its name the test's. Its samples are microseconds of CPU of a call, or of
   what the test says that a call is made of: messages, chunks. The collector is off, as it is in a worker's chunk.
2. Rounds by the thousand are no independent samples: a figure's are the medians of `SAMPLES` stretches of them, one
   after the other.
3. A test that fails is a fault: what it measured was something else than what it was to measure.
"""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Outcome, Tell

TESTS = Path(__file__).parents[1] / "micro"
SAMPLES = 15
_MAX_TIME_S, _MAX_TIME_QUICK_S = 2.0, 0.3  # of each test
_TOLD_LINES = 15


def measure(*, quick: bool, tell: Tell) -> Outcome:
    command = "benchmarks/run --part micro" + (" --quick" if quick else "")
    with tempfile.TemporaryDirectory(prefix="ingest-benchmark-micro-") as directory:
        written = Path(directory, "micro.json")
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", str(TESTS), "--quiet", "-p", "no:cacheprovider", "--no-header"),
                *("--benchmark-json", str(written), "--benchmark-timer", "time.process_time", "--benchmark-disable-gc"),
                *("--benchmark-max-time", str(_MAX_TIME_QUICK_S if quick else _MAX_TIME_S)),
                *("--benchmark-min-time", "0.001", "--benchmark-min-rounds", str(SAMPLES)),
            ],
            cwd=TESTS.parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        found = json.loads(written.read_text())["benchmarks"] if written.exists() and written.stat().st_size else []
    tell(ended.stdout.strip().rpartition("\n")[2] or "pytest said nothing")
    figures = [figure(each, command) for each in found]
    notes = [f"micro: {line.strip()}" for line in ended.stdout.splitlines() if line.startswith("SKIPPED")]
    return Outcome(figures, notes=notes, faults=list(_faults(ended)))


def figure(measured: Mapping[str, Any], command: str) -> Figure:
    """What pytest-benchmark wrote of one test."""
    told = measured["extra_info"]
    calls = told.get("calls", 1)
    return Figure(
        part="micro",
        case=measured["group"],
        name=measured["name"].removeprefix("test_").replace("_", " ").replace("[", ", ").rstrip("]"),
        unit=f"CPU µs a {told.get('of', 'call')}",
        samples=samples([seconds / calls * 1e6 for seconds in measured["stats"]["data"]]),
        command=command,
    )


def samples(rounds: Sequence[float]) -> tuple[float, ...]:
    """The medians of `SAMPLES` stretches of `rounds`, as even as they can be; all rounds where there are fewer."""
    count = min(len(rounds), SAMPLES)
    bounds = [len(rounds) * each // count for each in range(count + 1)]
    return tuple(statistics.median(rounds[begin:end]) for begin, end in itertools.pairwise(bounds))


def _faults(ended: subprocess.CompletedProcess[str]) -> Iterator[str]:
    if ended.returncode:
        said = (ended.stdout + ended.stderr).strip().splitlines()[-_TOLD_LINES:]
        yield f"micro: pytest ended with exit code {ended.returncode}: {' / '.join(said)}"
