"""The command line: `benchmarks/run`."""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine, profile_worker, report, suite, tables
from benchmarks.backlog import Backlog
from benchmarks.contenders import INGEST, LOOP
from benchmarks.figures import Outcome, Results, Tell
from benchmarks.suite import Part
from ingest.errors import IngestError

RESULTS = Path(__file__).parent / "results"
WIDE = 150  # columns, where the output is no terminal
PROFILED_EVENTS, PROFILED_QUICK_EVENTS = 1_000_000, 240_000
PARTITIONS = 4


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    known = {**suite.PARTS, **suite.ON_REQUEST}
    parts = "\n".join(f"  {name:14}{what}" for name, what in suite.PARTS.items())
    further = "\n".join(f"  {name:14}{what}" for name, what in suite.ON_REQUEST.items())
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures ingest on this machine. It prints figures and never fails on them; it fails (exit 1)\n"
        f"where a run doesn't deliver every event exactly once.\n\nthe parts, in this order:\n{parts}\n"
        f"\nonly by --part:\n{further}",
        epilog="example: benchmarks/run --quick --part side_by_side --part micro --json /tmp/figures.json",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: 6 to 12 minutes for all, for CI")
    parser.add_argument("--part", action="append", choices=known, metavar="NAME", help="only this; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: benchmarks/results/TIME.json")
    parser.add_argument("--html", type=Path, metavar="FILE", help="the report with plots (default: beside the JSON)")
    parser.add_argument("--pairs", type=int, help="of side_by_side")
    parser.add_argument("--events", type=int, help="the backlog of side_by_side, and of --profile")
    parser.add_argument("--batch-events", type=int, help="events of a micro-batch, as above")
    parser.add_argument("--profile", action="store_true", help="only profile one worker's loop, by function")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str], part: Callable[[str], Part] = suite.part) -> int:
    given = parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    if given.profile:
        return _profile(given)
    names = [name for name in (*suite.PARTS, *suite.ON_REQUEST) if name in (given.part or suite.PARTS)]
    path = given.json or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.json"
    html = given.html or path.with_suffix(".html")
    results = Results(_about(arguments, given, names))
    for told in ("machine", "versions"):
        console.print(", ".join(f"{name} {value}" for name, value in results.about[told].items()), markup=False)

    def keep(outcome: Outcome, took_s: Mapping[str, float]) -> None:
        nonlocal results
        results = replace(results, about={**results.about, "took_s": dict(took_s)}, outcome=outcome)
        results.save(path)

    keep(Outcome(), {})  # a path that can't be written to is known before the work, not after it
    tell = _teller(console)
    try:
        parts = [part(name) for name in names]
        suite.run(parts, quick=given.quick, overrides=_overrides(given), tell=tell, keep=keep)
    finally:
        report.save(html, results)
        tables.show(console, results.outcome)
        tables.show_beside(console, LOOP.name, results.outcome)
        console.print(f"{results.about['command']}\nJSON: {path}\nreport: {html}", markup=False)
    return int(bool(results.outcome.faults))


def _about(arguments: Sequence[str], given: argparse.Namespace, names: list[str]) -> dict[str, Any]:
    return {
        "command": shlex.join(["benchmarks/run", *arguments]),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "settings": {"quick": given.quick, **_overrides(given)},
        "parts": names,
    }


def _overrides(given: argparse.Namespace) -> dict[str, dict[str, int]]:
    sizes = {"pairs": given.pairs, "events": given.events, "batch_events": given.batch_events}
    return {"side_by_side": {name: size for name, size in sizes.items() if size is not None}}


def _teller(console: Console) -> Tell:
    began = time.monotonic()

    def tell(line: str) -> None:
        console.print(f"{time.monotonic() - began:7.0f} s  {line}", markup=False)

    return tell


def _profile(given: argparse.Namespace) -> int:
    events = given.events or (PROFILED_QUICK_EVENTS if given.quick else PROFILED_EVENTS)
    with Backlog(events, PARTITIONS) as backlog:
        return profile_worker.profile(INGEST, backlog, given.batch_events or events // 10)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except IngestError as error:
        sys.exit(f"benchmarks/run: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
