"""The supervisor's decisions: one loop that converges on its target, a running worker for each assignment.

1. A step reads the workers' events, kills hung workers, reaps ended ones and starts missing ones, in this order: a
   worker is judged only after its last event was read.
2. A worker is alive if its loop makes progress, as `Progress` reports. No progress for `hang_s` means hung: the worker
   is killed, and its end is a crash like any other. Before it reads it has `start_limit_s`, as imports and Kafka take
   their time.
3. Time in which the supervisor itself did not run (stopped, suspended) does not count against a worker.
4. `restarts.exit_kind` classifies the end of a worker, and `restarts.after_crash` answers a crash. A worker that exits
   with 0 although no stop was requested and the run has no end is started again as well.
5. The first stop drains: each worker is ordered to drain, and killed `GRACE_S` after the deadline that it keeps itself.
   The second stop kills immediately. If a worker exits for a reason that holds for its whole topic (its key is
   refused), the other workers of the topic are drained, and the other topics go on.
6. A partition that is added to the topic goes to the worker with the fewest: the worker is told if it runs, and a
   worker that is started later in the same slot has the partition in its assignment.
7. Somebody may request that one worker drains and is started again. Its end within the deadline is then no crash, also
   in a run that has an end. A worker that does not drain in time is killed, which is one.
8. A partition that somebody has paused stays paused until somebody resumes it, in each process of its slot. The run
   does not end before it is read, if it has an end; a drain does not wait for it.
9. The exit code is the most telling one: first what halted the whole run, then what was given up, then what was not
   acknowledged.

There is no process, signal, pipe or sleep in here: a test replays any history with a clock of its own.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from ingest.config.sections import Supervisor as SupervisorPolicy
from ingest.errors import ExitCode
from ingest.events import (
    DrainStarted,
    DuplicatesPossible,
    Emit,
    Notice,
    PartitionPaused,
    PartitionResumed,
    PartitionsAdded,
    Progress,
    WorkerExited,
    WorkerGivenUp,
    WorkerHung,
    WorkerRestarting,
)
from ingest.pipeline.backoff import Backoff
from ingest.supervisor.ledger import Ledger
from ingest.supervisor.partition_sets import Assignment
from ingest.supervisor.restarts import ExitKind, GiveUp, Restart, RestartPolicy, after_crash, exit_kind
from ingest.supervisor.slot import Slot, Spawn

STEP_S = 0.5  # at least one step in this time
GRACE_S = 5.0
SAME_STOP_S = 0.3  # `timeout` and service managers signal a process twice within a moment
LEAST_START_LIMIT_S = 150.0  # a fresh broker may take a minute to answer for the commits, and again for the ends

# The most telling first.
_TELLING = (
    ExitCode.CREDENTIALS,
    ExitCode.CONFIGURATION,
    ExitCode.USAGE,
    ExitCode.EXPIRED,
    ExitCode.TOO_MANY_DEAD,
    ExitCode.CRASHING,
    ExitCode.KAFKA,
    ExitCode.DRAIN_DEADLINE,
    ExitCode.DONE,
)


class Supervisor:
    """Keeps one worker running for each assignment until it is done or given up, or a stop is requested.

    `ledgers` and `crashes` are by topic, because each topic has an account of its own. `clock` returns monotonic
    seconds, `jitter` random numbers in [0, 1). With `ends` the run has an end, so that a worker that exits with 0 has
    finished.
    """

    def __init__(
        self,
        assignments: Sequence[Assignment],
        spawn: Spawn,
        policy: SupervisorPolicy,
        *,
        emit: Emit,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        ends: bool,
    ) -> None:
        self._slots = [Slot(index, assignment) for index, assignment in enumerate(assignments)]
        self._spawn = spawn
        self._policy = policy
        self._restart_policy = RestartPolicy(
            max_crashes=policy.max_crashes,
            crash_window_s=policy.crash_window_s,
            backoff=Backoff(policy.base_backoff_s, policy.max_backoff_s),
        )
        self._start_limit_s = max(LEAST_START_LIMIT_S, 2 * policy.hang_s)
        self._emit = emit
        self._clock = clock
        self._jitter = jitter
        self._ends = ends
        self._stopped_at: float | None = None  # when the first stop was requested
        self._codes: set[ExitCode] = {ExitCode.DONE}
        self._stepped_at = clock()
        self.ledgers = {assignment.topic: Ledger() for assignment in assignments}
        self.crashes: Counter[str] = Counter()

    @property
    def done(self) -> bool:
        """Whether no worker runs and none will be started."""
        return all(slot.process is None and slot.start_at is None for slot in self._slots)

    @property
    def stopping(self) -> bool:
        """Whether a stop was requested."""
        return self._stopped_at is not None

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the run: rule 9."""
        return min(self._codes, key=_TELLING.index)

    def fds(self) -> list[int]:
        """The descriptors that end the next wait when they become readable."""
        return [fd for slot in self._slots if slot.process is not None for fd in slot.process.fds()]

    def sentinels(self) -> list[int]:
        """Those of them that become readable when a worker ends."""
        return [slot.process.sentinel() for slot in self._slots if slot.process is not None]

    def wait_s(self) -> float:
        """How long the next wait may be, in seconds."""
        now = self._clock()
        starts = [slot.start_at - now for slot in self._slots if slot.process is None and slot.start_at is not None]
        return max(min([STEP_S, *starts]), 0.0)

    def stop(self, reason: str) -> None:
        """A stop was requested: the first drains, the second kills all workers."""
        now = self._clock()
        if self._stopped_at is None:
            self._stopped_at = now
            self._drain(self._slots, DrainStarted(reason=reason, deadline_in_s=self._policy.drain_s), now)
            return
        if now - self._stopped_at < SAME_STOP_S:
            return
        self._emit(
            Notice(text=f"{reason} again: killing all workers; unacknowledged messages stay uncommitted in Kafka")
        )
        self._kill_all()

    def restart(self, worker: int, reason: str) -> None:
        """Drain this worker and start it again: rule 7. One that does not run, or drains already, is left alone."""
        slot = next((slot for slot in self._slots if slot.index == worker), None)
        if slot is None or slot.process is None or slot.drain_until is not None or slot.restart_until is not None:
            self._emit(Notice(text=f"{reason}: worker {worker} does not run or drains already, it is not restarted"))
            return
        slot.restart_until = self._clock() + self._policy.drain_s
        self._emit(Notice(worker=worker, text=f"{reason}: it drains, and is started again"))
        slot.process.drain()

    def set_paused(self, topic: str, partition: int, by: str, *, paused: bool) -> None:
        """Pause or resume this partition, as `by` has asked: rule 8. One that no worker is to read is left alone."""
        slot = next((one for one in self._slots if one.reads(topic, partition)), None)
        if slot is None or slot.drain_until is not None:
            why = "no worker is to read it" if slot is None else "its worker drains"
            what = "paused" if paused else "resumed"
            self._emit(Notice(text=f"{by}: partition {partition} of {topic} is not {what}: {why}"))
            return
        if (partition in slot.paused) == paused:
            return
        slot.paused ^= {partition}
        self._emit(
            PartitionPaused(worker=slot.index, topic=topic, partition=partition, by=by, holds_up_the_end=self._ends)
            if paused
            else PartitionResumed(worker=slot.index, topic=topic, partition=partition, by=by)
        )
        if slot.process is not None:
            slot.process.keep_paused(sorted(slot.paused))

    def paused(self, worker: int) -> frozenset[int]:
        """The partitions of this worker that are paused, whether it runs or not."""
        return self._slots[worker].paused

    def add(self, topic: str, partitions: Sequence[int]) -> list[int]:
        """Assign added partitions of `topic` to the workers with the fewest; returns those that no worker can take."""
        slots = [
            slot
            for slot in self._slots
            if slot.assignment.topic == topic and slot.start_at is not None and slot.drain_until is None
        ]
        if not slots:
            return list(partitions)
        assigned: dict[int, list[int]] = {}
        for partition in partitions:
            fewest = min(slots, key=lambda slot: len(slot.assignment.partitions))
            fewest.assignment = Assignment(topic, (*fewest.assignment.partitions, partition))
            assigned.setdefault(fewest.index, []).append(partition)
        for slot in slots:
            if added := assigned.get(slot.index):
                self._emit(PartitionsAdded(worker=slot.index, topic=topic, partitions=tuple(added)))
                if slot.process is not None:
                    slot.process.add(added)
        return []

    def confirmed(self, topic: str, partitions: int) -> None:
        """Tell the workers of `topic` how many of its partitions, from 0 on, have a confirmed commit."""
        for slot in self._slots:
            if slot.assignment.topic == topic and slot.process is not None:
                slot.process.confirmed(partitions)

    def step(self) -> None:
        """Read events, kill hung workers, reap ended ones, start missing ones."""
        now = self._clock()
        self._discount_own_pause(now)
        for slot in self._slots:
            self._read(slot, now)
        for slot in self._slots:
            self._kill_if_hung(slot, now)
            until = slot.restart_until if slot.drain_until is None else slot.drain_until
            if until is not None and now > until + GRACE_S:
                slot.kill()
        for slot in self._slots:
            self._reap(slot, now)
        for slot in self._slots:
            self._start(slot, now)

    def abandon(self) -> None:
        """Kill all workers; for the way out of an unexpected exception."""
        for slot in self._slots:
            if slot.process is not None:
                slot.process.kill()
                slot.process.close()
                slot.process = None

    # --- the parts of a step ----------------------------------------------------------------------

    def _discount_own_pause(self, now: float) -> None:
        missed = now - self._stepped_at - 2 * STEP_S
        self._stepped_at = now
        if missed > 0:
            for slot in self._slots:
                slot.progress_at += missed

    def _read(self, slot: Slot, now: float) -> None:
        if slot.process is None:
            return
        for event in slot.process.events():
            if isinstance(event, Progress):
                slot.progress_at = now
                slot.reading = slot.reading or event.state != "starting"
            self.ledgers[slot.assignment.topic].take(event)
            self._emit(event)

    def _kill_if_hung(self, slot: Slot, now: float) -> None:
        if slot.process is None or slot.killed:
            return
        no_progress_s = now - slot.progress_at
        if no_progress_s > (self._policy.hang_s if slot.reading else self._start_limit_s):
            self._emit(WorkerHung(worker=slot.index, pid=slot.process.pid, no_progress_s=no_progress_s))
            slot.kill()

    def _reap(self, slot: Slot, now: float) -> None:
        process = slot.process
        if process is None:
            return
        code = process.exit_code()
        if code is None:
            return
        self._read(slot, now)  # the events between the last reading and its end
        process.close()
        slot.process = None
        ledger = self.ledgers[slot.assignment.topic]
        if code == ExitCode.DONE:
            ledger.worker_finished(slot.assignment.partitions)
        else:
            self._emit(WorkerExited(worker=slot.index, pid=process.pid, exit_code=code, ran_s=now - slot.started_at))
            possible = ledger.worker_lost(slot.assignment.partitions)
            if possible:
                self._emit(DuplicatesPossible(worker=slot.index, topic=slot.assignment.topic, ranges=possible))
        self._handle_exit(slot, code, now)

    def _handle_exit(self, slot: Slot, code: int, now: float) -> None:
        kind = exit_kind(code)
        requested, slot.restart_until = slot.restart_until is not None, None
        if kind is ExitKind.HALT_ALL:
            slot.start_at = None
            self._codes.add(ExitCode(code))
            if slot.drain_until is None:
                self._drain_topic(slot.assignment.topic, f"worker {slot.index} exited with code {code}", now)
        elif kind is ExitKind.HALTED:
            slot.start_at = None
            self._codes.add(ExitCode(code))
        elif slot.drain_until is not None:
            slot.start_at = None
            if code != ExitCode.DONE:
                self._codes.add(ExitCode.DRAIN_DEADLINE)
        elif kind is ExitKind.FINISHED and requested:
            slot.start_at = now
        elif kind is ExitKind.FINISHED and self._ends:
            slot.start_at = None
        else:
            self._crashed(slot, code, now)

    def _crashed(self, slot: Slot, code: int, now: float) -> None:
        self.crashes[slot.assignment.topic] += 1
        answer = after_crash(slot.crashes, now, self._restart_policy, self._jitter())
        slot.crashes = answer.crashes
        match answer:
            case Restart(delay_s=delay_s):
                slot.start_at = now + delay_s
                self._emit(WorkerRestarting(worker=slot.index, restart_in_s=delay_s, crashes=len(answer.crashes)))
            case GiveUp():
                slot.start_at = None
                self._codes.add(ExitCode.KAFKA if code == ExitCode.KAFKA else ExitCode.CRASHING)
                self._emit(
                    WorkerGivenUp(
                        worker=slot.index,
                        partitions=slot.assignment.partitions,
                        crashes=len(answer.crashes),
                        crash_window_s=self._policy.crash_window_s,
                    )
                )

    def _start(self, slot: Slot, now: float) -> None:
        if slot.process is not None or slot.start_at is None or slot.start_at > now:
            return
        slot.started_at = slot.progress_at = now
        slot.reading = slot.killed = False
        try:
            slot.process = self._spawn(slot.index, slot.assignment)
        except OSError as error:
            self._emit(Notice(worker=slot.index, text=f"the worker could not be started: {error.strerror or error}"))
            self._crashed(slot, ExitCode.CRASHED, now)
            return
        # The first start waits for the forkserver's imports: that time is not the worker's.
        slot.started_at = slot.progress_at = self._clock()

    # --- stops ------------------------------------------------------------------------------------

    def _drain_topic(self, topic: str, reason: str, now: float) -> None:
        several = len(self.ledgers) > 1
        reason = f"{reason}, as every worker{f' of {topic}' if several else ''} would"
        event = DrainStarted(reason=reason, deadline_in_s=self._policy.drain_s, topic=topic if several else None)
        self._drain([slot for slot in self._slots if slot.assignment.topic == topic], event, now)

    def _drain(self, slots: Sequence[Slot], event: DrainStarted, now: float) -> None:
        self._emit(event)
        for slot in slots:
            slot.start_at = None
            slot.drain_until = now + event.deadline_in_s if slot.drain_until is None else slot.drain_until
            if slot.process is not None:
                slot.process.drain()

    def _kill_all(self) -> None:
        for slot in self._slots:
            slot.kill()
