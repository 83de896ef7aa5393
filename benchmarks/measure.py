"""One measured run of one contender.

Steady state is told apart from the start by acknowledgements alone, the same for all:

1. A window begins at the acknowledgement of the first upload and ends at that of another one. Its events are those of
   the uploads acknowledged in it (the first one's not), its CPU and wall time what the whole process tree took
   meanwhile. Of several workers, it begins when each has had an upload acknowledged: their starts are outside it.
2. `steady` ends at the last acknowledgement with at least `AHEAD_UPLOADS` uploads' worth of events still to come, for
   each worker. A consumer that works ahead (fetches and decodes while it uploads) has then as much in hand as at the
   window's beginning, so it is charged for as much as it is credited with.
3. `to_the_end` ends at the very last acknowledgement. It credits CPU spent ahead before the window, and its wall time
   has an end in which nothing overlaps any more. It is kept to compare.
4. `whole` is everything: interpreter start, imports, first fetch, last commit, exit.
5. `neighbours` is what else used the machine's cores during the run: where they were full, events a second say more
   about the neighbours than about the contender, and CPU seconds are the figure to read.
6. A run that didn't store every event exactly once is void, whatever its figures.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import launcher
from benchmarks.backlog import Backlog
from benchmarks.contenders import Contender, Order, environment

AHEAD_UPLOADS = 3
SLOWEST_EVENTS_PER_S = 2_000
START_S = 120.0
TOLD_LINES = 8


@dataclass(frozen=True, slots=True)
class Window:
    """`events` were acknowledged within `wall_s` for `cpu_s`, user and system, of the whole process tree."""

    events: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.wall_s

    @property
    def cost(self) -> float:
        """CPU seconds per 100,000 events."""
        return self.cpu_s / self.events * 100_000


@dataclass(frozen=True, slots=True)
class Neighbours:
    """CPU seconds of the endpoint, the broker and all others during a run; `idle_s` was nobody's, over all cores."""

    endpoint_s: float
    broker_s: float
    others_s: float
    idle_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to. `void` says why its figures count for nothing. Memory is PSS over the tree, in bytes."""

    contender: str
    pair: int
    void: str | None
    whole: Window
    steady: Window | None
    to_the_end: Window | None
    first_acknowledgement_s: float
    pss_peak_bytes: int
    pss_mean_bytes: int
    processes: int
    neighbours: Neighbours
    uploads: int
    changed_values: int
    checked_rows: int
    pss: tuple[tuple[float, int], ...] = ()  # seconds since the start, bytes of the whole tree


def run(
    contender: Contender,
    backlog: Backlog,
    pair: int,
    batch_events: int,
    shares: Sequence[Collection[int]] = (),
) -> Run:
    """Let `contender` deliver the whole backlog once, and check that it did.

    `shares` are the partitions of each of its workers, where there are several.
    """
    directory = backlog.directory / f"{pair}-{re.sub(r'[^a-zA-Z0-9]+', '-', contender.name)}"
    directory.mkdir()
    backlog.forget()
    order = Order(group=f"benchmark-{directory.name}", batch_events=batch_events, directory=directory)
    log = directory / "output.log"
    before = _meters(backlog)
    measured = _launch(contender.command(backlog, order), environment(backlog), backlog, log)
    neighbours = _neighbours(before, _meters(backlog), measured["cpu_s"])
    uploads = backlog.uploads()
    changed, checked = backlog.changed_values() if uploads else (0, 0)
    acknowledged = measured["acknowledged"]
    begin = all_started(backlog.senders(shares), len(shares)) if shares and uploads else 1
    ahead = AHEAD_UPLOADS * batch_events * max(len(shares), 1)
    pss = [pss_bytes for _, pss_bytes in measured["pss"]]
    done = Run(
        contender=contender.name,
        pair=pair,
        void=_why_void(measured, backlog, log),
        whole=Window(backlog.events, measured["wall_s"], measured["cpu_s"]),
        steady=window(acknowledged, uploads, ahead, begin),
        to_the_end=window(acknowledged, uploads, 0, begin),
        first_acknowledgement_s=acknowledged[0][0] if acknowledged else 0.0,
        pss_peak_bytes=max(pss, default=0),
        pss_mean_bytes=_mean_while(measured["pss"], acknowledged),
        processes=measured["processes"],
        neighbours=neighbours,
        uploads=len(uploads),
        changed_values=changed,
        checked_rows=checked,
        pss=tuple((at_s, size) for at_s, size in measured["pss"]),
    )
    backlog.forget()
    shutil.rmtree(directory)
    return done


def _launch(command: Sequence[str], variables: Mapping[str, str], backlog: Backlog, log: Path) -> dict[str, Any]:
    deadline_s = START_S + backlog.events / SLOWEST_EVENTS_PER_S
    options = ["--journal", str(backlog.journal.path), "--log", str(log), "--deadline-s", str(deadline_s)]
    held = [sys.executable, "-IS", launcher.__file__, *options, "--", *command]
    # A Ctrl-C at the terminal is for the runner; what it started ends with the pipe.
    with subprocess.Popen(
        held, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the launcher has no pipes")
        try:
            said = process.stdout.read()
        finally:
            process.stdin.close()
    if process.returncode:
        raise RuntimeError(f"the launcher failed with exit code {process.returncode}; its stderr says why")
    measured: dict[str, Any] = json.loads(said)
    return measured


def _meters(backlog: Backlog) -> tuple[float, float, float, float]:
    """CPU seconds so far: endpoint, broker, machine busy, machine idle."""
    endpoint, broker = (psutil.Process(pid).cpu_times() for pid in (backlog.endpoint_pid, backlog.broker_pid))
    machine = psutil.cpu_times()
    idle_s = machine.idle + machine.iowait
    # The kernel counts a guest's time as user time too.
    busy_s = sum(machine) - machine.guest - machine.guest_nice - idle_s
    return endpoint.user + endpoint.system, broker.user + broker.system, busy_s, idle_s


def _neighbours(before: tuple[float, ...], after: tuple[float, ...], own_s: float) -> Neighbours:
    endpoint_s, broker_s, busy_s, idle_s = (late - early for early, late in zip(before, after, strict=True))
    return Neighbours(endpoint_s, broker_s, max(busy_s - endpoint_s - broker_s - own_s, 0.0), idle_s)


def all_started(senders: Sequence[int], count: int) -> int:
    """How many uploads there were once each of `count` senders had one; all of them if one never had."""
    seen: set[int] = set()
    for uploads, sender in enumerate(senders, start=1):
        seen.add(sender)
        if len(seen) == count:
            return uploads
    return len(senders)


def window(
    acknowledged: Sequence[tuple[float, int, float]], uploads: Sequence[int], ahead: int, begin: int = 1
) -> Window | None:
    """From the acknowledgement of upload `begin` (from 1 on) to the last with `ahead` events to come.

    Two at a single look count as one.
    """
    total = sum(uploads)
    marks = [(at_s, sum(uploads[:files]), cpu_s) for at_s, files, cpu_s in acknowledged if files >= begin]
    ends = [mark for mark in marks[1:] if total - mark[1] >= ahead]
    if not ends:
        return None
    (first_s, first_events, first_cpu_s), (last_s, last_events, last_cpu_s) = marks[0], ends[-1]
    return Window(last_events - first_events, last_s - first_s, last_cpu_s - first_cpu_s)


def _mean_while(pss: Sequence[tuple[float, int]], acknowledged: Sequence[tuple[float, int, float]]) -> int:
    """The mean between the first and the last acknowledgement: imports and exit would lower it."""
    if not acknowledged:
        return 0
    first_s, last_s = acknowledged[0][0], acknowledged[-1][0]
    samples = [pss_bytes for at_s, pss_bytes in pss if first_s <= at_s <= last_s]
    return sum(samples) // len(samples) if samples else 0


def _why_void(measured: Mapping[str, Any], backlog: Backlog, log: Path) -> str | None:
    if measured["timed_out"]:
        return f"not done within the deadline; its last words: {_last_words(log)}"
    if measured["exit_code"]:
        return f"exit code {measured['exit_code']}; its last words: {_last_words(log)}"
    found = backlog.delivered()
    if found.nothing_lost and not found.duplicates:
        return None
    return (
        f"of {found.expected} events {found.lost} are lost, {found.duplicates} doubled, {found.unexpected} unexpected"
    )


def _last_words(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").splitlines()[-TOLD_LINES:])
