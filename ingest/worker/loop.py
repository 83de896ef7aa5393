"""One process: the loop that joins the steps.

Each turn of the loop, in this order: take acknowledgements -> commit if due -> flush if due -> poll if there is
room, else pause the partitions and poll for nothing. Acknowledgements come before new messages, so the work in hand
never grows while it could shrink; the bound on batches in flight is the only backpressure. Each route has batches and
uploads of its own; one that can't keep up is left behind and read again (`pipeline.behind`).

Not obvious:
- Garbage in cycles is collected once a second, between two turns, when no chunk is in hand. By itself the collector
  would look through the objects of each chunk in the making, again and again (a tenth of the CPU of the orjson lane),
  and what a failed upload leaves behind could stay for minutes.
- A partition without a committed offset has its start committed before anything else. A crash before the first
  acknowledgement would else start again at a newer `latest`, and lose what lies between.
"""

import gc
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import psutil

from ingest import events
from ingest.config.load import Config
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.events import Emit, Throttle
from ingest.pipeline.arize import join_window
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.queue import DeadLetter, DeadLetterQueue
from ingest.pipeline.dead_letters.topic import sink
from ingest.pipeline.decoding.fast_lane import installed_lane
from ingest.pipeline.delivery.batch import BatchLimits
from ingest.pipeline.delivery.route import RouteDelivery
from ingest.pipeline.intake import Intake, Taken
from ingest.pipeline.kafka.added_partitions import AddedPartitions
from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.kafka.start_offset import StartPlan, check_known, planned_start
from ingest.pipeline.kafka.topic_guard import TopicGuard, explain
from ingest.pipeline.offsets.checkpoint import Checkpoint, fits
from ingest.pipeline.offsets.committer import Committer, Stored, refresh_s
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.reading import BUSY_POLL_S, Reading
from ingest.pipeline.rows import RowProcessors
from ingest.records import Counts, PartitionProgress

_REPORT_S = 0.5
_COLLECT_S = 1.0
_LAST_COMMIT_S = 5.0  # a halting worker's last try to commit what is already acknowledged


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker is to do: read `partitions` of the configured topic.

    `until` maps each partition to the offset where this run ends; without it the run has no end. `plan` is what the
    supervisor knows of the topic and its partitions.
    """

    worker: int
    partitions: tuple[int, ...]
    config: Config
    until: Mapping[int, int] | None = None
    plan: StartPlan = field(default_factory=StartPlan)


class Control(Protocol):
    """What the loop asks at each turn: whether to go on. Must be cheap; never blocks."""

    def wish(self) -> Literal["run", "drain"]:
        """`drain`: stop polling, flush, wait for the acknowledgements up to the deadline, commit, leave."""
        ...

    def added(self) -> Sequence[int]:
        """Partitions to read as well, named since the last call."""
        ...

    def confirmed(self) -> int:
        """How many partitions of the topic, from 0 on, have a confirmed commit, as the supervisor knows; 0: unknown."""
        ...


def run(task: Task, emit: Emit, control: Control) -> ExitCode:
    """Run one worker until it reaches the ends in `task.until`, `control` wishes to drain, or it must halt."""
    try:
        worker = _Worker(task, emit, control)
    except (FatalError, ConfigError) as halt:
        return _failed(task, emit, halt)
    collects = gc.isenabled()
    gc.disable()
    gc.freeze()  # what a forkserver has loaded is frozen already
    try:
        worker.start()
        return worker.loop()
    except FatalError as halt:
        worker.commit_what_is_acknowledged()
        return _failed(task, emit, halt)
    finally:
        worker.close()
        if collects:
            gc.unfreeze()
            gc.enable()


def _failed(task: Task, emit: Emit, halt: FatalError | ConfigError) -> ExitCode:
    code = halt.exit_code if isinstance(halt, FatalError) else ExitCode.CONFIGURATION
    emit(events.WorkerFailed(worker=task.worker, exit_code=code, error=str(halt)))
    return code


class _Worker:
    def __init__(self, task: Task, emit: Emit, control: Control) -> None:
        config = task.config
        self._task = task
        self._emit = emit
        self._control = control
        self._trackers: dict[int, PartitionTracker] = {}
        self._judges = RowProcessors(config, time.time)
        self._units_told: set[str] = set()
        self._intake = Intake(
            self._trackers,
            self._judges,
            BatchLimits(config.batch.max_events, config.batch.max_bytes, config.batch.linger_s),
            tombstones=config.columns.tombstones == "dead_letter",
        )
        self._answer = threading.Event()
        self._deliveries = {
            number: RouteDelivery(
                route, self._intake.batches[number], emit=emit, worker=task.worker, answer=self._answer
            )
            for number, route in enumerate(self._judges.routes)
            if route.deliver
        }
        self._brimful = False  # a commit can't carry what is settled out of order
        backoff = Backoff(config.delivery.base_backoff_s, config.delivery.max_backoff_s)
        self._dead_letters = DeadLetterQueue(sink(config), backoff)
        most = sum(route.config.arize.in_flight for route in self._judges.routes if route.deliver)
        self._committer = Committer(config.delivery.commit_interval_s, most, refresh_s=refresh_s(task.plan.retention_s))
        self._partitions_confirmed = task.plan.topic_partitions
        self._guard = TopicGuard(config.kafka, task.plan, time.monotonic(), self._answer.set)
        self._repeats = Throttle()
        self._late = 0
        self._process = psutil.Process()
        self._loops = 0
        self._state: str | None = "starting"  # or that of the reading
        self._reported_at = float("-inf")
        self._collect_at = 0.0
        self._drain_at: float | None = None
        self._reader = PartitionConsumer(
            config.kafka, task.partitions, on_trouble=self._kafka_trouble, on_committed=self._commit_answered
        )
        self._reading = Reading(
            config,
            task.partitions,
            task.until,
            reader=self._reader,
            trackers=self._trackers,
            intake=self._intake,
            deliveries=self._deliveries,
            dead_letters=self._dead_letters,
            emit=emit,
            worker=task.worker,
            on_taken=self._taken,
            on_trouble=self._kafka_trouble,
            answer=self._answer,
        )
        self._added = AddedPartitions(
            self._reader,
            self._committer,
            track=self._track,
            read=self._reading.add,
            on_trouble=self._kafka_trouble,
        )

    # --- start ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Find each partition's start, commit those that were never committed, begin to read."""
        task, kafka = self._task, self._task.config.kafka
        lane = installed_lane(task.config.batch.lane)
        pid, partitions = self._process.pid, task.partitions
        self._emit(events.WorkerStarted(worker=task.worker, pid=pid, partitions=partitions, lane=lane))
        self._report(time.monotonic())
        try:
            committed = self._reader.committed()
            check_known(kafka, committed, task.plan)
            unknown = [p for p, mark in committed.items() if mark is None or not task.plan.uses(mark)]
            bounds = self._reader.watermarks(unknown)
        except FatalError:
            explain(kafka, task.plan)
            raise
        for partition, mark in committed.items():
            if partition in unknown:
                self._track(partition, *planned_start(kafka, partition, task.plan, bounds[partition]))
            elif mark is not None:
                self._committer.found(partition, mark, time.monotonic())
                self._track(partition, mark.next_offset, "committed", mark)
        self._commit_starts(unknown)
        self._reading.begin(time.monotonic())
        self._state = None

    def _track(self, partition: int, offset: int, why: str, mark: Checkpoint | None) -> None:
        plan = self._task.plan
        self._trackers[partition] = PartitionTracker(
            partition,
            offset,
            mark,
            self._judges.router.identity,
            topic_id=plan.topic_id,
            topic_partitions=self._partitions_confirmed,
        )
        worker = self._task.worker
        self._emit(events.PartitionAssigned(worker=worker, partition=partition, next_offset=offset, why=why))

    def _commit_starts(self, unknown: Sequence[int]) -> None:
        """Before anything is assigned, so that no message can come of these polls."""
        while any(self._committer.stored(partition) is None for partition in unknown):
            now = time.monotonic()
            self._commit(now, leaving=True)
            if self._control.wish() == "drain":
                return
            self._reader.poll(1, BUSY_POLL_S)
            self._report(now)

    # --- the loop ------------------------------------------------------------------------------

    def loop(self) -> ExitCode:
        """Turn until there is nothing left to do. Raises FatalError when going on would lose or repeat something."""
        while True:
            now = time.monotonic()
            self._loops += 1
            if now >= self._collect_at:
                gc.collect()
                self._collect_at = now + _COLLECT_S
            if self._drain_at is None and self._control.wish() == "drain":
                self._drain_at = now
            leaving = self._drain_at is not None or self._reading.done
            self._settle(now)
            self._commit(now, leaving=leaving)
            if not leaving:
                self._added.take(self._control.added())
                self._added.turn(now)
                self._note_confirmed(self._control.confirmed(), now)
            self._flush(now, leaving=leaving)
            self._report(now)
            if leaving and self._idle():
                return self._finish(now, ExitCode.DONE)
            if self._drain_at is not None and now - self._drain_at >= self._task.config.supervisor.drain_s:
                return self._finish(now, ExitCode.DRAIN_DEADLINE)
            committing = self._committer.outstanding
            self._reading.turn(now, leaving=leaving, committing=committing, brimful=self._brimful)
            if self._reading.halt is not None and self._drain_at is None:
                self._drain_at = now

    def _idle(self) -> bool:
        """Nothing is in hand, and Kafka has confirmed all that may be committed."""
        busy = any(delivery.busy for delivery in self._deliveries.values()) or len(self._dead_letters)
        return not busy and not self._committer.outstanding and not self._committer.moved(self._marks())

    def _finish(self, now: float, code: ExitCode) -> ExitCode:
        if self._reading.halt is not None:
            raise self._reading.halt
        self._state = "done"
        self._tell_late(0, now, last=True)
        self._report(now, last=True)
        left = sum(tracker.open_messages for tracker in self._trackers.values())
        self._emit(events.WorkerFinished(worker=self._task.worker, exit_code=code, unacknowledged=left))
        return code

    # --- acknowledgements and dead letters -----------------------------------------------------

    def _settle(self, now: float) -> None:
        self._take_answers(now)
        durable, blocked = self._dead_letters.turn(now, random.random())
        for letters in durable:
            for ticket, dead in letters.tickets:
                self._trackers[ticket.span.partition].release(ticket, dead=dead)
            self._tell_dead_letters(letters.letters)
        if blocked is not None:
            error, retry_in_s = blocked
            self._emit(events.DeadLettersBlocked(worker=self._task.worker, error=error, retry_in_s=retry_in_s))

    def _take_answers(self, now: float) -> None:
        stop: FatalError | None = None
        for delivery in self._deliveries.values():
            try:
                answers = delivery.turn(now)
            except FatalError as halt:
                stop = halt  # once the answers of the other routes are in
                continue
            for _ in range(answers.acknowledged):
                self._committer.acknowledged()
            for ticket in answers.free:
                self._trackers[ticket.span.partition].release(ticket)
            for letters in answers.letters:
                self._dead_letters.put(letters)
            stop = answers.halt or stop
        if stop is not None:
            raise stop

    def _tell_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        if letters:
            first = letters[0]
            where = f"partition {first.message.partition()} offset {first.message.offset()}"
            self._emit(
                events.DeadLettersWritten(
                    worker=self._task.worker,
                    reasons=Counter(letter.reason.code for letter in letters),
                    example=f"{where}: {first.reason.detail}",
                )
            )

    # --- commit --------------------------------------------------------------------------------

    def _marks(self) -> dict[int, Checkpoint]:
        return {partition: tracker.watermark() for partition, tracker in self._trackers.items()}

    def _commit(self, now: float, *, leaving: bool) -> None:
        if self._committer.may_commit(now, leaving=leaving) and self._committer.prepare(self._marks(), now):
            self._brimful = self._reading.behind and not all(map(fits, self._marks().values()))
            self._guard.want(now)
        self._guard.turn(now)
        if self._committer.prepared and self._guard.proved:
            self._reader.commit(self._committer.send(now))
        elif self._guard.trouble:
            self._kafka_trouble(self._guard.trouble)

    def _note_confirmed(self, partitions: int, now: float) -> None:
        """From now on the commits say how many partitions have one: a later start finds what was added since."""
        if partitions > self._partitions_confirmed:
            self._partitions_confirmed = partitions
            for tracker in self._trackers.values():
                tracker.topic_partitions = partitions
            self._committer.refresh(now)

    def _commit_answered(self, stored: Stored, faults: Sequence[str]) -> None:
        news = self._committer.answered(stored, time.monotonic())
        if news:
            counts = {p: mark.counts for p in news if (mark := self._committer.stored(p)) is not None}
            self._emit(events.Committed(worker=self._task.worker, next_offsets=news, counts=counts))
        for fault in faults:
            if self._repeats.news(fault, time.monotonic()):
                self._emit(events.CommitFailed(worker=self._task.worker, error=fault))

    def commit_what_is_acknowledged(self) -> None:
        """Before a halt: commit what is settled, for a few seconds; what fails here is only sent again."""
        deadline = time.monotonic() + _LAST_COMMIT_S
        self._tell_losses(time.monotonic(), last=True)
        try:
            self._reader.pause()
            while time.monotonic() < deadline:
                self._commit(time.monotonic(), leaving=True)
                if not self._committer.outstanding and not self._committer.moved(self._marks()):
                    return
                self._reader.poll(1, BUSY_POLL_S)
        except FatalError:
            return  # Kafka itself is why we halt

    # --- upload --------------------------------------------------------------------------------

    def _flush(self, now: float, *, leaving: bool) -> None:
        if not self._awaits_commit():
            for delivery in self._deliveries.values():
                delivery.flush(now, leaving=leaving)

    def _awaits_commit(self) -> bool:
        """As many acknowledged batches wait for their commit as may, and there is one to wait for.

        There is none while rows of the same chunks are in other batches that have yet to be sent.
        """
        return self._committer.behind and bool(self._committer.outstanding or self._committer.moved(self._marks()))

    @property
    def _in_flight(self) -> int:
        return sum(delivery.in_flight for delivery in self._deliveries.values())

    # --- what reading tells --------------------------------------------------------------------

    def _taken(self, taken: Taken) -> None:
        for column, unit in self._judges.units():
            if column not in self._units_told:
                self._units_told.add(column)
                self._emit(events.TimestampsRead(worker=self._task.worker, column=column, unit=unit))
        for column, old, new in taken.widened:
            self._emit(events.ColumnWidened(worker=self._task.worker, column=column, old=old, new=new))
        self._tell_late(taken.late, time.monotonic())

    def _kafka_trouble(self, text: str) -> None:
        if self._repeats.news(text, time.monotonic()):
            self._emit(events.KafkaTrouble(worker=self._task.worker, error=text))

    # --- report --------------------------------------------------------------------------------

    def _tell_late(self, rows: int, now: float, *, last: bool = False) -> None:
        self._late += rows
        if self._late and (last or self._repeats.news("late actuals", now)):
            self._emit(events.LateActuals(worker=self._task.worker, rows=self._late, days=join_window.DAYS))
            self._late = 0

    def _report(self, now: float, *, last: bool = False) -> None:
        if not last and now - self._reported_at < _REPORT_S:
            return
        self._reported_at = now
        self._tell_losses(now, last=last)
        self._emit(
            events.Progress(
                worker=self._task.worker,
                loops=self._loops,
                state="draining" if self._drain_at is not None and not last else self._state or self._reading.state,
                uploads_in_flight=self._in_flight,
                uploads_limit=sum(delivery.limit for delivery in self._deliveries.values()),
                rss_bytes=self._process.memory_info().rss,
                partitions={partition: self._progress(partition) for partition in self._trackers},
            )
        )

    def _tell_losses(self, now: float, *, last: bool) -> None:
        for event in self._judges.dropped.drain(self._task.worker, now, last=last):
            self._emit(event)

    def _progress(self, partition: int) -> PartitionProgress:
        mark = self._committer.stored(partition)
        position = self._trackers[partition].position
        return PartitionProgress(
            next_offset=mark.next_offset if mark is not None else position,
            position=position,
            end_offset=max(self._reader.end_offset(partition), position),
            consumed=self._reading.consumed.get(partition, 0),
            counts=mark.counts if mark is not None else Counts(),
        )

    def close(self) -> None:
        """Leave everything: what is open stays uncommitted."""
        for delivery in self._deliveries.values():
            delivery.close()
        self._dead_letters.close()
        self._reading.close()
