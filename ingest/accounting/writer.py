"""Writes the account of a run: takes its events, and writes the rows that the schedule makes due.

Nothing here ever holds up delivery. A row that can't be written is reported, waits, and is tried again; the counts of a
row that is never written are in the next row.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ingest.accounting.files import AccountStore, last_moves, last_states
from ingest.accounting.rows import CommittedState, Kind, PartitionKey, PossibleDuplicates, Row
from ingest.accounting.schedule import FormerRun, RowSchedule, duplicates_of_former_run
from ingest.events import AccountBlocked, Committed, DuplicatesPossible, Emit, Event, Notice, SupervisorStarted
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, Span

_RETRY_S = 10.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class TopicStart:
    """One topic at the start of a run: what is committed, where reading begins, and where the log ends, by partition.

    `in_flight` is the most messages of a partition that the run may have in flight, `topic_id` Kafka's own.
    `reads_all`: all partitions of the topic are read.
    """

    topic: str
    group: str
    committed: Mapping[int, Checkpoint | None]
    begins: Mapping[int, int]
    ends: Mapping[int, int]
    in_flight: int | None
    topic_id: str = ""
    reads_all: bool = False


class AccountWriter:
    """The account of one run in `store`; `emit` takes the events about failed writes and possible duplicates."""

    def __init__(
        self,
        store: AccountStore,
        emit: Emit,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._emit = emit
        self._clock = clock
        self._wall = wall
        self._run = secrets.token_hex(4)
        self._schedule = RowSchedule()
        self._topics: dict[int, tuple[str, str]] = {}  # worker -> its topic and group
        self._topic_ids: dict[str, str] = {}
        self._last: dict[PartitionKey, CommittedState] = {}
        self._blocked_until = float("-inf")
        self._compacted = ""

    def begin(self, topics: Sequence[TopicStart]) -> None:
        """Before the first worker: write the state of each partition, and the possible duplicates of a former run."""
        at = self._wall()
        starts: list[tuple[CommittedState, int, int]] = []
        for topic in topics:
            self._topic_ids[topic.topic] = topic.topic_id
            for partition, mark in sorted(topic.committed.items()):
                key = PartitionKey(topic.topic, topic.group, partition)
                state = replace(
                    self._state("started", key, mark, at), in_flight=topic.in_flight, reads_all=topic.reads_all
                )
                starts.append((state, topic.begins[partition], topic.ends[partition]))
        found: list[PossibleDuplicates] = []
        try:
            keys = [state.key for state, _, _ in starts]
            formers, in_flight = last_states(self._store, keys)
            moves = last_moves(self._store, keys)
        except OSError as failed:
            error = f"{self._store.directory}: {failed.strerror or failed}"
            text = "what a former run may have sent and not committed is not listed among the possible duplicates"
            self._emit(Notice(text=f"the account can't be read, so {text}: {error}"))
        else:
            for state, begins, end in starts:
                former = formers.get(state.key)
                known = None if former is None else FormerRun(former, in_flight.get(state.key), moves.get(state.key))
                found += duplicates_of_former_run(state, begins, end, known)
        self._last = {state.key: state for state, _, _ in starts}
        self._schedule.put([*(state for state, _, _ in starts), *found])
        self._write(durable=True)
        for name in {row.key.topic for row in found}:
            spans = tuple(row.span for row in found if row.key.topic == name)
            self._emit(DuplicatesPossible(ranges=spans, topic=name))

    def take(self, event: Event) -> None:
        """Note what `event` reports."""
        match event:
            case SupervisorStarted():
                workers = range(event.first_worker, event.first_worker + event.workers)
                self._topics |= dict.fromkeys(workers, (event.topic, event.group))
            case Committed(worker=int(worker)):
                at = self._wall()
                for partition, counts in event.counts.items():
                    key = PartitionKey(*self._topics[worker], partition)
                    mark = Checkpoint(event.next_offsets[partition], counts)
                    state = self._state("committed", key, mark, at)
                    self._schedule.committed(state)
                    self._last[key] = replace(state, kind="ended")
            case DuplicatesPossible(worker=int(worker)):
                self._schedule.put(self._duplicates_of_worker(worker, event.ranges))
                self._write(durable=True)
            case _:
                pass

    def tick(self) -> None:
        """Write the rows that are due; called at least twice a second."""
        self._write(durable=False)
        at = self._wall()
        if self._compacted != f"{at:%Y-%m-%d}" and self._clock() >= self._blocked_until:
            self._compacted = f"{at:%Y-%m-%d}"
            try:
                self._store.compact(at)
            except OSError as failed:
                error = f"{self._store.directory}: {failed.strerror or failed}"
                self._emit(
                    Notice(text=f"old files of the account can't be made shorter, tried again tomorrow: {error}")
                )

    def committed_at_end(
        self, topic: str, group: str, committed: Mapping[int, Checkpoint | None], topic_id: str = ""
    ) -> None:
        """Note what Kafka has after the last worker has ended, and the topic's id then; "" if Kafka reports none."""
        at = self._wall()
        self._topic_ids[topic] = topic_id or self._topic_ids.get(topic, "")
        for partition, mark in committed.items():
            key = PartitionKey(topic, group, partition)
            self._last[key] = self._state("ended", key, mark, at)

    def end(self) -> None:
        """The run has ended in order: write everything, and the last state of each partition."""
        self._blocked_until = float("-inf")
        self._schedule.due(self._clock(), closing=True)
        self._schedule.put(replace(last, kind="ended", in_flight=None, reads_all=False) for last in self._last.values())
        self._write(durable=True)

    def _state(self, kind: Kind, key: PartitionKey, mark: Checkpoint | None, at: datetime) -> CommittedState:
        next_offset, counts = (None, NOTHING) if mark is None else (mark.next_offset, mark.counts)
        topic_id = self._topic_ids.get(key.topic, "") if mark is None or not mark.topic_id else mark.topic_id
        return CommittedState(kind, key, at, next_offset, counts, self._run, topic_id=topic_id)

    def _duplicates_of_worker(self, worker: int, ranges: Sequence[Span]) -> list[Row]:
        topic, group = self._topics[worker]
        at = self._wall()
        return [
            PossibleDuplicates(PartitionKey(topic, group, span.partition), at, span, "worker_lost", self._run)
            for span in ranges
        ]

    def _write(self, *, durable: bool) -> None:
        now = self._clock()
        rows = self._schedule.due(now)
        if not rows or now < self._blocked_until:
            return
        try:
            self._store.append(rows, self._wall(), durable=durable)
        except OSError as failed:
            self._blocked(failed)
        else:
            self._schedule.written(rows)

    def _blocked(self, failed: OSError) -> None:
        self._blocked_until = self._clock() + _RETRY_S
        error = f"{self._store.directory}: {failed.strerror or failed}"
        self._emit(AccountBlocked(error=error, retry_in_s=_RETRY_S))
