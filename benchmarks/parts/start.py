"""Start and restart: how long eight workers need until they fetch and deliver, and one that was killed.

1. A start is timed from the exec of `ingest supervise --workers 8 --partitions 0-31`. Events trickle in all the time,
   and a new group has a backlog before it. A worker fetches once it has its first messages in hand: the line that tells
   the unit of their timestamps says so, or `consumed` of its progress, whichever comes first.
2. An acknowledgement is an upload in the endpoint's journal, by the time of its file. Batches linger for 0.2 s, so that
   it is not the batch's age that is measured.
3. A restart is timed from SIGKILL. Only the acknowledgement of an event that was produced after the kill counts: what
   was in flight before may still arrive.
4. A kill may repeat what was in flight, a start may not, and nothing may be lost: that is checked.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pyarrow as pa

from benchmarks.backlog import Backlog
from benchmarks.contenders import environment
from benchmarks.figures import Better, Outcome, Tell
from benchmarks.samples import Samples
from benchmarks.supervise import Line, Setup, Supervised, SupervisedError
from benchmarks.trickle import Trickle
from ingest.sandbox.compare import compare_counts
from ingest.sandbox.journal import by_partition

PART = "start"
BACKLOG_EVENTS = 64_000
TRICKLE_PER_S = 320
TIMEOUT_S = 90.0
BETWEEN_KILLS_S = 1.0
FETCHING = "until all workers fetch"
DELIVERING = "from the kill to the first acknowledgement of a new event"
TARGETS_S = {FETCHING: 6.0, DELIVERING: 2.0}


@dataclass(frozen=True, slots=True)
class Size:
    """How often, with how many workers."""

    workers: int
    partitions: int
    starts: int
    kills: int


FULL = Size(workers=8, partitions=32, starts=5, kills=16)
QUICK = Size(workers=4, partitions=16, starts=1, kills=3)


def measure(*, quick: bool, tell: Tell) -> Outcome:
    """Starts, then kills; about three minutes when full."""
    size = QUICK if quick else FULL
    setup = Setup(size.workers, size.partitions, batch_events=5_000, linger_s=0.2, commit_interval_s=0.2)
    noted = _Noted(f"benchmarks/run --part {PART}{' --quick' if quick else ''}", tell)
    many = f"{size.workers} workers, {size.partitions} partitions"
    with Backlog(BACKLOG_EVENTS, size.partitions) as backlog:
        first = dict.fromkeys(range(size.partitions), BACKLOG_EVENTS // size.partitions)
        with Trickle(backlog.brokers, backlog.topic, first, backlog.generator, rate_per_s=TRICKLE_PER_S) as trickle:
            trial = _Trial(backlog, trickle)
            # The first group on a broker waits for the topic of the offsets to be made: that is not ours to time.
            trial.start(replace(setup, workers=1), "warm-up")
            for number in range(size.starts):
                for what in ("a new group", "a group with commits"):
                    noted.start(f"{many}, {what}", lambda: trial.start(setup, f"start-{number}"))  # noqa: B023
            noted.restarts(f"{many}, one killed", lambda: trial.kills(setup, size.kills))
    return noted.held()


@dataclass(frozen=True, slots=True)
class _Start:
    """Seconds since the exec; `cpu_s` is what the whole tree had taken when all were fetching."""

    imported_s: float  # the supervisor's first word
    forked_s: float  # the last worker's first word
    assigned_s: float  # the last partition's
    fetching_s: float  # the last worker's first message
    first_ack_s: float
    all_acked_s: float  # the last worker's first acknowledgement
    cpu_s: float


@dataclass(frozen=True, slots=True)
class _Restart:
    """Seconds since the kill. `backoff_s` is what the supervisor waited on purpose."""

    seen_s: float
    backoff_s: float
    started_s: float
    assigned_s: float
    first_ack_s: float


@dataclass(frozen=True, slots=True)
class _Ack:
    """One upload in the journal. `stored_at` is in seconds since the epoch, `newest` the highest sequences in it."""

    stored_at: float
    rows: int
    newest: Mapping[int, int]


class _Acks:
    """The journal's uploads in the order of storing, each read once."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._next_number = 0
        self.found: list[_Ack] = []

    def look(self) -> list[_Ack]:
        """All of them, the new ones included."""
        while (file := self._journal / f"{self._next_number:010d}.arrow").exists():
            with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
                table = stream.read_all()
            newest = {partition: int(sequences.max()) for partition, sequences in by_partition(table)}
            self.found.append(_Ack(file.stat().st_mtime, table.num_rows, newest))
            self._next_number += 1
        return self.found

    def forget(self) -> None:
        """What comes from now on counts alone; the endpoint goes on with its numbers."""
        self.look()
        self.found.clear()


class _Trial:
    """Runs `ingest supervise` on the topic, again and again."""

    def __init__(self, backlog: Backlog, trickle: Trickle) -> None:
        self._backlog = backlog
        self._trickle = trickle
        self._acks = _Acks(backlog.journal.path)
        self._committed: dict[str, dict[int, int]] = {}  # by group: the ends that were delivered

    def start(self, setup: Setup, group: str) -> _Start:
        """Start, wait until every worker had something acknowledged, drain. Raises SupervisedError."""
        first = self._committed.get(group, {})
        self._forget()
        began_wall_s = time.time()
        with self._supervised(setup, group) as run:
            fetching: dict[int, float] = {}
            run.wait_for("every worker fetched", lambda: len(_fetching(run, fetching)) == setup.workers, TIMEOUT_S)
            cpu_s = _tree_cpu_s(run.pid)
            run.wait_for("every worker delivered", lambda: len(self._first_acks(setup)) == setup.workers, TIMEOUT_S)
            lines = list(run.lines)
            acks = self._first_acks(setup).values()
            run.stop()
        ends = self._check(first, doubled=0)
        self._committed[group] = ends
        return _Start(
            imported_s=lines[0].at_s - run.started_s,
            forked_s=_last(lines, "worker_started") - run.started_s,
            assigned_s=_last(lines, "partition_assigned") - run.started_s,
            fetching_s=max(fetching.values()) - run.started_s,
            first_ack_s=min(acks) - began_wall_s,
            all_acked_s=max(acks) - began_wall_s,
            cpu_s=cpu_s,
        )

    def kills(self, setup: Setup, count: int) -> list[_Restart]:
        """Kill one worker after the other, each when the last one delivers again. Raises SupervisedError."""
        self._forget()
        found = []
        with self._supervised(setup, "kills") as run:
            run.wait_for("the backlog was delivered", self._caught_up, TIMEOUT_S)
            for number in range(count):
                time.sleep(BETWEEN_KILLS_S)
                found.append(self._kill(run, number % setup.workers, setup))
            run.stop()
        # What was in flight at a kill: its batches, of the few events that linger for 0.2 s.
        self._check({}, doubled=count * (2 * setup.in_flight - 1) * setup.batch_events)
        return found

    def _kill(self, run: Supervised, worker: int, setup: Setup) -> _Restart:
        pid = [line.fields["pid"] for line in run.lines if line.event == "worker_started" and line.worker == worker][-1]
        new_from = {partition: self._trickle.ends()[partition] for partition in setup.shares[worker]}
        seen_before = len(self._acks.look())
        at_s, wall_s = time.monotonic(), time.time()
        os.kill(pid, signal.SIGKILL)
        acked: list[float] = []

        def delivered() -> bool:
            acked.extend(
                ack.stored_at
                for ack in self._acks.look()[seen_before:]
                if any(ack.newest.get(partition, -1) >= new for partition, new in new_from.items())
            )
            return bool(acked)

        run.wait_for(f"worker {worker} delivered again", delivered, TIMEOUT_S)
        run.wait_for("its lines", lambda: len(_after(run, at_s, worker, "partition_assigned")) > 0, TIMEOUT_S)
        (exited, *_), (again, *_) = (
            _after(run, at_s, worker, event) for event in ("worker_exited", "worker_restarting")
        )
        return _Restart(
            seen_s=exited.at_s - at_s,
            backoff_s=again.fields["restart_in_s"],
            started_s=_after(run, at_s, worker, "worker_started")[0].at_s - at_s,
            assigned_s=_after(run, at_s, worker, "partition_assigned")[-1].at_s - at_s,
            first_ack_s=min(acked) - wall_s,
        )

    def _supervised(self, setup: Setup, group: str) -> Supervised:
        directory = self._backlog.directory / f"{group}-{time.monotonic_ns()}"
        directory.mkdir()
        config = directory / "ingest.toml"
        config.write_text(setup.toml(self._backlog.brokers, self._backlog.topic, group, directory))
        return Supervised([*setup.command(config), "--verbose"], environment(self._backlog), directory / "errors.log")

    def _forget(self) -> None:
        self._acks.forget()
        self._backlog.forget()

    def _first_acks(self, setup: Setup) -> dict[int, float]:
        """Of each worker that had one: when its first upload was stored, in seconds since the epoch."""
        worker_of = {partition: worker for worker, share in enumerate(setup.shares) for partition in share}
        found: dict[int, float] = {}
        for ack in self._acks.look():
            found.setdefault(worker_of[next(iter(ack.newest))], ack.stored_at)
        return found

    def _caught_up(self) -> bool:
        """Whether the events of the last second are all that may be missing."""
        return sum(ack.rows for ack in self._acks.look()) > sum(self._trickle.ends().values()) - TRICKLE_PER_S

    def _check(self, first: Mapping[int, int], *, doubled: int) -> dict[int, int]:
        """Everything up to where it was read is stored, from `first` on; the ends."""
        counts = self._backlog.journal.counts()
        ends = {partition: len(stored) for partition, stored in counts.items()}
        found = compare_counts(self._backlog.journal, self._backlog.generator, ends, first=first)
        if not found.nothing_lost or found.duplicates > doubled:
            raise SupervisedError(
                f"of {found.expected} events {found.lost} are lost, {found.duplicates} doubled, "
                f"{found.unexpected} unexpected"
            )
        return ends


def _fetching(run: Supervised, found: dict[int, float]) -> dict[int, float]:
    """When each worker had its first messages, as far as it has said so."""
    for line in run.lines:
        if line.worker is not None and line.worker not in found and _has_messages(line):
            found[line.worker] = line.at_s
    return found


def _has_messages(line: Line) -> bool:
    if line.event == "timestamp_unit_detected":
        return True
    return line.event == "progress" and any(each["consumed"] for each in line.fields["partitions"].values())


def _after(run: Supervised, at_s: float, worker: int, event: str) -> list[Line]:
    return [line for line in run.since(at_s) if line.worker == worker and line.event == event]


def _last(lines: Sequence[Line], event: str) -> float:
    return max(line.at_s for line in lines if line.event == event)


def _tree_cpu_s(pid: int) -> float:
    """CPU seconds of a process and all below it, ended ones included."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system + each.children_user + each.children_system for each in times)


class _Noted(Samples):
    """What the trials have shown so far; `tell` hears of each."""

    def __init__(self, command: str, tell: Tell) -> None:
        super().__init__(PART, command)
        self._tell = tell

    def start(self, case: str, trial: Callable[[], _Start]) -> None:
        """Run one start and keep its figures."""
        try:
            began = trial()
        except SupervisedError as failed:
            self.faults.append(f"{PART}: {case}: {failed}")
            return
        self._tell(
            f"{PART}: {case}: all fetch after {began.fetching_s:.2f} s, first acknowledgement after "
            f"{began.first_ack_s:.2f} s, {began.cpu_s:.1f} CPU s"
        )
        self._seconds(case, "to the supervisor's first word", began.imported_s, "neither")
        self._seconds(case, "to the last worker's first word", began.forked_s, "neither")
        self._seconds(case, "to the last partition's start", began.assigned_s, "neither")
        self._seconds(case, FETCHING, began.fetching_s)
        self._seconds(case, "to the first acknowledgement", began.first_ack_s)
        self._seconds(case, "to an acknowledgement of each worker", began.all_acked_s)
        self._seconds(case, "CPU until all workers fetch", began.cpu_s)

    def restarts(self, case: str, trial: Callable[[], list[_Restart]]) -> None:
        """Run the kills and keep their figures."""
        try:
            found = trial()
        except SupervisedError as failed:
            self.faults.append(f"{PART}: {case}: {failed}")
            return
        for restart in found:
            self._tell(
                f"{PART}: {case}: seen after {restart.seen_s:.2f} s, {restart.backoff_s:.2f} s of backoff, started "
                f"after {restart.started_s:.2f} s, first acknowledgement {restart.first_ack_s:.2f} s"
            )
            self._seconds(case, "from the kill until it is seen", restart.seen_s)
            self._seconds(case, "backoff", restart.backoff_s, "neither")
            self._seconds(case, "from the kill to the new worker's first word", restart.started_s)
            self._seconds(case, "from the kill to its last partition's start", restart.assigned_s)
            self._seconds(case, DELIVERING, restart.first_ack_s)

    def _seconds(self, case: str, name: str, seconds: float, better: Better = "less") -> None:
        self.take(case, name, "s", seconds, better)

    def held(self) -> Outcome:
        """All of it, held against what was wished for."""
        for figure in self.figures():
            if (target_s := TARGETS_S.get(figure.name)) is not None:
                self.notes.append(
                    f"{PART}: {figure.case}: {figure.name}: {figure.median:.2f} s, "
                    f"at most {max(figure.samples):.2f} s; wished for: {target_s:g} s"
                )
        return self.outcome()
