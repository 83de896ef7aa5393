"""The visible state of a run, computed from its events: workers, partitions, rates and what remains.

`now` is in seconds of one monotonic clock. Rates are of messages read, smoothed over some seconds; progress to the end
is counted in committed offsets.
"""

import math
from dataclasses import dataclass, field

from ingest import events
from ingest.events import Event
from ingest.records import PartitionProgress

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


@dataclass(slots=True)
class PartitionView:
    """One partition. `first` is where the run began to read it, `until` where the run ends."""

    topic: str
    partition: int
    first: int
    until: int | None
    progress: PartitionProgress | None = None
    acknowledged_before: int = 0
    dead_lettered_before: int = 0
    rate: Rate = field(default_factory=Rate)

    @property
    def next_offset(self) -> int:
        """The committed one, or where reading begins."""
        return max(self.progress.next_offset, self.first) if self.progress is not None else self.first

    @property
    def lag(self) -> int | None:
        """Offsets to the end (of the run, if it has one); None before it is known."""
        if self.until is not None:
            return max(self.until - self.next_offset, 0)
        return self.progress.lag if self.progress is not None and self.progress.end_offset >= 0 else None


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
                worker = self._worker(index)
                worker.partitions = tuple(sorted({*worker.partitions, *event.partitions}))
                for partition in event.partitions:
                    key = event.topic, partition
                    self.partitions.setdefault(key, PartitionView(event.topic, partition, first=0, until=None))
            case events.Progress(worker=int(index)):
                self._progress(self._worker(index), event, now)
            case events.WorkerStarted(worker=int(index)):
                worker = self._worker(index)
                worker.pid, worker.partitions = event.pid, event.partitions
                worker.state, worker.since = "starting", now
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

    def lags(self) -> dict[str, int]:
        """`lag` by topic."""
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
    def restarts(self) -> int:
        """How many times workers were started again."""
        return sum(worker.restarts for worker in self.workers.values())

    def done_of(self) -> tuple[int, int] | None:
        """Offsets committed and all offsets, of a run that has an end; None without an end."""
        views = [view for view in self.partitions.values() if view.until is not None]
        if not views:
            return None
        done = sum(min(view.next_offset, view.until or 0) - view.first for view in views)
        return max(done, 0), sum(max((view.until or 0) - view.first, 0) for view in views)

    def remaining_s(self, now: float) -> float | None:
        """Seconds until the end at the mean rate so far; None without an end or a rate."""
        of = self.done_of()
        if of is None or self.started_at is None or of[0] <= 0:
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

    def _progress(self, worker: WorkerView, event: events.Progress, now: float) -> None:
        worker.state = event.state
        worker.uploads_in_flight, worker.uploads_limit = event.uploads_in_flight, event.uploads_limit
        worker.rss_bytes = event.rss_bytes
        worker.rate.take(sum(progress.consumed for progress in event.partitions.values()), now)
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
        for partition in worker.partitions:
            if view := self.partitions.get((worker.topic, partition)):
                view.rate.stop()
