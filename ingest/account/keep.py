"""Keeps the account of a run: listens to its events, and writes what the book says.

Nothing here ever holds up delivery. What can't be written is told, waits, and is tried again; what never gets there is
healed by the next row.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ingest.account.book import Book, Former, left_behind
from ingest.account.files import Files, last_states
from ingest.account.rows import Duplicates, Key, Kind, Row, State
from ingest.events import AccountBlocked, Committed, DuplicatesPossible, Emit, Event, SupervisorStarted
from ingest.pipeline.ack import Watermark
from ingest.records import NOTHING, Span

_RETRY_S = 10.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Opening:
    """One topic at the start of a run: what is committed, where reading begins, and where the log ends.

    `in_flight` is the most messages of a partition that the run may have on their way at once.
    """

    topic: str
    group: str
    committed: Mapping[int, Watermark | None]
    begins: Mapping[int, int]
    ends: Mapping[int, int]
    in_flight: int | None


class Keeper:
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
        self._book = Book(self._run)
        self._topics: dict[int, tuple[str, str]] = {}  # worker -> its topic and group
        self._last: dict[Key, State] = {}
        self._blocked_until = float("-inf")
        self._compacted = ""

    def begin(self, openings: Sequence[Opening]) -> None:
        """Before the first worker: how each partition stands, and what a former run has left behind."""
        at = self._wall()
        starts: list[tuple[State, int, int]] = []
        for opening in openings:
            for partition, mark in sorted(opening.committed.items()):
                key = Key(opening.topic, opening.group, partition)
                state = _state("started", key, mark, at=at, run=self._run, in_flight=opening.in_flight)
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
                    self._book.committed(key, event.next_offsets[partition], counts, at)
                    self._last[key] = State("ended", key, at, event.next_offsets[partition], counts, self._run)
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

    def found(self, topic: str, group: str, committed: Mapping[int, Watermark | None]) -> None:
        """What Kafka has after the last worker."""
        at = self._wall()
        for partition, mark in committed.items():
            key = Key(topic, group, partition)
            self._last[key] = _state("ended", key, mark, at=at, run=self._run)

    def end(self) -> None:
        """The run has ended in order."""
        self._blocked_until = float("-inf")
        self._book.due(self._clock(), leaving=True)
        self._book.put(replace(last, kind="ended", in_flight=None) for last in self._last.values())
        self._write(durable=True)

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


def _state(
    kind: Kind, key: Key, mark: Watermark | None, *, at: datetime, run: str, in_flight: int | None = None
) -> State:
    next_offset, counts = (None, NOTHING) if mark is None else (mark.next_offset, mark.counts)
    return State(kind, key, at, next_offset, counts, run, in_flight)
