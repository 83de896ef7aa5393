"""Keeps the account of a run: listens to its events, and writes what the book says.

Nothing here ever holds up delivery. What can't be written is told, waits, and is tried again; what never gets there is
healed by the next row.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ingest.accounting.files import Files, last_states
from ingest.accounting.rows import Duplicates, Key, Kind, Row, State
from ingest.accounting.schedule import Former, RowSchedule, left_behind
from ingest.events import AccountBlocked, Committed, DuplicatesPossible, Emit, Event, SupervisorStarted
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, Span

_RETRY_S = 10.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Opening:
    """One topic at the start of a run: what is committed, where reading begins, and where the log ends.

    `in_flight` is the most messages of a partition that the run may have on their way at once, `topic_id` Kafka's own.
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
    """The account of one run in `files`; `emit` hears what can't be written, and what may be twice."""

    def __init__(
        self,
        files: Files,
        emit: Emit,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = _now,
    ) -> None:
        self._files = files
        self._emit = emit
        self._clock = clock
        self._wall = wall
        self._run = secrets.token_hex(4)
        self._book = RowSchedule(self._run)
        self._topics: dict[int, tuple[str, str]] = {}  # worker -> its topic and group
        self._topic_ids: dict[str, str] = {}
        self._last: dict[Key, State] = {}
        self._blocked_until = float("-inf")
        self._compacted = ""

    def begin(self, openings: Sequence[Opening]) -> None:
        """Before the first worker: how each partition stands, and what a former run has left behind."""
        at = self._wall()
        starts: list[tuple[State, int, int]] = []
        for opening in openings:
            self._topic_ids[opening.topic] = opening.topic_id
            for partition, mark in sorted(opening.committed.items()):
                key = Key(opening.topic, opening.group, partition)
                state = replace(
                    self._state("started", key, mark, at), in_flight=opening.in_flight, reads_all=opening.reads_all
                )
                starts.append((state, opening.begins[partition], opening.ends[partition]))
        found: list[Duplicates] = []
        try:
            formers, in_flight = last_states(self._files, [state.key for state, _, _ in starts])
        except OSError as failed:
            self._trouble(failed)
        else:
            for state, begins, end in starts:
                former = formers.get(state.key)
                known = None if former is None else Former(former, in_flight.get(state.key))
                found += left_behind(state, begins, end, known)
        self._last = {state.key: state for state, _, _ in starts}
        self._book.put([*(state for state, _, _ in starts), *found])
        self._write(durable=True)
        for topic in {row.key.topic for row in found}:
            spans = tuple(row.span for row in found if row.key.topic == topic)
            self._emit(DuplicatesPossible(ranges=spans, topic=topic))

    def take(self, event: Event) -> None:
        """Note what `event` says."""
        match event:
            case SupervisorStarted():
                workers = range(event.first_worker, event.first_worker + event.workers)
                self._topics |= dict.fromkeys(workers, (event.topic, event.group))
            case Committed(worker=int(worker)):
                at = self._wall()
                for partition, counts in event.counts.items():
                    key = Key(*self._topics[worker], partition)
                    mark = Checkpoint(event.next_offsets[partition], counts)
                    state = self._state("committed", key, mark, at)
                    self._book.committed(state)
                    self._last[key] = replace(state, kind="ended")
            case DuplicatesPossible(worker=int(worker)):
                self._book.put(self._lost(worker, event.ranges))
                self._write(durable=True)
            case _:
                pass

    def tick(self) -> None:
        """Write what is due; called at least twice a second."""
        self._write(durable=False)
        at = self._wall()
        if self._compacted != f"{at:%Y-%m-%d}" and self._clock() >= self._blocked_until:
            self._compacted = f"{at:%Y-%m-%d}"
            try:
                self._files.compact(at)
            except OSError as failed:
                self._trouble(failed)

    def found(self, topic: str, group: str, committed: Mapping[int, Checkpoint | None], topic_id: str = "") -> None:
        """What Kafka has after the last worker, and the topic's id then; "" if it does not say."""
        at = self._wall()
        self._topic_ids[topic] = topic_id or self._topic_ids.get(topic, "")
        for partition, mark in committed.items():
            key = Key(topic, group, partition)
            self._last[key] = self._state("ended", key, mark, at)

    def end(self) -> None:
        """The run has ended in order."""
        self._blocked_until = float("-inf")
        self._book.due(self._clock(), leaving=True)
        self._book.put(replace(last, kind="ended", in_flight=None, reads_all=False) for last in self._last.values())
        self._write(durable=True)

    def _state(self, kind: Kind, key: Key, mark: Checkpoint | None, at: datetime) -> State:
        next_offset, counts = (None, NOTHING) if mark is None else (mark.next_offset, mark.counts)
        topic_id = self._topic_ids.get(key.topic, "") if mark is None or not mark.topic_id else mark.topic_id
        return State(kind, key, at, next_offset, counts, self._run, topic_id=topic_id)

    def _lost(self, worker: int, ranges: Sequence[Span]) -> list[Row]:
        topic, group = self._topics[worker]
        at = self._wall()
        return [Duplicates(Key(topic, group, span.partition), at, span, "worker_lost", self._run) for span in ranges]

    def _write(self, *, durable: bool) -> None:
        now = self._clock()
        rows = self._book.due(now)
        if not rows or now < self._blocked_until:
            return
        try:
            self._files.append(rows, self._wall(), durable=durable)
        except OSError as failed:
            self._trouble(failed)
        else:
            self._book.written(rows)

    def _trouble(self, failed: OSError) -> None:
        self._blocked_until = self._clock() + _RETRY_S
        error = f"{self._files.directory}: {failed.strerror or failed}"
        self._emit(AccountBlocked(error=error, retry_in_s=_RETRY_S))
