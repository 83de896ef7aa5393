"""Two runs of the suite, figure by figure: `benchmarks/compare A.json B.json`.

1. Figures are matched by part, case and name. Those that only one of them has are listed.
2. The factor is B's median by A's; whether it is more than noise is for `noise` to say.
3. On machines that differ only ratios get a verdict: all else says more about the machines.
4. It prints, and fails only when it can't read: what a figure may be is for people to decide.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import figures, machine
from benchmarks.blocks import parts
from benchmarks.figures import Figure, Results
from benchmarks.noise import Comparison, compare
from benchmarks.spelling import spell, unit

OTHER_MACHINE = "other machine"
_STYLES = {"better": "green", "worse": "red", "differs": "yellow"}
_WIDE = 170  # columns, where the output is no terminal


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of both runs."""

    before: Figure
    after: Figure
    found: Comparison
    verdict: str


@dataclass(frozen=True, slots=True)
class Compared:
    """`rows` in A's order, and the figures that only one of the two has."""

    rows: Sequence[Row]
    only_before: Sequence[Figure]
    only_after: Sequence[Figure]


def compared(before: Results, after: Results) -> Compared:
    """Figure by figure."""
    same_machine = machine.same(before.about.get("machine", {}), after.about.get("machine", {}))
    old = {figure.key: figure for figure in before.outcome.figures}
    new = {figure.key: figure for figure in after.outcome.figures}
    rows = []
    for key in old.keys() & new.keys():
        one, other = old[key], new[key]
        found = compare(one.samples, other.samples, other.better, ratio=other.ratio)
        verdict = found.verdict if same_machine or other.ratio else OTHER_MACHINE
        rows.append(Row(one, other, found, verdict))
    order = {key: place for place, key in enumerate(old)}
    rows.sort(key=lambda row: order[row.before.key])
    return Compared(
        rows,
        [figure for key, figure in old.items() if key not in new],
        [figure for key, figure in new.items() if key not in old],
    )


def show(console: Console, found: Compared) -> None:
    """A table for each part, then what is not in both, then the sum of it."""
    rows = {row.after.key: row for row in found.rows}
    for name, own in parts(row.after for row in found.rows).items():
        console.print(_table(name, [rows[figure.key] for figure in own]))
    _list(console, "only in A", found.only_before)
    _list(console, "only in B", found.only_after)
    counts = Counter(row.verdict for row in found.rows)
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    lone = len(found.only_before) + len(found.only_after)
    console.print(f"{len(found.rows)} figures in both: {said or 'none'}; {lone} in one of them only")


def _table(name: str, rows: Iterable[Row]) -> Table:
    table = Table(title=name, title_justify="left", header_style="")
    for heading in ("case", "figure", "A", "B", "unit", "B / A", "95% between", "samples", "verdict"):
        table.add_column(heading, justify="right" if heading in ("A", "B", "B / A", "95% between") else "left")
    case = None
    for row in rows:
        table.add_row(
            row.after.case if row.after.case != case else "",
            row.after.name,
            spell(row.before.median),
            spell(row.after.median),
            unit(row.after),
            "-" if row.found.factor is None else f"{row.found.factor:.2f}",
            "-" if row.found.interval is None else "{:.2f} - {:.2f}".format(*row.found.interval),
            f"{len(row.before.samples)}, {len(row.after.samples)}",
            row.verdict,
            style=_STYLES.get(row.verdict, ""),
        )
        case = row.after.case
    return table


def _list(console: Console, title: str, lone: Sequence[Figure]) -> None:
    if lone:
        console.print(f"{title}:")
    for figure in lone:
        console.print(
            f"  {figure.part}: {figure.case}: {figure.name}: {spell(figure.median)} {unit(figure)}", markup=False
        )


def _about(console: Console, letter: str, path: Path, results: Results) -> None:
    about = results.about
    said = f"{letter}: {path}: {about.get('command', 'no command')}, {about.get('at', 'no time')}"
    console.print(f"{said}, ingest {about.get('versions', {}).get('ingest', 'unknown')}", markup=False)
    if results.outcome.faults:
        console.print(f"{letter} has faults; what they concern has no figures: {len(results.outcome.faults)}")


def main(arguments: Sequence[str]) -> int:
    options = argparse.ArgumentParser(
        prog="benchmarks/compare",
        description="Compares two runs of the suite, figure by figure. It prints verdicts and never fails on them.",
        epilog="example: benchmarks/compare before.json after.json",
    )
    options.add_argument("before", type=Path, metavar="A.json", help="the run to compare with")
    options.add_argument("after", type=Path, metavar="B.json", help="the run to judge")
    given = options.parse_args(arguments)
    runs = []
    for path in (given.before, given.after):
        try:
            runs.append(figures.load(path))
        except OSError as error:
            return _refuse(f"{path} can't be read: {os.strerror(error.errno or 0)}")
        except ValueError as error:
            return _refuse(str(error))
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    before, after = runs
    _about(console, "A", given.before, before)
    _about(console, "B", given.after, after)
    if not machine.same(before.about.get("machine", {}), after.about.get("machine", {})):
        console.print("The machines differ: only ratios get a verdict.")
    if before.about.get("settings") != after.about.get("settings"):
        console.print("The two were run with other settings (--quick?): read every figure with that in mind.")
    show(console, compared(before, after))
    return 0


def _refuse(reason: str) -> int:
    print(f"benchmarks/compare: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
