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
7. The last events are those of a text log: what comes again and again is added up, and pushes nothing else out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ingest import events
from ingest.events import Event
from ingest.records import NOTHING, PartitionEnd
from ingest.status import lines, parts
from ingest.status.about import About
from ingest.status.event_coalescer import EventCoalescer
from ingest.status.history import EventRing, HistoryRing
from ingest.status.sentence import sentence
from ingest.status.services import ArizeView, DeadLetterView, KafkaView
from ingest.status.snapshot import LogLine, PartitionStatus, Snapshot, Totals
from ingest.status.views import PartitionView, WorkerView

_CLOCK_STEP_S = 1.0


class RunState:
    """Takes every event; the state is in its attributes and properties."""

    def __init__(self, about: About | None = None) -> None:
        self.about = about or About()
        self.kafka = KafkaView()
        self.arize = ArizeView()
        self.dead_letters = DeadLetterView()
        self.history = HistoryRing()
        self.log = EventRing()
        self._coalescer = EventCoalescer()
        self.possible_duplicates = 0
        self.endpoint = ""
        self.retention: dict[str, events.TopicRetention] = {}
        self.exit_code: int | None = None
        self._unix_at_0: float | None = None  # Unix time at second 0 of the monotonic clock
        self.topics: list[str] = []
        self.group = ""
        self.started_at: float | None = None
        self.draining = False
        self.workers: dict[int, WorkerView] = {}
        self.partitions: dict[tuple[str, int], PartitionView] = {}

    def take(self, event: Event, now: float) -> None:
        """Update the state with `event`."""
        self.kafka.take(event, now)
        self.arize.take(event, now)
        self.dead_letters.take(event, self._topic_of(event.worker), now)
        match event:
            case events.SupervisorStarted():
                self._begin(event, now)
            case events.DrainStarted(topic=None):
                self.draining = True
            case events.PartitionEnds() | events.OldestMessages():
                self._answered(event, now)
            case events.TopicRetention():
                self.retention[event.topic] = event
            case events.DuplicatesPossible():
                self.possible_duplicates += sum(span.count for span in event.ranges)
            case events.Event(worker=int(index)):
                self._of_worker(self._worker(index), event, now)
            case _:
                pass
        if lines.wanted(event, "info"):
            self._note(self._coalescer.take(event, now), now)

    def _note(self, found: Iterable[Event], now: float) -> None:
        """Rule 7."""
        for event in found:
            text = lines.sentence(event)
            self.log.add(
                LogLine(
                    at=self.unix(now), level=event.level, event=lines.event_name(event), worker=event.worker, text=text
                )
            )

    def _of_worker(self, worker: WorkerView, event: Event, now: float) -> None:
        match event:
            case events.PartitionsAdded():
                self._added(worker, event)
            case events.PartitionPaused() | events.PartitionResumed():
                self._paused(event)
            case events.Progress():
                self._progress(worker, event, now)
            case events.Committed():
                for partition in event.next_offsets:
                    if view := self.partitions.get((worker.topic, partition)):
                        view.committed_at = now
            case events.UploadAcknowledged():
                worker.acknowledged_rows += event.rows
            case events.WorkerStarted():
                self._started(worker, event, now)
            case _:
                self._ended(worker, event, now)

    def end(self, exit_code: int) -> None:
        """The run has ended with this code."""
        self.exit_code = exit_code

    def snapshot(self, now: float, wall: float) -> Snapshot:
        """The run as it is at `now` (monotonic), which is `wall` in Unix seconds."""
        # Kept while the clocks agree, so that a moment of the past does not move with each snapshot.
        if self._unix_at_0 is None or abs(wall - now - self._unix_at_0) > _CLOCK_STEP_S:
            self._unix_at_0 = wall - now
        ended = self.exit_code is not None
        self._note(self._coalescer.rest(now) if ended else self._coalescer.due(now), now)
        moments = parts.Moments(now, wall, self.unix)
        views = self.workers.values()
        workers = [parts.worker_status(view, moments) for view in views]
        by_index = {status.index: status for status in workers}
        partitions = [
            parts.partition_status(
                view,
                None if view.worker is None else by_index.get(view.worker),
                self.retention.get(view.topic),
                moments,
            )
            for view in self.partitions.values()
        ]
        totals = self._totals(partitions, now)
        letters = self.about.dead_letters
        free_bytes = None if letters is None else letters.bytes()
        kafka = parts.kafka_part(self.kafka, self.about.brokers, views, workers, moments)
        arize = parts.arize_part(self.arize, self.endpoint, views, workers, moments)
        own = parts.ingest_part(self.dead_letters, views, workers, partitions, moments, free_bytes=free_bytes)
        made = Snapshot(
            at=self.unix(now),
            started_at=self.unix(now if self.started_at is None else self.started_at),
            run=self.about.run,
            version=self.about.version,
            host=self.about.host,
            pid=self.about.pid,
            group=self.group,
            topics=tuple(self.topics),
            health=parts.worst([kafka.health, arize.health, own.health]),
            sentence="",
            draining=self.draining,
            ended=ended,
            exit_code=self.exit_code,
            loop_at=self.unix(now),
            totals=totals,
            kafka=kafka,
            ingest=own,
            arize=arize,
            workers=tuple(workers),
            partitions=tuple(partitions),
            dead_letters=parts.dead_letter_counts(self.dead_letters),
            events=self.log.lines(),
            history=self.history.take(totals, now),
        )
        return replace(made, sentence=sentence(made))

    def _totals(self, partitions: Sequence[PartitionStatus], now: float) -> Totals:
        reported = [view.counts for view in self.partitions.values() if view.has_rare_outcomes]
        rare = sum(reported, NOTHING)
        behind = [status for status in partitions if status.lag]
        ages = [status.oldest_age_s for status in behind if status.oldest_age_s is not None]
        left = [status.retention_left_s for status in behind if status.retention_left_s is not None]
        unknown = [
            status
            for status in behind
            if not status.retention_known or (status.retention_s is not None and status.oldest_age_s is None)
        ]
        of = self.done_of()
        return Totals(
            read=sum(view.read for view in self.partitions.values()),
            acknowledged=self.acknowledged,
            dead_lettered=self.dead_lettered,
            tombstones=rare.tombstones,
            filtered=rare.filtered,
            restarts=self.restarts,
            possible_duplicates=self.possible_duplicates,
            read_per_s=self.per_s,
            acknowledged_per_s=self.acknowledged_per_s,
            lag=sum(status.lag or 0 for status in partitions),
            lag_unknown=sum(status.lag is None for status in partitions),
            held_back=sum(status.held_back for status in partitions),
            held_back_s=self.held_back_s,
            oldest_age_s=max(ages, default=None),
            retention_left_s=min(left, default=None),
            remaining_s=self.remaining_s(now),
            oldest_age_unknown=len(behind) - len(ages),
            retention_unknown=len(unknown),
            expired=self.kafka.expired,
            done_offsets=None if of is None else of[0],
            all_offsets=None if of is None else of[1],
        )

    def unix(self, moment: float) -> float:
        """A moment of the monotonic clock in Unix seconds, to the millisecond."""
        return round(moment + (self._unix_at_0 or 0.0), 3)

    @property
    def acknowledged(self) -> int:
        """Messages acknowledged and committed in this run."""
        return sum(view.acknowledged for view in self.partitions.values())

    @property
    def dead_lettered(self) -> int:
        """Messages dead-lettered and committed in this run."""
        return sum(view.dead_lettered for view in self.partitions.values())

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

    @property
    def per_s(self) -> float:
        """Messages read per second, by all workers."""
        return sum((worker.rate.per_s for worker in self.workers.values()), 0.0)

    @property
    def acknowledged_per_s(self) -> float:
        """Rows acknowledged per second, by all workers."""
        return sum((worker.acknowledged_rate.per_s for worker in self.workers.values()), 0.0)

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

    def _topic_of(self, index: int | None) -> str:
        return self.workers[index].topic if index is not None and index in self.workers else ""

    def _worker(self, index: int) -> WorkerView:
        return self.workers.setdefault(index, WorkerView(index))

    def _begin(self, event: events.SupervisorStarted, now: float) -> None:
        topic, self.group, self.started_at = event.topic, event.group, now
        self.topics.append(topic)
        for index in range(event.first_worker, event.first_worker + event.workers):
            self.workers[index] = WorkerView(index, topic, since=now, shown_since=now)
        for partition in event.partitions:
            until = event.end_offsets.get(partition) if event.end_offsets is not None else None
            first = event.next_offsets.get(partition, 0)
            self.partitions[topic, partition] = PartitionView(topic, partition, first, until)

    def _added(self, worker: WorkerView, event: events.PartitionsAdded) -> None:
        worker.partitions = tuple(sorted({*worker.partitions, *event.partitions}))
        for partition in event.partitions:
            fresh = PartitionView(event.topic, partition, first=0, until=None)
            self.partitions.setdefault((event.topic, partition), fresh).worker = worker.index

    def _paused(self, event: events.PartitionPaused | events.PartitionResumed) -> None:
        view = self.partitions.get((event.topic, event.partition))
        if view is None:
            return
        if isinstance(event, events.PartitionPaused):
            view.paused_by = event.by
        else:
            view.resume()

    def _started(self, worker: WorkerView, event: events.WorkerStarted, now: float) -> None:
        worker.begin(event, now)
        self.endpoint = event.endpoint or self.endpoint
        for partition in event.partitions:
            if view := self.partitions.get((worker.topic, partition)):
                view.begin(worker.index)

    def _answered(self, event: events.PartitionEnds | events.OldestMessages, now: float) -> None:
        if isinstance(event, events.PartitionEnds):
            self._ends(event, now)
            return
        for partition, next_offset in event.next_offsets.items():
            if view := self.partitions.get((event.topic, partition)):
                view.learn_oldest(next_offset, event.timestamps_ms[partition])

    def _ends(self, event: events.PartitionEnds, now: float) -> None:
        for partition, end_offset in event.end_offsets.items():
            if view := self.partitions.get((event.topic, partition)):
                view.end = PartitionEnd(event.stable_offsets[partition], end_offset)
                view.held_back_s = event.held_back_s.get(partition)
                view.learn_lag(now)

    def _progress(self, worker: WorkerView, event: events.Progress, now: float) -> None:
        worker.state, worker.report, worker.reported_at = event.state, event, now
        worker.reads(event)
        worker.uploads_in_flight, worker.uploads_limit = event.uploads_in_flight, event.uploads_limit
        worker.rss_bytes = event.rss_bytes
        worker.rate.take(sum(progress.consumed for progress in event.partitions.values()), now)
        worker.acknowledged_rate.take(worker.acknowledged_rows, now)
        for partition, progress in event.partitions.items():
            fresh = PartitionView(worker.topic, partition, progress.next_offset, None)
            view = self.partitions.setdefault((worker.topic, partition), fresh)
            view.worker = worker.index
            view.take(progress, now)

    def _ended(self, worker: WorkerView, event: Event, now: float) -> None:
        before = worker.state
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
        worker.report = None
        worker.reason = _cause(worker, before, event)
        worker.crashed(event, lines.sentence(event), now)
        worker.uploads_in_flight, worker.uploads_limit = 0, None
        worker.rate.stop()
        worker.acknowledged_rate.stop()
        if not isinstance(event, events.WorkerHung | events.WorkerFailed):  # the process still runs
            worker.pid, worker.rss_bytes = None, 0
        for partition in worker.partitions:
            if view := self.partitions.get((worker.topic, partition)):
                view.rate.stop()


def _cause(worker: WorkerView, before: str, event: Event) -> str:
    """Why a worker does not go on. One that was halted `before` keeps its cause when its process ends."""
    halted = before == "halted" and isinstance(event, events.WorkerExited)
    return worker.reason if halted else lines.sentence(event)
