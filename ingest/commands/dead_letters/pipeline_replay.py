"""Replays dead letters through the pipeline: they are decoded, sent to Arize, and marked when Arize acknowledges them.

Rules
1. A dead letter is marked only after its rows were acknowledged: after a kill, only rows in flight are sent twice. If
   it names some predictions of its message, only these are sent (`outcomes`).
2. A dead letter that fails again is written again, durably, with its new reason and with one more replay counted.
3. A dead letter that was already replayed `max_replays` times is skipped, so that replays end.
4. One that a route or its sample leaves out now is marked too, and counted: nothing is to be sent of it.
5. The steps are those of a worker: intake, and uploads with their retries and bisection. Instead of partitions and
   offsets, rows carry the numbers of the dead letters; instead of commits, there are marks.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ingest.commands.dead_letters.index_entry import IndexEntry
from ingest.commands.dead_letters.outcomes import Failed, Outcomes
from ingest.commands.dead_letters.replay_result import PIPELINE, Advance, ReplayResult
from ingest.commands.dead_letters.store import Store
from ingest.commands.dead_letters.stored import StoredDeadLetter
from ingest.config.resolve import TopicConfig
from ingest.errors import ExitCode, FatalError, RetryableError
from ingest.events import Emit, Emitter
from ingest.pipeline.arize.uploader import ArizeUploader
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.dead_letters.topic import sink
from ingest.pipeline.delivery.batch import Batch, BatchLimits
from ingest.pipeline.delivery.bisect import numbers
from ingest.pipeline.delivery.route import concurrency
from ingest.pipeline.delivery.uploads import SettledBatch, Uploads
from ingest.pipeline.intake import Intake, Taken
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.routing import RoutedChunk
from ingest.pipeline.rows import ProcessedRows, RowProcessors
from ingest.reasons import REJECTED, Reason
from ingest.records import Chunk, KafkaMessage

_PARTITION = 0  # all dead letters are in one partition; their offset is their number
_WAIT_S = 0.1
_WRITE_S = 60.0
_PAUSE_S = 0.5


class PipelineReplay:
    """One replay of `entries` of `store`."""

    def __init__(
        self,
        config: TopicConfig,
        store: Store,
        entries: Sequence[IndexEntry],
        emit: Emit,
        advance: Advance,
        *,
        hashed: bool = False,
    ) -> None:
        """`hashed`: the dead letters already contain hashes."""
        self._config = config
        self._store = store
        self._entries = entries
        self._advance = advance
        self._emit = emit
        # Batches are closed by their size only, and at the end.
        limits = BatchLimits(config.batch.max_events, config.batch.max_bytes, linger_s=float("inf"))
        self._processors = _CountingProcessors(config, self._count_rows, hashed=hashed)
        self._intake = Intake({_PARTITION: PartitionTracker(_PARTITION, 0)}, self._processors, limits)
        self._answer = threading.Event()
        self._sink = sink(config)
        self._first = self._next = 0  # of the chunk in hand, and of the one after it
        self._outcomes = Outcomes()

    def dry_run(self, result: ReplayResult) -> None:
        """Decode everything, send nothing, and add what would happen to `result`."""
        while self._left:
            self._take_chunk()
            self._discard_rows()
            ended = self._outcomes.settled()
            result.failed.update(each.reason.code for each in ended.failed)
            result.replayed += len(ended.replayed)
            result.filtered += len(ended.filtered)

    @property
    def _left(self) -> bool:
        return self._next < len(self._entries) or self._intake.pending

    def run(self, result: ReplayResult) -> None:
        """Replay to the end. `result` is up to date, also when this raises FatalError."""
        config = self._config
        uploads = {
            number: Uploads(
                ArizeUploader(route).send,
                concurrency=concurrency(route.arize),
                timeout_s=route.arize.timeout_s,
                backoff=Backoff(config.delivery.base_backoff_s, config.delivery.max_backoff_s),
                emit=Emitter(self._emit, 0, route.name),
                on_answer=self._answer.set,
            )
            for number, route in enumerate(self._processors.routes)
            if route.deliver
        }
        try:
            while self._turn(uploads, result):
                pass
        finally:
            for each in uploads.values():
                each.close()
            self._sink.close()

    def _turn(self, uploads: Mapping[int, Uploads], result: ReplayResult) -> bool:
        now = time.monotonic()
        for number, each in uploads.items():
            for settled in each.poll(now):
                self._settle(settled)
                self._finish(result)
            ready = self._intake.batches[number].ready
            while ready and not each.full:
                each.start(ready.popleft(), now)
            if ready:
                each.limit_reached()
        left = self._left
        if left and self._intake.room():
            self._take_chunk()
            self._finish(result)
        elif not self._close_batches(now) and any(map(len, uploads.values())):
            self._answer.wait(_WAIT_S)
            self._answer.clear()
        return bool(left or self._intake.rows or any(map(len, uploads.values())))

    def _close_batches(self, now: float) -> bool:
        """Close one batch of each route that has no closed one; returns whether there was one."""
        waiting = [batches for batches in self._intake.batches if batches.rows and not batches.ready]
        for batches in waiting:
            batches.close(now, draining=True)
        return bool(waiting)

    def _discard_rows(self) -> None:
        while self._intake.rows:
            for batches in self._intake.batches:
                batches.close(time.monotonic(), draining=True)
                for batch in batches.ready:
                    self._acknowledged(batch, np.zeros(batch.rows, dtype=np.bool_))
                batches.ready.clear()

    def _take_chunk(self) -> None:
        """Read and decode the next dead letters, or the next piece of them."""
        now = time.monotonic()
        if self._intake.pending:
            self._taken(self._intake.resume(now), now)
            return
        room = min(self._config.batch.chunk_events, self._intake.room())
        self._first, self._next = self._next, min(self._next + room, len(self._entries))
        letters = self._store.read(self._entries[self._first : self._next])
        chunk = Chunk(
            messages=letters,
            partitions=np.full(len(letters), _PARTITION, dtype=np.int32),
            offsets=np.arange(self._first, self._next, dtype=np.int64),
            raw_bytes=sum(len(letter.raw_value or b"") for letter in letters),
        )
        self._taken(self._intake.take(chunk, now), now)

    def _taken(self, taken: Taken | None, now: float) -> None:
        if taken is None:
            return
        for event in self._processors.dropped.drain(now, last=self._next == len(self._entries)):
            self._emit(event)
        in_hand = range(self._first, self._next)
        by_location = {self._entries[number].location: number for number in in_hand}
        rejected = []
        for letter in taken.letters.letters:
            assert isinstance(letter.message, StoredDeadLetter)
            rejected.append(Failed(by_location[letter.message.entry.location], letter.reason, letter.parts))
        self._outcomes.decoded(in_hand, rejected)

    def _count_rows(self, indices: npt.NDArray[np.int64]) -> None:
        """The messages of the chunk in hand that have become rows, one index a row."""
        for index, rows in zip(*np.unique(indices, return_counts=True), strict=True):
            self._outcomes.rows(self._first + int(index), int(rows))

    def _settle(self, settled: SettledBatch) -> None:
        batch = settled.batch
        self._acknowledged(batch, settled.dead())
        ids, parts = _ids(batch), _parts(batch)
        for row, error, _ in numbers(settled.refused):
            reason = Reason(REJECTED[error.status], f"Arize refused the row: {error}")
            self._outcomes.refused(int(ids[row]), parts[row], reason)

    def _acknowledged(self, batch: Batch, dead: npt.NDArray[np.bool_]) -> None:
        for number, rows in zip(*np.unique(_ids(batch)[~dead], return_counts=True), strict=True):
            self._outcomes.acknowledged(int(number), int(rows))

    def _finish(self, result: ReplayResult) -> None:
        """Mark the dead letters that are replayed, and write those that have failed again."""
        ended = self._outcomes.settled()
        if done := [*ended.replayed, *ended.filtered]:
            self._store.mark([self._entries[number] for number in done], PIPELINE)
            result.replayed += len(ended.replayed)
            result.filtered += len(ended.filtered)
            self._advance(len(done))
        failed = ended.failed
        if failed:
            letters = self._store.read([self._entries[each.number] for each in failed])
            self._write(
                [
                    DeadLetter(letter.replayed_again(), each.reason, parts=each.parts or letter.entry.parts)
                    for letter, each in zip(letters, failed, strict=True)
                ]
            )
            result.failed.update(each.reason.code for each in failed)
            self._advance(len(failed))

    def _write(self, letters: Sequence[DeadLetter]) -> None:
        """Write dead letters durably."""
        deadline = time.monotonic() + _WRITE_S
        while True:
            try:
                self._sink.write(letters)
                while not self._sink.durable():
                    time.sleep(_WAIT_S)
            except (OSError, RetryableError) as error:
                if time.monotonic() >= deadline:
                    raise FatalError(
                        f"dead letters that failed again can't be written to {self._sink.place}: {error}. The former "
                        "entries stay",
                        exit_code=ExitCode.DRAIN_DEADLINE,
                    ) from None
                time.sleep(_PAUSE_S)
            else:
                return


class _CountingProcessors(RowProcessors):
    """Row processors that report which messages have become rows."""

    def __init__(self, config: TopicConfig, on_rows: Callable[[npt.NDArray[np.int64]], None], *, hashed: bool) -> None:
        super().__init__(config, time.time, hashed=hashed)
        self._on_rows = on_rows

    def process(
        self, route: int, found: RoutedChunk, messages: Sequence[KafkaMessage], indices: npt.NDArray[np.int64]
    ) -> Iterator[ProcessedRows]:
        for processed in super().process(route, found, messages, indices):
            self._on_rows(processed.decoded.accepted)
            yield processed


def _ids(batch: Batch) -> npt.NDArray[np.int64]:
    """The number of the dead letter of each row."""
    return np.concatenate([part.offsets for part in batch.parts])


def _parts(batch: Batch) -> list[int | None]:
    """The index of each row's prediction within its message; None where a message is a row."""
    found: list[int | None] = []
    for part in batch.parts:
        found += [None] * len(part.offsets) if part.numbers is None else part.numbers.tolist()
    return found
