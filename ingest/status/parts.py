"""Makes the parts of a `Snapshot` from the views of a run.

Rules
1. A worker that waits for something is `DEGRADED`, and `FAILING` once it has waited for `PATIENCE_S`; one that hangs,
   has halted or was given up is `FAILING`. One that starts after a crash is `DEGRADED` until it reads. A partition is
   like its worker; one that has reached its end is done; one that is paused by request is paused, and `DEGRADED` at
   least, unless its worker does not run, drains, or waits with messages of it in hand.
2. The health of a part is the worst of what concerns it, and that of the run the worst of its parts.
3. `oldest_age_s` is the greatest age that is known, `retention_left_s` the least; how many partitions are missing there
   is in `oldest_age_unknown` and `retention_unknown`. A partition without a lag has neither.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from ingest.events import TopicRetention
from ingest.status import faults
from ingest.status.services import ArizeView, DeadLetterView, KafkaView, Moment
from ingest.status.snapshot import (
    ORDER,
    ArizePart,
    DeadLetterCount,
    Fault,
    Health,
    IngestPart,
    KafkaPart,
    PartitionStatus,
    State,
    WorkerStatus,
)
from ingest.status.views import PartitionView, WorkerView

PATIENCE_S = 10.0

_WAITING = {State.WAITING_FOR_ARIZE, State.KAFKA_AWAY, State.DEAD_LETTERS_BLOCKED}
_DEGRADED = {State.METADATA_FULL, State.RESTARTING}
_FAILING = {State.HUNG, State.GIVEN_UP, State.HALTED}
_GOING = {State.READING, State.PAUSED, State.METADATA_FULL}


@dataclass(frozen=True, slots=True)
class Moments:
    """The moment of a snapshot: monotonic, in Unix seconds, and how other moments are converted to these."""

    now: float
    wall: float
    unix: Callable[[float], float]

    def at(self, moment: float | None) -> float | None:
        """A monotonic moment in Unix seconds."""
        return None if moment is None else self.unix(moment)


def worst(found: Iterable[Health]) -> Health:
    """Rule 2; `OK` if there is none."""
    return max(found, key=ORDER.index, default=Health.OK)


def health_of(state: State, since_s: float) -> Health:
    """Rule 1, of a worker that has been in `state` for `since_s`."""
    if state in _FAILING:
        return Health.FAILING
    if state in _WAITING:
        return Health.FAILING if since_s >= PATIENCE_S else Health.DEGRADED
    return Health.DEGRADED if state in _DEGRADED else Health.OK


def fault(found: tuple[Moment | None, bool], moments: Moments) -> Fault | None:
    """A fault for people, and whether it lasts, of `faults`."""
    moment, lasts = found
    return None if moment is None else Fault(text=moment.text, at=moments.unix(moment.at), lasts=lasts)


def worker_status(view: WorkerView, moments: Moments) -> WorkerStatus:
    """One worker; its view is `shown` at the moment."""
    now, report = moments.now, view.report
    state = view.show(now)
    since_s = max(now - view.shown_since, 0.0)
    return WorkerStatus(
        index=view.index,
        topic=view.topic,
        partitions=view.partitions,
        state=state,
        health=Health.DEGRADED if state is State.STARTING and view.crash_lasts else health_of(state, since_s),
        since_s=since_s,
        reason=_reason(view, state),
        pid=view.pid,
        restarts=view.restarts,
        lane=view.lane,
        read_per_s=view.rate.per_s,
        acknowledged_per_s=view.acknowledged_rate.per_s,
        in_flight=view.uploads_in_flight,
        limit=view.uploads_limit,
        waiting_s=None if report is None else view.lasting_s(report.oldest_upload_s, now),
        rss_bytes=view.rss_bytes,
        suspended_routes=() if report is None else report.suspended_routes,
    )


def _reason(view: WorkerView, state: State) -> str:
    report = view.report
    if report is None:
        return view.reason
    if state is State.KAFKA_AWAY:
        return report.kafka_error or "no broker answers"
    if state is State.WAITING_FOR_ARIZE:
        return report.upload_error or "an upload is out for longer than usual"
    if state in {State.PAUSED, State.METADATA_FULL, State.DEAD_LETTERS_BLOCKED} and report.waits_for:
        return f"waits for {report.waits_for}"
    return ""


def partition_status(
    view: PartitionView, worker: WorkerStatus | None, retention: TopicRetention | None, moments: Moments
) -> PartitionStatus:
    """One partition, with the worker that reads it if one has been named."""
    lag = view.lag
    done = view.until is not None and lag == 0
    state = State.DONE if done else State.STARTING if worker is None else worker.state
    paused_s = None if done or view.paused_since is None else max(moments.now - view.paused_since, 0.0)
    if paused_s is not None and (state in _GOING or (state in _WAITING and not view.in_hand)):
        state = State.PAUSED
    age_s = view.oldest_age_s(moments.wall)
    known = retention is not None and retention.known and not retention.by_size
    limit_s = retention.retention_s if retention is not None and known else None
    return PartitionStatus(
        topic=view.topic,
        partition=view.partition,
        worker=view.worker,
        state=state,
        health=worst(
            [
                Health.OK if done or worker is None else worker.health,
                Health.OK if paused_s is None else Health.DEGRADED,
            ]
        ),
        next_offset=view.next_offset,
        position=None if view.progress is None else view.progress.position,
        end_offset=view.end_offset,
        lag=lag,
        lag_at=moments.unix(moments.now) if view.until is not None else moments.at(view.lag_at),
        held_back=view.held_back,
        oldest_age_s=age_s,
        retention_left_s=None if age_s is None or limit_s is None else limit_s - age_s,
        committed_at=moments.at(view.committed_at),
        read_per_s=view.rate.per_s,
        acknowledged=view.acknowledged,
        dead_lettered=view.dead_lettered,
        retention_s=limit_s,
        retention_known=known,
        paused_s=paused_s,
        reason="" if paused_s is None else f"paused by {view.paused_by or 'request'}",
    )


def kafka_part(
    view: KafkaView, brokers: str, workers: Collection[WorkerView], statuses: Iterable[WorkerStatus], moments: Moments
) -> KafkaPart:
    """Kafka's side."""
    reports = [(worker, worker.report) for worker in workers if worker.report is not None]
    silent_s = _longest(worker.lasting_s(report.kafka_silent_s, moments.now) for worker, report in reports)
    away = [status.health for status in statuses if status.state is State.KAFKA_AWAY]
    return KafkaPart(
        health=worst([*away, Health.DEGRADED if view.failing else Health.OK]),
        fault=fault(faults.of_kafka(view, workers, moments.now), moments),
        brokers=brokers,
        committed_at=moments.at(view.committed_at),
        commit_failures=view.commit_failures,
        ends_asked_at=moments.at(view.ends_at),
        silent_s=silent_s,
    )


def arize_part(
    view: ArizeView, endpoint: str, workers: Collection[WorkerView], statuses: Iterable[WorkerStatus], moments: Moments
) -> ArizePart:
    """Arize's side."""
    reports = [(worker, worker.report) for worker in workers if worker.report is not None]
    now = moments.now
    statuses = list(statuses)
    waiting = [status.health for status in statuses if status.state is State.WAITING_FOR_ARIZE]
    limits = [report.uploads_limit for _, report in reports if report.uploads_limit is not None]
    p50_s, p99_s = view.percentiles(now, (0.5, 0.99))
    # Arize has answered nothing only for as long as none of the workers has had an answer.
    out = _longest(worker.lasting_s(report.unanswered_s, now) for worker, report in reports)
    answered = [worker.lasting_s(report.answered_s, now) for worker, report in reports]
    failing_s = _longest(worker.lasting_s(report.failing_s, now) for worker, report in reports)
    if failing_s is not None and any(status.state is State.DRAINING for status in statuses):
        waiting.append(health_of(State.WAITING_FOR_ARIZE, failing_s))  # a worker that drains waits, too
    return ArizePart(
        health=worst(waiting),
        fault=fault(faults.of_arize(view, workers, now), moments),
        endpoint=endpoint,
        in_flight=sum(report.uploads_in_flight for _, report in reports),
        limit=sum(limits) if limits else None,
        waiting_s=_longest(worker.lasting_s(report.oldest_upload_s, now) for worker, report in reports),
        acknowledged_at=moments.at(view.acknowledged_at),
        p50_s=p50_s,
        p99_s=p99_s,
        retries=view.retries,
        unanswered_s=None if out is None else min([out, *(seconds for seconds in answered if seconds is not None)]),
        failing_s=failing_s,
        usual_s=_longest(report.usual_answer_s for _, report in reports),
    )


def ingest_part(
    letters: DeadLetterView,
    workers: Collection[WorkerView],
    statuses: Collection[WorkerStatus],
    partitions: Iterable[PartitionStatus],
    moments: Moments,
    *,
    free_bytes: int | None,
) -> IngestPart:
    """Our own side. A partition that somebody has paused degrades it."""
    reports = [(worker, worker.report) for worker in workers if worker.report is not None]
    blocked_s = _longest(worker.lasting_s(report.dead_letters_blocked_s, moments.now) for worker, report in reports)
    own = [status for status in statuses if status.state not in {State.WAITING_FOR_ARIZE, State.KAFKA_AWAY}]
    paused = any(status.paused_s is not None for status in partitions)
    return IngestPart(
        health=worst([*(status.health for status in own), Health.DEGRADED if paused else Health.OK]),
        fault=fault(faults.of_ingest(letters, workers, blocked=blocked_s is not None), moments),
        workers=len(workers),
        workers_running=sum(worker.pid is not None for worker in workers),
        restarts=sum(worker.restarts for worker in workers),
        rss_bytes=sum(worker.rss_bytes for worker in workers),
        dead_letters_free_bytes=free_bytes,
        dead_letters_blocked_s=blocked_s,
    )


def dead_letter_counts(view: DeadLetterView) -> tuple[DeadLetterCount, ...]:
    """By topic and reason, most first."""
    most = sorted(view.counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(DeadLetterCount(topic=topic, reason=reason, messages=number) for (topic, reason), number in most)


def _longest(durations: Iterable[float | None]) -> float | None:
    return max((seconds for seconds in durations if seconds is not None), default=None)
