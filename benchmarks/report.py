"""Figures for people (tables on the terminal) and for programs (JSON)."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Run, Window
from benchmarks.side_by_side import Ratio

WINDOWS: Mapping[str, str] = {
    "steady": "steady state",
    "to_the_end": "first to last acknowledgement",
    "whole": "whole, with start and exit",
}
FIGURES: Mapping[str, str] = {"cpu": "CPU per event, peer / ingest", "rate": "events/s, ingest / peer"}


def show(console: Console, runs: Sequence[Run], ratios: Sequence[Ratio], title: str) -> None:
    """The two tables, and what is void."""
    console.print(_figures(runs, title))
    console.print(_ratios(ratios))
    for run in runs:
        if run.void is not None:
            console.print(f"VOID: {run.contender}, pair {run.pair + 1}: {run.void}", markup=False)
    console.print(_verdict(runs), markup=False)


def line(run: Run) -> str:
    """One run, as it ends."""
    if run.void is not None:
        return f"  pair {run.pair + 1}  {run.contender:20}  VOID: {run.void}"
    steady = "no steady window" if run.steady is None else f"{_rate(run.steady)}/s, {run.steady.cost:.2f} CPU s / 100k"
    return (
        f"  pair {run.pair + 1}  {run.contender:20}  steady {steady}; "
        f"whole {run.whole.wall_s:.1f} s, {run.whole.cpu_s:.1f} CPU s"
    )


def save(path: Path, about: Mapping[str, Any], runs: Sequence[Run], ratios: Sequence[Ratio]) -> None:
    """Everything, as JSON."""
    content = {
        **about,
        "side_by_side": {
            "runs": [_with_rates(run) for run in runs],
            "ratios": [{**asdict(ratio), "median": ratio.median} for ratio in ratios],
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def _with_rates(run: Run) -> dict[str, Any]:
    told = asdict(run)
    for name in WINDOWS:
        window: Window | None = getattr(run, name)
        if window is not None:
            told[name] |= {"events_per_s": window.rate, "cpu_s_per_100k": window.cost}
    return told


def _figures(runs: Sequence[Run], title: str) -> Table:
    table = Table(title=title, title_justify="left", caption="median (least - most) over the pairs")
    names = list(dict.fromkeys(run.contender for run in runs))
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right")
    good = {name: [run for run in runs if run.contender == name and run.void is None] for name in names}

    def row(label: str, spell: str, value: Callable[[Run], float | None]) -> None:
        cells = [_spread([value(run) for run in good[name]], spell) for name in names]
        table.add_row(label, *cells)

    row("events/s, steady", ",.0f", lambda run: run.steady.rate if run.steady else None)
    row("CPU s per 100,000, steady", ".2f", lambda run: run.steady.cost if run.steady else None)
    row("CPU s per 100,000, first to last ack.", ".2f", lambda run: run.to_the_end.cost if run.to_the_end else None)
    row("events/s, whole", ",.0f", lambda run: run.whole.rate)
    row("CPU s per 100,000, whole", ".2f", lambda run: run.whole.cost)
    row("s to the first acknowledgement", ".1f", lambda run: run.first_acknowledgement_s)
    row("memory peak, MB PSS", ",.0f", lambda run: run.pss_peak_bytes / 1e6)
    row("memory mean, MB PSS", ",.0f", lambda run: run.pss_mean_bytes / 1e6)
    row("endpoint's CPU s per 100,000", ".2f", lambda run: _per_100k(run, run.neighbours.endpoint_s))
    row("broker's CPU s per 100,000", ".2f", lambda run: _per_100k(run, run.neighbours.broker_s))
    row("cores taken by others", ".2f", lambda run: run.neighbours.others_s / run.whole.wall_s)
    row("changed rows of 1,000 sampled", ".0f", lambda run: 1000 * run.changed_values / max(run.checked_rows, 1))
    return table


def _ratios(ratios: Sequence[Ratio]) -> Table:
    pairs = max((len(ratio.pairs) for ratio in ratios), default=0)
    table = Table(title="ingest beside its peers, pair by pair", title_justify="left")
    for heading in ("peer", "window", "figure", "median", "least", "most"):
        table.add_column(heading, justify="right" if heading in ("median", "least", "most") else "left")
    for pair in range(pairs):
        table.add_column(f"{pair + 1}", justify="right")
    for ratio in ratios:
        shown = [ratio.median, min(ratio.pairs), max(ratio.pairs), *ratio.pairs]
        table.add_row(ratio.peer, WINDOWS[ratio.window], FIGURES[ratio.figure], *(f"{value:.2f}" for value in shown))
    return table


def _verdict(runs: Sequence[Run]) -> str:
    void = sum(run.void is not None for run in runs)
    if void:
        return f"{void} of {len(runs)} runs are void: they didn't deliver every event exactly once."
    return f"Every event of all {len(runs)} runs is at the endpoint exactly once."


def _per_100k(run: Run, cpu_s: float) -> float:
    return cpu_s / run.whole.events * 100_000


def _rate(window: Window) -> str:
    return f"{window.rate:,.0f}"


def _spread(values: Sequence[float | None], spell: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    return f"{statistics.median(known):{spell}} ({min(known):{spell}} - {max(known):{spell}})"
