"""One process: the loop that joins the steps.

Each turn of the loop, in this order: take acknowledgements -> commit if due -> flush if due -> poll if there is
room, else pause the partitions and poll for nothing. Acknowledgements come before new messages, so the work in hand
never grows while it could shrink; the bound on batches in flight is the only backpressure. Each route has batches and
uploads of its own; one that can't keep up is suspended and read again (`pipeline.suspended`).

Not obvious:
- Garbage in cycles is collected once a second, between two turns, when no chunk is in hand. By itself the collector
  would look through the objects of each chunk in the making, again and again (a tenth of the CPU of the orjson lane),
  and what a failed upload leaves behind could stay for minutes.
- A partition without a committed offset has its start committed before anything else. A crash before the first
  acknowledgement would else start again at a newer `latest`, and lose what lies between.
"""

import gc
import os
import random
import time
from collections.abc import Sequence

from ingest import events
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.events import Emit, Emitter, Throttle
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.chunks import ChunkHandler
from ingest.pipeline.column_events import ColumnEvents
from ingest.pipeline.dead_letters.queue import DeadLetterQueue
from ingest.pipeline.dead_letters.topic import sink
from ingest.pipeline.delivery.batch import BatchLimits
from ingest.pipeline.delivery.deliveries import Deliveries
from ingest.pipeline.intake import Intake
from ingest.pipeline.kafka.added_partitions import AddedPartitions
from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.kafka.start_offset import check_known_offsets, planned_start
from ingest.pipeline.kafka.topic_guard import TopicGuard, explain_refusal
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.pipeline.offsets.committer import Committer, refresh_s
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.reading import BUSY_POLL_S, Reading
from ingest.pipeline.rows import RowProcessors
from ingest.worker.commits import Commits
from ingest.worker.progress import ProgressReporter
from ingest.worker.task import Control, Task

_COLLECT_S = 1.0
_LAST_COMMIT_S = 5.0  # a halting worker's last try to commit what is already acknowledged


def run(task: Task, emit: Emit, control: Control) -> ExitCode:
    """Run one worker until it reaches the ends in `task.until`, `control` asks for a drain, or it must halt."""
    emitter = Emitter(emit, task.worker)
    try:
        worker = _Worker(task, emitter, control)
    except (FatalError, ConfigError) as halt:
        return _failed(emitter, halt)
    collects = gc.isenabled()
    gc.disable()
    gc.freeze()  # what a forkserver has loaded is frozen already
    try:
        worker.start()
        return worker.loop()
    except FatalError as halt:
        worker.commit_what_is_acknowledged()
        return _failed(emitter, halt)
    finally:
        worker.close()
        if collects:
            gc.unfreeze()
            gc.enable()


def _failed(emit: Emit, halt: FatalError | ConfigError) -> ExitCode:
    code = halt.exit_code if isinstance(halt, FatalError) else ExitCode.CONFIGURATION
    emit(events.WorkerFailed(exit_code=code, error=str(halt)))
    return code


class _Worker:
    def __init__(self, task: Task, emit: Emitter, control: Control) -> None:
        config = task.config
        self._task = task
        self._emit = emit
        self._control = control
        self._trackers: dict[int, PartitionTracker] = {}
        self._processors = RowProcessors(config, time.time)
        self._columns = ColumnEvents(self._processors, emit)
        intake = Intake(
            self._trackers,
            self._processors,
            BatchLimits(config.batch.max_events, config.batch.max_bytes, config.batch.linger_s),
            tombstones=config.schema.tombstones == "dead_letter",
        )
        delivery = config.delivery
        backoff = Backoff(delivery.base_backoff_s, delivery.max_backoff_s)
        self._dead_letters = DeadLetterQueue(sink(config), backoff, emit)
        routes = self._processors.routes
        most_batches = sum(route.arize.in_flight for route in routes if route.deliver)
        committer = Committer(
            config.delivery.commit_interval_s,
            most_batches,
            refresh_s=refresh_s(task.plan.retention_s),
            metadata_bytes=task.plan.metadata_bytes,
        )
        self._deliveries = Deliveries(
            routes, intake.batches, self._dead_letters, emit=emit, on_acknowledged=committer.batch_acknowledged
        )
        guard = TopicGuard(config.kafka, task.plan, time.monotonic(), self._deliveries.wake)
        self._commits = Commits(
            committer, guard, self._trackers, topic_partitions=task.plan.topic_partitions, emit=emit
        )
        self._consumer = PartitionConsumer(
            config.kafka, task.partitions, on_trouble=self._warn, on_committed=self._commits.answered, watched=True
        )
        self._chunks = ChunkHandler(config, intake, self._dead_letters, self._columns)
        self._reading = Reading(
            config,
            task.until,
            consumer=self._consumer,
            trackers=self._trackers,
            chunks=self._chunks,
            deliveries=self._deliveries,
            emit=emit,
            on_trouble=self._warn,
        )
        self._added = AddedPartitions(
            self._consumer, committer, track=self._track, read=self._reading.add, on_trouble=self._warn
        )
        self._progress = ProgressReporter(
            self._trackers,
            commits=self._commits,
            consumer=self._consumer,
            deliveries=self._deliveries,
            dead_letters=self._dead_letters,
            reading=self._reading,
            rows_decoded=self._processors.rows_decoded,
            emit=emit,
        )
        self._throttle = Throttle()
        self._loops = 0
        self._starting = True
        self._drain_at: float | None = None
        self._stopped = False  # the drain was requested, before reading has ended by itself

    # --- start ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Find each partition's start, commit those that were never committed, begin to read."""
        task, kafka = self._task, self._task.config.kafka
        lane, why = self._processors.lane()
        self._emit(
            events.WorkerStarted(
                pid=os.getpid(),
                partitions=task.partitions,
                lane=lane,
                orjson_reason=why,
                endpoint=self._deliveries.endpoint,
            )
        )
        self._report(time.monotonic())
        try:
            committed = self._consumer.committed()
            check_known_offsets(kafka, committed, task.plan)
            unknown = [p for p, found in committed.items() if found is None or not task.plan.uses(found)]
            bounds = self._consumer.watermarks(unknown)
        except FatalError:
            explain_refusal(kafka, task.plan)
            raise
        for partition, found in committed.items():
            if partition in unknown:
                self._track(partition, *planned_start(kafka, partition, task.plan, bounds[partition]))
            elif found is not None:
                self._commits.committer.add_stored(partition, found, time.monotonic())
                self._track(partition, found.next_offset, "committed", found)
        self._commit_starts(unknown)
        self._reading.keep_paused(self._control.paused(), time.monotonic())
        self._reading.begin(time.monotonic())
        self._starting = False

    def _track(self, partition: int, offset: int, why: str, carried: Checkpoint | None) -> None:
        self._trackers[partition] = PartitionTracker(
            partition,
            offset,
            carried,
            self._processors.router.identity,
            topic_id=self._task.plan.topic_id,
            topic_partitions=self._commits.topic_partitions,
        )
        self._emit(events.PartitionAssigned(partition=partition, next_offset=offset, reason=why))

    def _commit_starts(self, partitions: Sequence[int]) -> None:
        """Before anything is assigned, so that no message can come of these polls."""
        while any(self._commits.committer.stored(partition) is None for partition in partitions):
            now = time.monotonic()
            self._commit(now, draining=True)
            if self._control.drain_requested():
                return
            self._consumer.poll(1, BUSY_POLL_S)
            self._report(now)

    # --- the loop ------------------------------------------------------------------------------

    def loop(self) -> ExitCode:
        """Turn until there is nothing left to do. Raises FatalError when going on would lose or repeat something."""
        collect_at = 0.0
        while True:
            now = time.monotonic()
            self._loops += 1
            if now >= collect_at:
                gc.collect()
                collect_at = now + _COLLECT_S
            if self._drain_at is None and self._control.drain_requested():
                self._drain_at = now
                self._stopped = not self._reading.done
            draining = self._drain_at is not None or self._reading.done
            if draining and not self._stopped:
                self._chunks.end()
                self._deliveries.end()
            self._chunks.poll(now)
            self._deliveries.poll(now)
            self._dead_letters.poll(now, random.random())
            self._commit(now, draining=draining)
            if not draining:
                self._added.add(self._control.added())
                self._added.poll(now)
                self._reading.keep_paused(self._control.paused(), now)
                self._commits.confirmed_partitions(self._control.confirmed(), now)
            if not self._commits.held_up:
                self._deliveries.flush(now, draining=draining)
            self._report(now)
            if draining and self._idle():
                return self._finish(now, ExitCode.DONE)
            if self._drain_at is not None and now - self._drain_at >= self._task.config.supervisor.drain_s:
                return self._finish(now, ExitCode.DRAIN_DEADLINE)
            self._reading.poll(
                now,
                draining=draining,
                committing=self._commits.outstanding,
                metadata_full=self._commits.committer.metadata_full,
            )
            if self._reading.halt is not None and self._drain_at is None:
                self._drain_at = now

    def _commit(self, now: float, *, draining: bool) -> None:
        checkpoints = self._commits.due(now, stopping=draining)
        if checkpoints:
            self._consumer.commit(checkpoints, metadata_bytes=self._commits.committer.metadata_bytes)
        elif self._commits.trouble:
            self._warn(self._commits.trouble)

    def _idle(self) -> bool:
        """Nothing is in hand, and Kafka has confirmed all that may be committed."""
        in_hand = self._reading.pending or self._deliveries.busy or len(self._dead_letters)
        return not (in_hand or self._commits.pending)

    # --- the end -------------------------------------------------------------------------------

    def _finish(self, now: float, code: ExitCode) -> ExitCode:
        if self._reading.halt is not None:
            raise self._reading.halt
        self._columns.report(now, last=True)
        self._progress.report(now, loops=self._loops, state="done")
        self._emit(
            events.WorkerFinished(
                exit_code=code,
                unacknowledged=sum(tracker.messages_in_hand for tracker in self._trackers.values()),
                consumed=sum(self._reading.read.values()),
                unconfirmed_partitions=self._commits.unconfirmed,
                suspended_routes=self._reading.suspended_routes,
            )
        )
        return code

    def commit_what_is_acknowledged(self) -> None:
        """Before a halt: commit what is settled, for a few seconds; what fails here is only sent again."""
        deadline = time.monotonic() + _LAST_COMMIT_S
        self._columns.report(time.monotonic(), last=True)
        try:
            self._consumer.pause()
            while time.monotonic() < deadline:
                self._commit(time.monotonic(), draining=True)
                if not self._commits.pending:
                    return
                self._reading.answer_commits(BUSY_POLL_S)
        except FatalError:
            return  # Kafka itself is why the worker halts

    def close(self) -> None:
        """Close everything; what is open stays uncommitted."""
        self._deliveries.close()
        self._dead_letters.close()
        self._reading.close()

    # --- reports -------------------------------------------------------------------------------

    def _report(self, now: float) -> None:
        if not self._progress.due(now):
            return
        self._columns.report(now)
        state = "starting" if self._starting else self._reading.state if self._drain_at is None else "draining"
        self._progress.report(now, loops=self._loops, state=state)

    def _warn(self, text: str) -> None:
        """Kafka's client, or a question to the cluster, has a problem that may pass."""
        if self._throttle.allow(text, time.monotonic()):
            self._emit(events.KafkaWarning(error=text))
