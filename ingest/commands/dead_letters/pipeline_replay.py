"""Replays dead letters through the pipeline: they are decoded, sent to Arize, and marked when Arize acknowledges them.

Rules
1. A dead letter is marked only after its row was acknowledged: after a kill, only rows in flight are sent twice.
2. A dead letter that fails again is written again, durably, with its new reason and with one more replay counted.
3. One that a route or its sample leaves out now is marked too: nothing is to be sent of it.
4. A dead letter that was already replayed `max_replays` times is skipped, so that replays end.
5. The steps are those of a worker: intake, and uploads with their retries and bisection. Instead of partitions and
   offsets, rows carry the numbers of the dead letters; instead of commits, there are marks.
"""

import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

from ingest.commands.dead_letters.replay_result import PIPELINE, Advance, ReplayResult
from ingest.commands.dead_letters.store import Store
from ingest.commands.dead_letters.stored import IndexEntry, StoredDeadLetter
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
from ingest.pipeline.intake import Intake
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.rows import RowProcessors
from ingest.reasons import REJECTED, Reason
from ingest.records import Chunk

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
        self._processors = RowProcessors(config, time.time, hashed=hashed)
        self._intake = Intake({_PARTITION: PartitionTracker(_PARTITION, 0)}, self._processors, limits)
        self._answer = threading.Event()
        self._sink = sink(config)
        self._next = 0

    def dry_run(self, result: ReplayResult) -> None:
        """Decode everything, send nothing, and add what would happen to `result`."""
        while self._next < len(self._entries):
            failed = self._take_chunk(result)
            result.failed.update(letter.reason.code for letter in failed)
            result.replayed += self._intake.rows
            self._discard_rows()

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
                self._settle(settled, result)
            ready = self._intake.batches[number].ready
            while ready and not each.full:
                each.start(ready.popleft(), now)
            if ready:
                each.limit_reached()
        left = self._next < len(self._entries)
        if left and self._intake.room():
            self._write_failed(self._take_chunk(result), result)
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
                batches.ready.clear()

    def _take_chunk(self, result: ReplayResult) -> Sequence[DeadLetter]:
        """Read and decode the next dead letters; returns those that fail, and marks those that are filtered."""
        room = min(self._config.batch.chunk_events, self._intake.room())
        first, self._next = self._next, min(self._next + room, len(self._entries))
        letters = self._store.read(self._entries[first : self._next])
        chunk = Chunk(
            messages=letters,
            partitions=np.full(len(letters), _PARTITION, dtype=np.int32),
            offsets=np.arange(first, self._next, dtype=np.int64),
            raw_bytes=sum(len(letter.raw_value or b"") for letter in letters),
        )
        now = time.monotonic()
        taken = self._intake.take(chunk, now)
        for event in self._processors.dropped.drain(now, last=self._next == len(self._entries)):
            self._emit(event)
        filtered = [self._entries[first + index] for found in taken.filtered for index in found.tolist()]
        if filtered:
            if not result.dry_run:
                self._store.mark(filtered, PIPELINE)
                self._advance(len(filtered))
            result.filtered += len(filtered)
        return taken.letters.letters

    def _settle(self, settled: SettledBatch, result: ReplayResult) -> None:
        ids = _ids(settled.batch)
        done = [self._entries[number] for number in ids[~settled.dead()].tolist()]
        if done:
            self._store.mark(done, PIPELINE)
            result.replayed += len(done)
            self._advance(len(done))
        if not settled.refused:
            return
        refused = numbers(settled.refused)
        letters = self._store.read([self._entries[int(ids[row])] for row, _, _ in refused])
        self._write_failed(
            [
                DeadLetter(letter, Reason(REJECTED[error.status], f"Arize refused the row: {error}"))
                for letter, (_, error, _) in zip(letters, refused, strict=True)
            ],
            result,
        )

    def _write_failed(self, letters: Sequence[DeadLetter], result: ReplayResult) -> None:
        if not letters:
            return
        counted = []
        for letter in letters:
            assert isinstance(letter.message, StoredDeadLetter)
            counted.append(DeadLetter(letter.message.replayed_again(), letter.reason, letter.column))
        self._write(counted)
        result.failed.update(letter.reason.code for letter in letters)
        self._advance(len(letters))

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


def _ids(batch: Batch) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The number of the dead letter of each row."""
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = np.concatenate([part.offsets for part in batch.parts])
    return found
