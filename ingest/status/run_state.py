"""The visible state of a run, computed from its events: workers, partitions, rates and what remains.

Rules
1. `now` is in seconds of one monotonic clock.
2. There are two rates, smoothed over some seconds: of messages read, and of rows that Arize acknowledged. The second
   counts a row again that was sent again.
3. `acknowledged` and `dead_lettered` count messages whose commit is confirmed, since the first report of each
   partition. Progress to the end is counted in committed offsets.
4. Lag is counted to the end of the run, if it has one, else to the newest high watermark that is known: the worker's,
   as of its last fetch, or the supervisor's. A lag that is not known is None, never 0.
5. `held_back` is the part of the lag that an open transaction keeps from being read.
6. Of a process that has ended nothing is left but why, and how often it was started again.
"""

import math
from dataclasses import dataclass, field

from ingest import events
from ingest.events import Event
from ingest.records import PartitionEnd, PartitionProgress

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


@dataclass(slots=True)
class WorkerView:
    """One worker. `state` is the loop's own, or one of waiting, hung, done, given up, halted."""

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

    def begin(self, event: events.WorkerStarted, now: float) -> None:
        """A process has started; it counts from 0."""
        self.pid, self.partitions = event.pid, event.partitions
        self.acknowledged_rows = 0
        self.state, self.since = "starting", now


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
    acknowledged_before: int = 0
    dead_lettered_before: int = 0
    end: PartitionEnd | None = None
    held_back_s: float | None = None
    rate: Rate = field(default_factory=Rate)

    @property
    def next_offset(self) -> int:
        """The committed one, or where reading begins."""
        return max(self.progress.next_offset, self.first) if self.progress is not None else self.first

    @property
    def lag(self) -> int | None:
        """Offsets to the end (of the run, if it has one); None before it is known."""
        end_offset = self.until
        if end_offset is None:
            fetched = -1 if self.progress is None else self.progress.end_offset
            end_offset = fetched if self.end is None else max(self.end.end_offset, fetched)
        return max(end_offset - self.next_offset, 0) if end_offset >= 0 else None

    @property
    def held_back(self) -> int:
        """Offsets of the lag that are behind an open transaction, as far as is known."""
        return 0 if self.end is None else self.end.held_back(self.next_offset, self.until)


class RunState:
    """Takes every event; the state is in its attributes and properties."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.group = ""
        self.started_at: float | None = None
        self.draining = False
        self.workers: dict[int, WorkerView] = {}
        self.partitions: dict[tuple[str, int], PartitionView] = {}

    def take(self, event: Event, now: float) -> None:
        """Update the state with `event`."""
        match event:
            case events.SupervisorStarted():
                self._begin(event, now)
            case events.DrainStarted(topic=None):
                self.draining = True
            case events.PartitionsAdded(worker=int(index)):
                self._added(self._worker(index), event)
            case events.Progress(worker=int(index)):
                self._progress(self._worker(index), event, now)
            case events.PartitionEnds():
                self._ends(event)
            case events.UploadAcknowledged(worker=int(index)):
                self._worker(index).acknowledged_rows += event.rows
            case events.WorkerStarted(worker=int(index)):
                self._worker(index).begin(event, now)
            case events.Event(worker=int(index)):
                self._ended(self._worker(index), event, now)
            case _:
                pass

    @property
    def acknowledged(self) -> int:
        """Messages acknowledged and committed in this run."""
        return sum(
            view.progress.counts.acknowledged - view.acknowledged_before
            for view in self.partitions.values()
            if view.progress
        )

    @property
    def dead_lettered(self) -> int:
        """Messages dead-lettered and committed in this run."""
        return sum(
            view.progress.counts.dead_lettered - view.dead_lettered_before
            for view in self.partitions.values()
            if view.progress
        )

    @property
    def lag(self) -> int:
        """Offsets to the end, over all partitions for which it is known."""
        return sum(self.lags().values())

    @property
    def lag_unknown(self) -> int:
        """The number of partitions whose lag is not known: they are not in `lag`."""
        return sum(view.lag is None for view in self.partitions.values())

    @property
    def held_back(self) -> int:
        """Offsets of the lag that are behind open transactions."""
        return sum(view.held_back for view in self.partitions.values())

    @property
    def held_back_s(self) -> float | None:
        """The longest time for which this run has seen messages behind the same open transaction; None without."""
        return max((view.held_back_s or 0.0 for view in self.partitions.values() if view.held_back), default=None)

    def lags(self) -> dict[str, int]:
        """`lag` by topic, without the partitions where it is not known."""
        lags = dict.fromkeys(self.topics, 0)
        for (topic, _), view in self.partitions.items():
            lags[topic] = lags.get(topic, 0) + (view.lag or 0)
        return lags

    def topic_of(self, event: Event) -> str:
        """The topic of an event's worker if several topics are read, else ""."""
        several = len(self.topics) > 1 and event.worker in self.workers
        return self.workers[event.worker].topic if several and event.worker is not None else ""

    @property
    def per_s(self) -> float:
        """Messages read per second, by all workers."""
        return sum(worker.rate.per_s for worker in self.workers.values())

    @property
    def acknowledged_per_s(self) -> float:
        """Rows acknowledged per second, by all workers."""
        return sum(worker.acknowledged_rate.per_s for worker in self.workers.values())

    @property
    def restarts(self) -> int:
        """How many times a worker was to be started again."""
        return sum(worker.restarts for worker in self.workers.values())

    def done_of(self) -> tuple[int, int] | None:
        """Offsets committed and all offsets, of a run that has an end; None without an end."""
        views = [view for view in self.partitions.values() if view.until is not None]
        if not views:
            return None
        done = sum(min(view.next_offset, view.until or 0) - view.first for view in views)
        return max(done, 0), sum(max((view.until or 0) - view.first, 0) for view in views)

    def remaining_s(self, now: float) -> float | None:
        """Seconds until the end at the mean rate so far; None without an end or a rate, or if a transaction decides."""
        of = self.done_of()
        if of is None or self.started_at is None or of[0] <= 0 or self.held_back:
            return None
        return (of[1] - of[0]) * (now - self.started_at) / of[0]

    def _worker(self, index: int) -> WorkerView:
        return self.workers.setdefault(index, WorkerView(index))

    def _begin(self, event: events.SupervisorStarted, now: float) -> None:
        topic, self.group, self.started_at = event.topic, event.group, now
        self.topics.append(topic)
        for index in range(event.first_worker, event.first_worker + event.workers):
            self.workers[index] = WorkerView(index, topic, since=now)
        for partition in event.partitions:
            until = event.end_offsets.get(partition) if event.end_offsets is not None else None
            first = event.next_offsets.get(partition, 0)
            self.partitions[topic, partition] = PartitionView(topic, partition, first, until)

    def _added(self, worker: WorkerView, event: events.PartitionsAdded) -> None:
        worker.partitions = tuple(sorted({*worker.partitions, *event.partitions}))
        for partition in event.partitions:
            key = event.topic, partition
            self.partitions.setdefault(key, PartitionView(event.topic, partition, first=0, until=None))

    def _ends(self, event: events.PartitionEnds) -> None:
        for partition, end_offset in event.end_offsets.items():
            if view := self.partitions.get((event.topic, partition)):
                view.end = PartitionEnd(event.stable_offsets[partition], end_offset)
                view.held_back_s = event.held_back_s.get(partition)

    def _progress(self, worker: WorkerView, event: events.Progress, now: float) -> None:
        worker.state = event.state
        worker.uploads_in_flight, worker.uploads_limit = event.uploads_in_flight, event.uploads_limit
        worker.rss_bytes = event.rss_bytes
        worker.rate.take(sum(progress.consumed for progress in event.partitions.values()), now)
        worker.acknowledged_rate.take(worker.acknowledged_rows, now)
        for partition, progress in event.partitions.items():
            fresh = PartitionView(worker.topic, partition, progress.next_offset, None)
            view = self.partitions.setdefault((worker.topic, partition), fresh)
            if view.progress is None:
                view.acknowledged_before = progress.counts.acknowledged
                view.dead_lettered_before = progress.counts.dead_lettered
            view.progress = progress
            view.rate.take(progress.consumed, now)

    def _ended(self, worker: WorkerView, event: Event, now: float) -> None:
        match event:
            case events.WorkerExited():
                worker.state = "ended"
            case events.WorkerRestarting():
                worker.state = "waiting"
                worker.restarts += 1
            case events.WorkerHung():
                worker.state = "hung"
            case events.WorkerGivenUp():
                worker.state = "given up"
            case events.WorkerFinished(unacknowledged=0):
                worker.state = "done"
            case events.WorkerFailed():
                worker.state = "halted"
            case _:
                return
        worker.since = now
        worker.uploads_in_flight, worker.uploads_limit = 0, None
        worker.rate.stop()
        worker.acknowledged_rate.stop()
        if not isinstance(event, events.WorkerHung | events.WorkerFailed):  # the process still runs
            worker.pid, worker.rss_bytes = None, 0
        for partition in worker.partitions:
            if view := self.partitions.get((worker.topic, partition)):
                view.rate.stop()
