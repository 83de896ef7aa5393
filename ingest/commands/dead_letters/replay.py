"""Replaying dead letters through the pipeline: decoded, sent to Arize, and marked once Arize has answered.

1. A letter is marked when its row was acknowledged, and only then: what a kill leaves unmarked was in flight at most.
2. What fails again stays a dead letter, written anew with its new reason, durably, and with one more replay counted.
3. A letter that was replayed `max_replays` times already is left alone: what can't be healed must not go round for
   ever.
4. The steps are a worker's own (intake, uploads with their retries and their search for refused rows); instead of
   partitions and offsets its rows carry the letters' numbers, instead of a commit there are marks.
"""

import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

from ingest.commands.dead_letters.letter import Entry, Letter, Store
from ingest.commands.dead_letters.outcome import PIPELINE, Outcome, Progress
from ingest.config.load import Config
from ingest.errors import ExitCode, FatalError, RetryableError
from ingest.events import Emit
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

_ONE = 0  # all letters stand in one partition, at the offset of their number
_WAIT_S = 0.1
_KEEP_S = 60.0
_PAUSE_S = 0.5


class PipelineReplay:
    """One replay of `entries` of `store` through decode and Arize."""

    def __init__(
        self,
        config: Config,
        store: Store,
        entries: Sequence[Entry],
        emit: Emit,
        progress: Progress,
        *,
        hashed: bool = False,
    ) -> None:
        """`hashed`: the letters hold hashes already."""
        self._config = config
        self._store = store
        self._entries = entries
        self._progress = progress
        self._emit = emit
        # Without an end to wait for, only size closes a batch.
        limits = BatchLimits(config.batch.max_events, config.batch.max_bytes, linger_s=float("inf"))
        self._judges = RowProcessors(config, time.time, hashed=hashed)
        self._intake = Intake({_ONE: PartitionTracker(_ONE, 0)}, self._judges, limits)
        self._answer = threading.Event()
        self._sink = sink(config)
        self._next = 0

    def try_out(self, outcome: Outcome) -> None:
        """Decode everything and send nothing."""
        while self._next < len(self._entries):
            failed = self._take_lot()
            outcome.failed.update(letter.reason.code for letter in failed)
            outcome.replayed += self._intake.rows
            self._forget_rows()

    def run(self, outcome: Outcome) -> None:
        """Replay to the end. `outcome` is kept up to date, also when this raises FatalError."""
        config = self._config
        uploads = {
            number: Uploads(
                ArizeUploader(route.config).send,
                concurrency=concurrency(route.config.arize),
                timeout_s=route.config.arize.timeout_s,
                backoff=Backoff(config.delivery.base_backoff_s, config.delivery.max_backoff_s),
                emit=self._emit,
                worker=0,
                route=route.name,
                answer=self._answer,
            )
            for number, route in enumerate(self._judges.routes)
            if route.deliver
        }
        try:
            while self._turn(uploads, outcome):
                pass
        finally:
            for each in uploads.values():
                each.close()
            self._sink.close()

    def _turn(self, uploads: Mapping[int, Uploads], outcome: Outcome) -> bool:
        now = time.monotonic()
        for number, each in uploads.items():
            for settled in each.turn(now):
                self._settle(settled, outcome)
            ready = self._intake.batches[number].ready
            while ready and not each.full:
                each.start(ready.popleft(), now)
            if ready:
                each.limit_reached()
        left = self._next < len(self._entries)
        if left and self._intake.room():
            self._fail(self._take_lot(), outcome)
        elif not self._close_batches(now) and any(map(len, uploads.values())):
            self._answer.wait(_WAIT_S)
            self._answer.clear()
        return bool(left or self._intake.rows or any(map(len, uploads.values())))

    def _close_batches(self, now: float) -> bool:
        """Close one batch of each route that has none waiting; True if there was any."""
        waiting = [batches for batches in self._intake.batches if batches.rows and not batches.ready]
        for batches in waiting:
            batches.close(now, leaving=True)
        return bool(waiting)

    def _forget_rows(self) -> None:
        while self._intake.rows:
            for batches in self._intake.batches:
                batches.close(time.monotonic(), leaving=True)
                batches.ready.clear()

    def _take_lot(self) -> Sequence[DeadLetter]:
        """Read and decode the next letters; those that fail."""
        room = min(self._config.batch.chunk_events, self._intake.room())
        first, self._next = self._next, min(self._next + room, len(self._entries))
        letters = self._store.read(self._entries[first : self._next])
        chunk = Chunk(
            messages=letters,
            partitions=np.full(len(letters), _ONE, dtype=np.int32),
            offsets=np.arange(first, self._next, dtype=np.int64),
            raw_bytes=sum(len(letter.raw_value or b"") for letter in letters),
        )
        now = time.monotonic()
        taken = self._intake.take(chunk, now)
        for event in self._judges.dropped.drain(0, now, last=self._next == len(self._entries)):
            self._emit(event)
        return taken.letters.letters

    def _settle(self, settled: SettledBatch, outcome: Outcome) -> None:
        ids = _ids(settled.batch)
        done = [self._entries[number] for number in ids[~settled.dead()].tolist()]
        if done:
            self._store.mark(done, PIPELINE)
            outcome.replayed += len(done)
            self._progress(len(done))
        if not settled.refused:
            return
        refused = numbers(settled.refused)
        letters = self._store.read([self._entries[int(ids[row])] for row, _, _ in refused])
        self._fail(
            [
                DeadLetter(letter, Reason(REJECTED[error.status], f"Arize refused the row: {error}"))
                for letter, (_, error, _) in zip(letters, refused, strict=True)
            ],
            outcome,
        )

    def _fail(self, letters: Sequence[DeadLetter], outcome: Outcome) -> None:
        if not letters:
            return
        counted = []
        for letter in letters:
            assert isinstance(letter.message, Letter)
            counted.append(DeadLetter(letter.message.replayed_again(), letter.reason, letter.column))
        self._keep(counted)
        outcome.failed.update(letter.reason.code for letter in letters)
        self._progress(len(letters))

    def _keep(self, letters: Sequence[DeadLetter]) -> None:
        """Durable when this returns."""
        deadline = time.monotonic() + _KEEP_S
        while True:
            try:
                self._sink.write(letters)
                while not self._sink.durable():
                    time.sleep(_WAIT_S)
            except (OSError, RetryableError) as error:
                if time.monotonic() >= deadline:
                    raise FatalError(
                        f"what failed again can't be written to {self._sink.place}: {error}. It stays as it was",
                        exit_code=ExitCode.DRAIN_DEADLINE,
                    ) from None
                time.sleep(_PAUSE_S)
            else:
                return


def _ids(batch: Batch) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The letters' numbers, row by row."""
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = np.concatenate([part.offsets for part in batch.parts])
    return found
