"""Counters and histograms of a run, folded from its events.

Rules
1. Only the supervisor's loop calls `take`. Other threads read copies: a value is replaced, never changed in place, and
   `dict.copy` is one step of the interpreter. Nobody waits for a reader.
2. A worker's figures begin at 0 with each of its processes, and the sum here goes on: what a process reports counts by
   its increase over the last report of the same process. What a killed process did after its last report is missing.
3. The counts of a commit are stored in Kafka, and go on over restarts and runs. The first ones that a partition reports
   are where this run began. If somebody sets them back, counting goes on from there.
4. Label values that an endpoint or Kafka chooses are bounded: a status that is not between 100 and 599 is `other`, and
   more than `MOST_REASONS` names of Kafka's errors are `other`, too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from ingest import events
from ingest.errors import ExitCode
from ingest.events import Event
from ingest.records import Counts, PartitionProgress
from ingest.status.metrics import table
from ingest.status.metrics.table import Labels, Metric

MOST_REASONS = 50
RESTARTS = ("hung", "killed", "kafka", "crashed", "finished")
OUTCOMES = tuple(each.name for each in fields(Counts))


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram holds: the number of values in each bucket (the last one is past all bounds), and their sum."""

    counts: tuple[int, ...]
    total: float = 0.0

    def plus(self, value: float, bounds: tuple[float, ...]) -> "Distribution":
        """With one more value."""
        index = next((i for i, bound in enumerate(bounds) if value <= bound), len(bounds))
        counts = (*self.counts[:index], self.counts[index] + 1, *self.counts[index + 1 :])
        return Distribution(counts, self.total + value)


class Counters:
    """Takes every event of a run, and holds its sums by metric and label values."""

    def __init__(self) -> None:
        self._sums: dict[Metric, dict[Labels, float]] = {
            metric: {} for metric in table.COUNTED if metric.kind == "counter"
        }
        self._distributions: dict[Metric, dict[Labels, Distribution]] = {
            metric: {} for metric in table.COUNTED if metric.kind == "histogram"
        }
        self.on_observation: Callable[[Metric, Labels, float], None] | None = None  # for each value of a histogram
        self._topics: dict[int, str] = {}  # by worker
        self._reported: dict[int, events.Progress] = {}  # last, by the worker's present process
        self._counts: dict[tuple[str, int], Counts] = {}  # last, by partition
        self._ended: dict[int, str] = {}  # why a worker that has no process ended

    def sums(self, metric: Metric) -> Mapping[Labels, float]:
        """The values of a counter by its label values: a copy."""
        return self._sums[metric].copy()

    def distributions(self, metric: Metric) -> Mapping[Labels, Distribution]:
        """The values of a histogram by its label values: a copy."""
        return self._distributions[metric].copy()

    def take(self, event: Event) -> None:
        """Count what `event` reports."""
        topic = self._topics.get(-1 if event.worker is None else event.worker, "")
        self._life(topic, event)
        self._upload(topic, event)
        match event:
            case events.Progress(worker=int(worker)):
                self._progress(worker, topic, event)
            case events.Committed():
                self._add(table.COMMITS, (topic,), 1)
            case events.DeadLettersWritten():
                for reason, messages in event.reasons.items():
                    self._add(table.DEAD_LETTERS, (topic, reason), messages)
            case events.DeadLettersBlocked():
                self._add(table.DEAD_LETTERS_BLOCKED, (topic,), 1)
            case events.DuplicatesPossible():
                self._add(table.POSSIBLE_DUPLICATES, (event.topic,), sum(span.count for span in event.ranges))
            case events.OffsetsExpired():
                self._add(table.EXPIRED, (event.topic,), event.next_offset - event.first)
            case _:
                pass

    def _life(self, topic: str, event: Event) -> None:
        """Of workers: which there are, and why they are started again."""
        match event:
            case events.SupervisorStarted():
                self._begin(event)
            case events.WorkerStarted(worker=int(worker)):
                self._reported.pop(worker, None)
                self._ended.pop(worker, None)
            case events.WorkerHung(worker=int(worker)):
                self._ended[worker] = "hung"
            case events.WorkerExited(worker=int(worker)):
                self._ended.setdefault(worker, _why(event.exit_code))
            case events.WorkerRestarting(worker=int(worker)):
                self._add(table.RESTARTS, (topic, self._ended.pop(worker, "finished")), 1)
            case _:
                pass

    def _begin(self, event: events.SupervisorStarted) -> None:
        """From now on there are zeros, so that the first increase shows: a rate needs two values."""
        for worker in range(event.first_worker, event.first_worker + event.workers):
            self._topics[worker] = event.topic
        for metric in (
            table.CONSUMED,
            table.DEAD_LETTERS_BLOCKED,
            table.POSSIBLE_DUPLICATES,
            table.EXPIRED,
            table.COMMITS,
        ):
            self._add(metric, (event.topic,), 0)
        for outcome in OUTCOMES:
            self._add(table.SETTLED, (event.topic, outcome), 0)
        for reason in RESTARTS:
            self._add(table.RESTARTS, (event.topic, reason), 0)

    def _progress(self, worker: int, topic: str, event: events.Progress) -> None:
        before = self._reported.get(worker)
        self._reported[worker] = event
        for partition, progress in event.partitions.items():
            last = None if before is None else before.partitions.get(partition)
            read = progress.consumed - (0 if last is None else last.consumed)
            if read > 0:
                self._add(table.CONSUMED, (topic,), read)
            self._settled(topic, partition, progress)
        for lane, rows in _increase(event.rows_decoded, {} if before is None else before.rows_decoded):
            self._add(table.ROWS_DECODED, (topic, lane), rows)
        for name, failures in _increase(event.commit_failures, {} if before is None else before.commit_failures):
            self._add(table.COMMIT_FAILURES, (topic, self._bounded(topic, name)), failures)

    def _settled(self, topic: str, partition: int, progress: PartitionProgress) -> None:
        before = self._counts.get((topic, partition))
        if before == progress.counts:
            return
        self._counts[topic, partition] = progress.counts
        if before is None:
            return
        for outcome, messages in zip(OUTCOMES, (progress.counts - before).positive().values(), strict=True):
            if messages:
                self._add(table.SETTLED, (topic, outcome), messages)

    def _upload(self, topic: str, event: Event) -> None:
        match event:
            case events.UploadStarted(attempt=1):
                self._observe(table.BATCH_ROWS, (topic, event.route), event.rows)
                self._observe(table.BATCH_BYTES, (topic, event.route), event.bytes)
            case events.UploadAnswered():
                self._answered(topic, event)
            case events.UploadAcknowledged():
                self._add(table.ROWS_ACKNOWLEDGED, (topic, event.route), event.rows)
            case _:
                pass

    def _answered(self, topic: str, event: events.UploadAnswered) -> None:
        status = event.http_status
        text = "none" if status is None else str(status) if 100 <= status <= 599 else "other"
        self._add(table.UPLOADS, (topic, event.route, text), 1)
        self._observe(table.UPLOAD_SECONDS, (topic, event.route), event.took_s)
        if event.retry_reason is not None:
            self._add(table.RETRIES, (topic, event.retry_reason), 1)

    def _bounded(self, topic: str, name: str) -> str:
        known = self._sums[table.COMMIT_FAILURES]
        return name if (topic, name) in known or len(known) < MOST_REASONS else "other"

    def _add(self, metric: Metric, labels: Labels, value: float) -> None:
        sums = self._sums[metric]
        sums[labels] = sums.get(labels, 0) + value

    def _observe(self, metric: Metric, labels: Labels, value: float) -> None:
        found = self._distributions[metric]
        before = found.get(labels) or Distribution((0,) * (len(metric.buckets) + 1))
        found[labels] = before.plus(value, metric.buckets)
        if self.on_observation is not None:
            self.on_observation(metric, labels, value)


def _increase(now: Mapping[str, int], before: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(name, number - before.get(name, 0)) for name, number in now.items() if number > before.get(name, 0)]


def _why(exit_code: int) -> str:
    if exit_code < 0:
        return "killed"
    return "kafka" if exit_code == ExitCode.KAFKA else "crashed"
