"""The views of a run that its state is made of: its workers, its partitions, and the rates of both.

Rules
1. Times are monotonic seconds.
2. A worker's state follows from its last report and from what has become of its process, worst first: what does not
   run is restarting, hung, given up, halted or done, whatever it last reported.
3. A lag was true when the end of its partition was learned: it is counted from the offset that was committed then.
4. The age of a partition's oldest uncommitted message is known as long as its committed offset is the one that a
   worker reported it for, or the supervisor asked Kafka about, also when that worker is gone. A timestamp in the
   future, or none, is no timestamp.
5. A crash is told by the first event about it, as that names the cause: the worker's own report, that it hangs, else
   how its process ended. It lasts until the next process reads.
6. A partition is paused by request while its worker's last report says so, also when that worker is gone: the next one
   keeps the pause, unless somebody has ended it meanwhile. What was asked for and not done yet is no pause.
"""

import math
from dataclasses import dataclass, field, replace

from ingest import events
from ingest.events import Progress
from ingest.records import NOTHING, Counts, PartitionEnd, PartitionProgress
from ingest.status.services import Moment
from ingest.status.snapshot import State

SMOOTHED_OVER_S = 5.0


@dataclass(slots=True)
class Rate:
    """Messages per second of a counter that may start again from 0."""

    per_s: float = 0.0
    _total: int = 0
    _at: float | None = None
    _weight: float = 0.0  # of all samples: the mean of a few samples must not be biased towards zero

    def take(self, total: int, now: float) -> None:
        """The counter is at `total` now."""
        if self._at is not None and now > self._at and total >= self._total:
            seconds = now - self._at
            share = 1 - math.exp(-seconds / SMOOTHED_OVER_S)
            self._weight += share * (1 - self._weight)
            self.per_s += share / self._weight * ((total - self._total) / seconds - self.per_s)
        self._total, self._at = total, now

    def stop(self) -> None:
        """The counter has stopped."""
        self.per_s, self._total, self._at, self._weight = 0.0, 0, None, 0.0


_PROCESS_STATES = {
    "ended": State.HALTED,
    "waiting": State.RESTARTING,
    "hung": State.HUNG,
    "given up": State.GIVEN_UP,
    "halted": State.HALTED,
    "done": State.DONE,
}
CLOCKS_DIFFER_S = 60.0  # by at most this a producer's or broker's clock may be ahead of ours


@dataclass(slots=True)
class WorkerView:
    """One worker. `state` is the loop's own, or one of waiting, hung, done, given up, halted.

    `report` is what its loop last reported, at `reported_at`; None before it did, and of a process that has ended.
    """

    index: int
    topic: str = ""
    partitions: tuple[int, ...] = ()
    pid: int | None = None
    state: str = "starting"
    since: float = 0.0
    restarts: int = 0
    uploads_in_flight: int = 0
    uploads_limit: int | None = None
    rss_bytes: int = 0
    rate: Rate = field(default_factory=Rate)
    acknowledged_rows: int = 0  # by its process
    acknowledged_rate: Rate = field(default_factory=Rate)
    lane: str = ""
    reason: str = ""
    report: Progress | None = None
    reported_at: float = 0.0
    shown: State = State.STARTING
    shown_since: float = 0.0
    crash: Moment | None = None
    crash_lasts: bool = False
    _crash_of_this: bool = False  # the process that runs, or ran last, has its crash noted

    def status(self) -> State:
        """Rule 2."""
        if (process := _PROCESS_STATES.get(self.state)) is not None:
            return process
        report = self.report
        if report is None:
            return State.STARTING
        found = (
            (report.state == "draining", State.DRAINING),
            (report.kafka_silent_s is not None, State.KAFKA_AWAY),
            (report.state == "starting", State.STARTING),
            (report.dead_letters_blocked_s is not None, State.DEAD_LETTERS_BLOCKED),
            (report.arize_late, State.WAITING_FOR_ARIZE),
            (report.waits_for == "metadata", State.METADATA_FULL),
            (report.state == "paused", State.PAUSED),
        )
        return next((state for holds, state in found if holds), State.READING)

    def show(self, now: float) -> State:
        """The state of now; `shown_since` is when it became that."""
        status = self.status()
        if status is not self.shown:
            self.shown, self.shown_since = status, now
        return status

    def lasting_s(self, reported_s: float | None, now: float) -> float | None:
        """A duration of the last report, as long as it is now."""
        return None if reported_s is None else reported_s + now - self.reported_at

    def crashed(self, event: events.Event, text: str, now: float) -> None:
        """Rule 5: `event` tells of the end of its process, in `text`; one that has finished is no crash."""
        if isinstance(event, events.WorkerFinished):
            return
        given_up = isinstance(event, events.WorkerGivenUp)
        if given_up and self.crash is not None and self._crash_of_this:
            text = f"{text}. The last of them: {self.crash.text}"
        if given_up or not self._crash_of_this:
            self.crash = Moment(text, now)
        self.crash_lasts = self._crash_of_this = True

    def reads(self, report: Progress) -> None:
        """Its process has reported: a crash of the one before is over once it reads."""
        if report.state != "starting" and not self._crash_of_this:
            self.crash_lasts = False

    def begin(self, event: events.WorkerStarted, now: float) -> None:
        """A process has started; it counts from 0."""
        self._crash_of_this = False
        self.pid, self.partitions = event.pid, event.partitions
        self.acknowledged_rows = 0
        self.lane, self.reason, self.report = event.lane, "", None
        self.state, self.since = "starting", now
        self.shown, self.shown_since = State.STARTING, now


@dataclass(slots=True)
class PartitionView:
    """One partition. `first` is where the run began to read it, `until` where the run ends.

    `end` is what the supervisor was last answered; `held_back_s` is for how many seconds it has seen the last stable
    offset stand still, None if no message is behind it.
    """

    topic: str
    partition: int
    first: int
    until: int | None
    progress: PartitionProgress | None = None
    counts_before: Counts = NOTHING
    read_before: int = 0  # by processes that have ended
    end: PartitionEnd | None = None
    held_back_s: float | None = None
    rate: Rate = field(default_factory=Rate)
    worker: int | None = None
    known_lag: int | None = None
    lag_at: float | None = None
    committed_at: float | None = None
    paused_since: float | None = None  # by request
    paused_by: str = ""
    oldest: tuple[int, int] | None = None  # a committed offset, and the timestamp of the first message from there on

    def begin(self, worker: int) -> None:
        """A process of `worker` begins to read it; it counts from 0."""
        self.worker = worker
        if self.progress is not None:
            self.read_before += self.progress.consumed
            self.progress = replace(self.progress, consumed=0)

    def take(self, progress: PartitionProgress, now: float) -> None:
        """Its worker has reported how far it is."""
        if self.progress is None:
            self.counts_before = progress.counts
        self.progress = progress
        if not progress.paused:
            self.paused_since = None
        elif self.paused_since is None:
            self.paused_since = now
        if progress.oldest_ms is not None:
            self.oldest = self.next_offset, progress.oldest_ms
        if progress.end_offset >= 0:
            self.learn_lag(now)
        self.rate.take(progress.consumed, now)

    def resume(self) -> None:
        """Somebody has ended its pause: its worker may be gone, and report nothing."""
        self.paused_since, self.paused_by = None, ""

    def learn_oldest(self, next_offset: int, timestamp_ms: int) -> None:
        """The supervisor has asked Kafka: rule 4. A worker may have reported it meanwhile, for a later offset."""
        if next_offset == self.next_offset:
            self.oldest = next_offset, timestamp_ms

    @property
    def counts(self) -> Counts:
        """Messages by their outcome, committed in this run."""
        return NOTHING if self.progress is None else self.progress.counts - self.counts_before

    @property
    def acknowledged(self) -> int:
        """`counts.acknowledged`: snapshots ask for each partition twice a second."""
        return 0 if self.progress is None else self.progress.counts.acknowledged - self.counts_before.acknowledged

    @property
    def dead_lettered(self) -> int:
        """`counts.dead_lettered`, likewise."""
        return 0 if self.progress is None else self.progress.counts.dead_lettered - self.counts_before.dead_lettered

    @property
    def has_rare_outcomes(self) -> bool:
        """It has tombstones or filtered messages."""
        return self.progress is not None and bool(self.progress.counts.tombstones or self.progress.counts.filtered)

    @property
    def read(self) -> int:
        """Messages read in this run; one that was read again counts again."""
        return self.read_before + (0 if self.progress is None else self.progress.consumed)

    def learn_lag(self, now: float) -> None:
        """Rule 3: an end has been learned."""
        end_offset = self._end_offset()
        if end_offset is not None:
            self.known_lag, self.lag_at = max(end_offset - self.next_offset, 0), now

    def oldest_age_s(self, wall: float) -> float | None:
        """Rule 4: seconds at `wall` (Unix) since the oldest uncommitted message was written; None if unknown."""
        if not self.lag or self.oldest is None or self.oldest[0] != self.next_offset:
            return None
        age_s = wall - self.oldest[1] / 1000
        return max(age_s, 0.0) if self.oldest[1] > 0 and age_s >= -CLOCKS_DIFFER_S else None

    @property
    def next_offset(self) -> int:
        """The committed one, or where reading begins."""
        return max(self.progress.next_offset, self.first) if self.progress is not None else self.first

    @property
    def lag(self) -> int | None:
        """Offsets to the end (of the run, if it has one); None before it is known."""
        return max(self.until - self.next_offset, 0) if self.until is not None else self.known_lag

    @property
    def in_hand(self) -> bool:
        """Messages of it were read and are not committed."""
        return self.progress is not None and self.progress.position > self.next_offset

    def _end_offset(self) -> int | None:
        fetched = -1 if self.progress is None else self.progress.end_offset
        end_offset = fetched if self.end is None else max(self.end.end_offset, fetched)
        return end_offset if end_offset >= 0 else None

    @property
    def end_offset(self) -> int | None:
        """The newest end that is known, or where the run ends."""
        return self._end_offset() if self.until is None else self.until

    @property
    def held_back(self) -> int:
        """Offsets of the lag that are behind an open transaction, as far as is known."""
        return 0 if self.end is None else self.end.held_back(self.next_offset, self.until)
