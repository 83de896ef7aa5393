"""The command line: `benchmarks/run`."""

import argparse
import os
import shlex
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import machine, profile_worker, report, side_by_side
from benchmarks.backlog import Backlog
from benchmarks.contenders import INGEST
from ingest.errors import IngestError

RESULTS = Path(__file__).parent / "results"
PARTITIONS = 4
WIDE = 150  # columns, where the output is no terminal


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    events: int
    batch_events: int
    pairs: int


FULL = Size(events=1_000_000, batch_events=100_000, pairs=5)
QUICK = Size(events=240_000, batch_events=30_000, pairs=3)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description="Measures one worker beside the documented loop. It prints figures and never fails on them; "
        "it fails when a run doesn't deliver every event exactly once.",
        epilog="example: benchmarks/run --quick --json /tmp/figures.json",
    )
    parser.add_argument("--quick", action="store_true", help=f"for CI: {QUICK}")
    parser.add_argument("--events", type=int, help=f"the backlog (default {FULL.events:,})")
    parser.add_argument("--batch-events", type=int, help=f"events of a micro-batch (default {FULL.batch_events:,})")
    parser.add_argument("--pairs", type=int, help=f"(default {FULL.pairs})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/TIME.json")
    parser.add_argument("--profile", action="store_true", help="only profile one worker's loop, by function")
    return parser.parse_args()


def main() -> int:
    given = parse()
    preset = QUICK if given.quick else FULL
    size = Size(given.events or preset.events, given.batch_events or preset.batch_events, given.pairs or preset.pairs)
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    about = {
        "command": shlex.join(["benchmarks/run", *sys.argv[1:]]),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "settings": {**asdict(size), "partitions": PARTITIONS},
    }
    console.print(f"{about['machine']}\n{about['versions']}", markup=False)
    console.print(f"producing {size.events:,} events to {PARTITIONS} partitions of a real Kafka ...")
    with Backlog(size.events, PARTITIONS) as backlog:
        if given.profile:
            return profile_worker.profile(INGEST, backlog, size.batch_events)
        runs = side_by_side.measure(
            backlog, size.pairs, size.batch_events, lambda run: console.print(report.line(run), markup=False)
        )
        title = (
            f"{size.events:,} events of {backlog.event_bytes():.0f} bytes, lz4, {PARTITIONS} partitions, "
            f"batches of {size.batch_events:,}, {size.pairs} pairs"
        )
    ratios = side_by_side.ratios(runs)
    path = given.json or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.json"
    report.save(path, about, runs, ratios)
    report.show(console, runs, ratios, title)
    console.print(f"{about['command']}\nJSON: {path}", markup=False)
    return int(any(run.void is not None for run in runs))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except IngestError as error:
        sys.exit(f"benchmarks/run: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
