"""Snapshots from the events of a run, for its page.

Only what today's `RunState` knows is in them; what it does not know is None, or empty.
"""

import os
import socket
import time
import uuid
from importlib import metadata

from ingest.events import Event
from ingest.status import lines
from ingest.status.run_state import PartitionView, RunState, WorkerView
from ingest.status.snapshot import (
    Health,
    IngestPart,
    KafkaPart,
    LogLine,
    PartitionStatus,
    Snapshot,
    State,
    Totals,
    WorkerStatus,
)

_STATES = {"waiting": State.RESTARTING, "ended": State.RESTARTING, "reading": State.READING}
_FAILING = (State.HUNG, State.GIVEN_UP, State.HALTED)
_MOST_EVENTS = 50
PUBLISH_S = 0.5


class Feed:
    """Takes every event; `snapshot` is the run as it is now."""

    def __init__(self, brokers: str) -> None:
        self._brokers = brokers
        self._state = RunState()
        self._run = uuid.uuid4().hex
        self._host = socket.gethostname()
        self._version = metadata.version("ingest")
        self._started_at = time.time()
        self._events: list[LogLine] = []
        self._exit_code: int | None = None
        self._due_at = 0.0

    def take(self, event: Event) -> None:
        """`event` has happened."""
        self._state.take(event, time.monotonic())
        if lines.wanted(event, verbose=False):
            line = LogLine(
                at=time.time(),
                level=event.level,
                event=lines.event_name(event),
                worker=event.worker,
                text=lines.sentence(event),
            )
            self._events = [*self._events[1 - _MOST_EVENTS :], line]

    def end(self, exit_code: int) -> None:
        """The run has ended."""
        self._exit_code = exit_code

    def due(self) -> bool:
        """Whether it is time for a new snapshot: at most twice a second."""
        now = time.monotonic()
        if now < self._due_at:
            return False
        self._due_at = now + PUBLISH_S
        return True

    def snapshot(self) -> Snapshot:
        """The run as it is now."""
        now, at, state = time.monotonic(), time.time(), self._state
        workers = tuple(_worker(view, now) for view in state.workers.values())
        running = sum(worker.pid is not None for worker in workers)
        failing = any(worker.health is Health.FAILING for worker in workers)
        health = Health.FAILING if failing else Health.OK if running == len(workers) else Health.DEGRADED
        of = {(worker.topic, partition): worker for worker in workers for partition in worker.partitions}
        return Snapshot(
            at=at,
            started_at=self._started_at,
            run=self._run,
            version=self._version,
            host=self._host,
            pid=os.getpid(),
            group=state.group,
            topics=tuple(state.topics),
            health=health,
            sentence=f"{running} of {len(workers)} workers run."
            if workers
            else "ingest asks Kafka what there is to read.",
            draining=state.draining,
            ended=self._exit_code is not None,
            exit_code=self._exit_code,
            loop_at=at,
            totals=Totals(
                read=sum(view.progress.consumed for view in state.partitions.values() if view.progress),
                acknowledged=state.acknowledged,
                dead_lettered=state.dead_lettered,
                restarts=state.restarts,
                read_per_s=state.per_s,
                acknowledged_per_s=state.acknowledged_per_s,
                lag=state.lag,
                lag_unknown=state.lag_unknown,
                held_back=state.held_back,
                held_back_s=state.held_back_s,
                remaining_s=state.remaining_s(now),
            ),
            kafka=KafkaPart(brokers=self._brokers),
            ingest=IngestPart(
                health=health,
                workers=len(workers),
                workers_running=running,
                restarts=state.restarts,
                rss_bytes=sum(worker.rss_bytes for worker in workers),
            ),
            workers=workers,
            partitions=tuple(_partition(view, of.get(key)) for key, view in state.partitions.items()),
            events=tuple(self._events),
        )


def _worker(view: WorkerView, now: float) -> WorkerStatus:
    state = _STATES.get(view.state) or State(view.state)
    return WorkerStatus(
        index=view.index,
        topic=view.topic,
        partitions=view.partitions,
        state=state,
        health=Health.FAILING if state in _FAILING else Health.DEGRADED if state is State.RESTARTING else Health.OK,
        since_s=now - view.since,
        pid=view.pid,
        restarts=view.restarts,
        read_per_s=view.rate.per_s,
        acknowledged_per_s=view.acknowledged_rate.per_s,
        in_flight=view.uploads_in_flight,
        limit=view.uploads_limit,
        rss_bytes=view.rss_bytes,
    )


def _partition(view: PartitionView, worker: WorkerStatus | None) -> PartitionStatus:
    counts = view.progress.counts if view.progress else None
    return PartitionStatus(
        topic=view.topic,
        partition=view.partition,
        worker=worker.index if worker else None,
        state=worker.state if worker else State.STARTING,
        health=worker.health if worker else Health.OK,
        next_offset=view.next_offset,
        position=None,
        end_offset=view.end.end_offset if view.end else None,
        lag=view.lag,
        held_back=view.held_back,
        read_per_s=view.rate.per_s,
        acknowledged=counts.acknowledged - view.acknowledged_before if counts else 0,
        dead_lettered=counts.dead_lettered - view.dead_lettered_before if counts else 0,
    )
