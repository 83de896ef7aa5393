"""The supervisor's decisions: one loop that converges on its target, every share has a living worker.

1. A turn reads what the workers said, kills the hung, reaps the dead and starts the missing, in this order: a worker
   is judged only after its last word was read.
2. Life is progress of a worker's loop, told by `Progress`. None for `hang_s` means hung: killed, and its end
   is a crash like any other. Until it reads it has `start_limit_s`, as imports and Kafka take their time.
3. Time in which the supervisor itself did not turn (stopped, suspended) is not held against a worker.
4. The end of a worker is judged by `restarts.verdict`, a crash by `restarts.decide`. A worker that left with 0
   although nobody told it to and there was no end to reach is started again as well.
5. The first stop drains: every worker is asked, and killed `grace_s` after the deadline that it keeps itself.
   The second stop kills at once. A worker that leaves as all of its topic would (its key is refused) takes these with
   it, after a drain; the other topics go on.
6. A partition that is added to the topic goes to the worker with the fewest: it is told if it runs, and whoever is
   started in its place has it in its share.
7. The exit code is the most telling one: what halted all of it, then what was given up, then what was left open.

No process, signal, pipe or sleep is in here: a test replays any history with a clock of its own.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.config.sections import Supervisor as SupervisorPolicy
from ingest.errors import ExitCode
from ingest.events import (
    DrainStarted,
    DuplicatesPossible,
    Emit,
    Event,
    Notice,
    PartitionsAdded,
    Progress,
    WorkerExited,
    WorkerGivenUp,
    WorkerHung,
    WorkerRestarting,
)
from ingest.supervisor.ledger import Ledger
from ingest.supervisor.partitions import Assignment
from ingest.supervisor.restarts import GiveUp, Policy, Restart, Verdict, decide, verdict

TURN_S = 0.5  # a turn at least this often
GRACE_S = 5.0
SAME_STOP_S = 0.3  # `timeout` and service managers tell a process twice within a moment
LEAST_START_LIMIT_S = 150.0  # a fresh broker may take a minute to answer for the commits, and again for the ends

# The most telling first; whatever is not listed comes after.
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


class Worker(Protocol):
    """A running process, as `ingest.supervisor.process.Process` and the tests' fakes have it."""

    pid: int

    def exit_code(self) -> int | None:
        """None while it runs."""
        ...

    def events(self) -> list[Event]:
        """What it has said since the last call."""
        ...

    def fds(self) -> list[int]:
        """What becomes readable when it says something or ends."""
        ...

    def drain(self) -> None:
        """Ask it to deliver and leave."""
        ...

    def add(self, partitions: Sequence[int]) -> None:
        """Have it read these partitions, too."""
        ...

    def confirmed(self, partitions: int) -> None:
        """So many partitions of its topic, from 0 on, have a confirmed commit."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...

    def close(self) -> None:
        """Free what it leaves behind."""
        ...


Spawn = Callable[[int, Assignment], Worker]


@dataclass(slots=True)
class _Slot:
    """One worker's place: what it reads, and who sits there now."""

    index: int
    share: Assignment
    process: Worker | None = None
    start_at: float | None = 0.0  # None: nobody sits here again
    started_at: float = 0.0
    heard_at: float = 0.0
    stop_at: float | None = None  # when its drain is over
    turning: bool = False  # it has begun to read
    killed: bool = False
    crashes: tuple[float, ...] = ()


class Supervisor:
    """Keeps one worker on each share until they are done, given up, or a stop was asked for.

    `ledgers` and `crashes` are kept by topic: each has an account of its own.

    `clock` gives monotonic seconds, `jitter` random numbers in [0, 1). With `ends` the workers have an end to reach,
    so that one that leaves with exit code 0 has finished.
    """

    def __init__(
        self,
        shares: Sequence[Assignment],
        spawn: Spawn,
        policy: SupervisorPolicy,
        *,
        emit: Emit,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        ends: bool,
    ) -> None:
        self._seats = [_Slot(index, share) for index, share in enumerate(shares)]
        self._spawn = spawn
        self._policy = policy
        self._intensity = Policy(
            max_crashes=policy.max_crashes,
            crash_window_s=policy.crash_window_s,
            base_backoff_s=policy.base_backoff_s,
            max_backoff_s=policy.max_backoff_s,
        )
        self._start_limit_s = max(LEAST_START_LIMIT_S, 2 * policy.hang_s)
        self._emit = emit
        self._clock = clock
        self._jitter = jitter
        self._ends = ends
        self._stopped_at: float | None = None  # when somebody asked for it
        self._codes: set[ExitCode] = {ExitCode.DONE}
        self._turned_at = clock()
        self.ledgers = {share.topic: Ledger() for share in shares}
        self.crashes: Counter[str] = Counter()

    @property
    def done(self) -> bool:
        """No worker runs and none will be started."""
        return all(seat.process is None and seat.start_at is None for seat in self._seats)

    @property
    def exit_code(self) -> ExitCode:
        """What the run has come to."""
        return min(self._codes, key=_TELLING.index)

    def fds(self) -> list[int]:
        """What the next wait should end on."""
        return [fd for seat in self._seats if seat.process is not None for fd in seat.process.fds()]

    def wait_s(self) -> float:
        """How long the next wait may be."""
        now = self._clock()
        starts = [seat.start_at - now for seat in self._seats if seat.process is None and seat.start_at is not None]
        return max(min([TURN_S, *starts]), 0.0)

    def stop(self, reason: str) -> None:
        """A stop was asked for: the first drains, the second leaves at once."""
        now = self._clock()
        if self._stopped_at is None:
            self._stopped_at = now
            self._drain(self._seats, DrainStarted(reason=reason, deadline_in_s=self._policy.drain_s), now)
            return
        if now - self._stopped_at < SAME_STOP_S:
            return
        self._emit(Notice(text=f"{reason} again: leaving at once, what is open stays uncommitted in Kafka"))
        self._kill_all()

    def add(self, topic: str, partitions: Sequence[int]) -> list[int]:
        """Give partitions that were added to `topic` to the workers with the fewest; returns those nobody can take."""
        seats = [s for s in self._seats if s.share.topic == topic and s.start_at is not None and s.stop_at is None]
        if not seats:
            return list(partitions)
        given: dict[int, list[int]] = {}
        for partition in partitions:
            fewest = min(seats, key=lambda seat: len(seat.share.partitions))
            fewest.share = Assignment(topic, (*fewest.share.partitions, partition))
            given.setdefault(fewest.index, []).append(partition)
        for seat in seats:
            if added := given.get(seat.index):
                self._emit(PartitionsAdded(worker=seat.index, topic=topic, partitions=tuple(added)))
                if seat.process is not None:
                    seat.process.add(added)
        return []

    def confirmed(self, topic: str, partitions: int) -> None:
        """Tell the workers of `topic` how many of its partitions, from 0 on, have a confirmed commit."""
        for seat in self._seats:
            if seat.share.topic == topic and seat.process is not None:
                seat.process.confirmed(partitions)

    def turn(self) -> None:
        """Read, kill the hung, reap the dead, start the missing."""
        now = self._clock()
        self._discount_own_pause(now)
        for seat in self._seats:
            self._read(seat, now)
        for seat in self._seats:
            self._kill_if_hung(seat, now)
            if seat.stop_at is not None and now > seat.stop_at + GRACE_S:
                self._kill(seat)
        for seat in self._seats:
            self._reap(seat, now)
        for seat in self._seats:
            self._start(seat, now)

    def abandon(self) -> None:
        """Kill whatever runs; for the way out of an unexpected exception."""
        for seat in self._seats:
            if seat.process is not None:
                seat.process.kill()
                seat.process.close()
                seat.process = None

    # --- a turn's steps ---------------------------------------------------------------------------

    def _discount_own_pause(self, now: float) -> None:
        missed = now - self._turned_at - 2 * TURN_S
        self._turned_at = now
        if missed > 0:
            for seat in self._seats:
                seat.heard_at += missed

    def _read(self, seat: _Slot, now: float) -> None:
        if seat.process is None:
            return
        for event in seat.process.events():
            if isinstance(event, Progress):
                seat.heard_at = now
                seat.turning = seat.turning or event.state != "starting"
            self.ledgers[seat.share.topic].take(event)
            self._emit(event)

    def _kill_if_hung(self, seat: _Slot, now: float) -> None:
        if seat.process is None or seat.killed:
            return
        silent_s = now - seat.heard_at
        if silent_s > (self._policy.hang_s if seat.turning else self._start_limit_s):
            self._emit(WorkerHung(worker=seat.index, pid=seat.process.pid, no_progress_s=silent_s))
            self._kill(seat)

    def _reap(self, seat: _Slot, now: float) -> None:
        process = seat.process
        if process is None:
            return
        code = process.exit_code()
        if code is None:
            return
        self._read(seat, now)  # what it said between the last reading and its end
        process.close()
        seat.process = None
        ledger = self.ledgers[seat.share.topic]
        if code == ExitCode.DONE:
            ledger.worker_finished(seat.share.partitions)
        else:
            self._emit(WorkerExited(worker=seat.index, pid=process.pid, exit_code=code, ran_s=now - seat.started_at))
            possible = ledger.worker_lost(seat.share.partitions)
            if possible:
                self._emit(DuplicatesPossible(worker=seat.index, topic=seat.share.topic, ranges=possible))
        self._judge(seat, code, now)

    def _judge(self, seat: _Slot, code: int, now: float) -> None:
        kind = verdict(code)
        if kind is Verdict.HALT_ALL:
            seat.start_at = None
            self._codes.add(ExitCode(code))
            if seat.stop_at is None:
                self._drain_topic(seat.share.topic, f"worker {seat.index} left with exit code {code}", now)
        elif kind is Verdict.HALTED:
            seat.start_at = None
            self._codes.add(ExitCode(code))
        elif seat.stop_at is not None:
            seat.start_at = None
            if code != ExitCode.DONE:
                self._codes.add(ExitCode.DRAIN_DEADLINE)
        elif kind is Verdict.FINISHED and self._ends:
            seat.start_at = None
        else:
            self._crashed(seat, code, now)

    def _crashed(self, seat: _Slot, code: int, now: float) -> None:
        self.crashes[seat.share.topic] += 1
        answer = decide(seat.crashes, now, self._intensity, self._jitter())
        seat.crashes = answer.crashes
        match answer:
            case Restart(in_s=in_s):
                seat.start_at = now + in_s
                self._emit(WorkerRestarting(worker=seat.index, restart_in_s=in_s, crashes=len(answer.crashes)))
            case GiveUp():
                seat.start_at = None
                self._codes.add(ExitCode.KAFKA if code == ExitCode.KAFKA else ExitCode.CRASHING)
                self._emit(
                    WorkerGivenUp(
                        worker=seat.index,
                        partitions=seat.share.partitions,
                        crashes=len(answer.crashes),
                        crash_window_s=self._policy.crash_window_s,
                    )
                )

    def _start(self, seat: _Slot, now: float) -> None:
        if seat.process is not None or seat.start_at is None or seat.start_at > now:
            return
        seat.started_at = seat.heard_at = now
        seat.turning = seat.killed = False
        try:
            seat.process = self._spawn(seat.index, seat.share)
        except OSError as error:
            self._emit(Notice(worker=seat.index, text=f"the worker could not be started: {error.strerror or error}"))
            self._crashed(seat, ExitCode.CRASHED, now)
            return
        # The first start waits for the forkserver's imports: that time is not the worker's.
        seat.started_at = seat.heard_at = self._clock()

    # --- stops ------------------------------------------------------------------------------------

    def _drain_topic(self, topic: str, reason: str, now: float) -> None:
        several = len(self.ledgers) > 1
        reason = f"{reason}, as every worker {f'of {topic} ' if several else ''}would"
        event = DrainStarted(reason=reason, deadline_in_s=self._policy.drain_s, topic=topic if several else None)
        self._drain([seat for seat in self._seats if seat.share.topic == topic], event, now)

    def _drain(self, seats: Sequence[_Slot], event: DrainStarted, now: float) -> None:
        self._emit(event)
        for seat in seats:
            seat.start_at = None
            seat.stop_at = now + event.deadline_in_s if seat.stop_at is None else seat.stop_at
            if seat.process is not None:
                seat.process.drain()

    def _kill_all(self) -> None:
        for seat in self._seats:
            self._kill(seat)

    def _kill(self, seat: _Slot) -> None:
        if seat.process is not None:
            seat.killed = True
            seat.process.kill()
