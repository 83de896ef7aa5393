"""Refused rows: what Arize will never take becomes dead letters, each row with its raw message.

A batch keeps no raw messages while it waits: that would double its memory for a rare case. They are still in Kafka,
because nothing of the batch is committed, so they are read again. A message that retention has removed there is written
as its decoded row: nothing is lost.

`bisect` has found which rows of a batch these are. A ticket without refused rows is released immediately, the others
when their dead letters are durable.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ingest.errors import RejectedError, RetryableError
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.queue import DeadLetter, DeadLetterBatch
from ingest.pipeline.dead_letters.redact import REDACTED
from ingest.pipeline.delivery.batch import Batch, Part
from ingest.pipeline.delivery.bisect import RefusedRows, numbers
from ingest.pipeline.offsets.segment import Ticket
from ingest.reasons import REJECTED, Reason
from ingest.records import Headers, KafkaMessage

Refetch = Callable[[Mapping[int, Sequence[int]]], list[KafkaMessage]]


@dataclass(frozen=True, slots=True)
class DecodedRow:
    """Stands for a message that Kafka no longer has: the row as it was decoded."""

    _topic: str
    _partition: int
    _offset: int
    _row: Mapping[str, object]

    def topic(self) -> str:
        """The topic it was read from."""
        return self._topic

    def partition(self) -> int:
        """Its partition."""
        return self._partition

    def offset(self) -> int:
        """Its offset."""
        return self._offset

    def value(self) -> bytes:
        """The row's columns as JSON, nulls left out."""
        row = {name: value for name, value in self._row.items() if value is not None}
        return json.dumps(row, ensure_ascii=False, default=str).encode()

    def key(self) -> None:
        """Unknown: only the row is left."""
        return

    def headers(self) -> Headers:
        """Not known any more; the row has been through [schema] already."""
        return [(REDACTED, b"1")]

    def timestamp(self) -> tuple[int, int]:
        """Not known any more: librdkafka's TIMESTAMP_NOT_AVAILABLE."""
        return (0, -1)


@dataclass(slots=True)
class _Refusal:
    """The refused rows of a batch by part, each row with its reason, and how many of which ticket they are."""

    parts: Sequence[Part]
    reasons: Sequence[Reason]
    tickets: Sequence[tuple[Ticket, int]]
    failures: int = 0
    future: Future[list[KafkaMessage]] | None = None
    retry_at: float = 0.0


class RefusedBatches:
    """Reads the raw messages of refused rows on a thread of its own. Times are monotonic seconds."""

    def __init__(self, refetch: Refetch, backoff: Backoff, topic: str) -> None:
        self._refetch = refetch
        self._backoff = backoff
        self._topic = topic
        self._open: list[_Refusal] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="refused")

    def __len__(self) -> int:
        return len(self._open)

    def add(self, batch: Batch, refused: Sequence[RefusedRows]) -> list[Ticket]:
        """Take in what of a batch was refused for good. Returns the tickets that hold none of these rows."""
        found = numbers(refused)
        rows = np.array([row for row, _, _ in found], dtype=np.int64)
        reasons = [_reason(error, together) for _, error, together in found]
        parts, tickets, free = [], [], []
        begin = 0
        for part in batch.parts:
            end = begin + part.table.num_rows
            own = rows[(rows >= begin) & (rows < end)] - begin
            begin = end
            refused_part = Part(part.table.take(own), part.partitions[own], part.offsets[own], part.tickets)
            parts.append(refused_part)
            for ticket, dead in refused_part.rows_by_ticket():
                if dead:
                    tickets.append((ticket, dead))
                else:
                    free.append(ticket)
        self._open.append(_Refusal(parts, reasons, tickets))
        return free

    def poll(self, now: float) -> list[DeadLetterBatch]:
        """The refused rows whose raw messages are at hand, as dead letters to be written."""
        ready = []
        for refusal in list(self._open):
            if refusal.future is None:
                if now >= refusal.retry_at:
                    refusal.future = self._pool.submit(self._refetch, _offsets(refusal.parts))
            elif refusal.future.done():
                try:
                    found = refusal.future.result()
                except RetryableError:
                    refusal.failures += 1
                    refusal.future = None
                    refusal.retry_at = now + self._backoff.wait_s(refusal.failures, random.random())
                    continue
                self._open.remove(refusal)
                ready.append(DeadLetterBatch(self._letters(refusal, found), refusal.tickets))
        return ready

    def close(self) -> None:
        """Wait for nothing; what is open stays uncommitted."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _letters(self, refusal: _Refusal, found: Sequence[KafkaMessage]) -> list[DeadLetter]:
        raw = {(message.partition(), message.offset()): message for message in found}
        reasons = iter(refusal.reasons)
        letters = []
        for part in refusal.parts:
            for row, (partition, offset) in enumerate(
                zip(part.partitions.tolist(), part.offsets.tolist(), strict=True)
            ):
                message = raw.get((partition, offset))
                if message is None:
                    values = part.table.slice(row, 1).to_pylist()[0]
                    message = DecodedRow(self._topic, partition, offset, values)
                letters.append(DeadLetter(message, next(reasons)))
        return letters


def _reason(error: RejectedError, together: int) -> Reason:
    """Why a row is a dead letter that was refused, alone or `together` with so many others."""
    text = f"Arize refused the row: {error}"
    if together:
        text = f"Arize refused the row together with {together:,} others that could not be told apart from it: {error}"
    return Reason(REJECTED[error.status], text)


def _offsets(parts: Sequence[Part]) -> dict[int, list[int]]:
    wanted: dict[int, list[int]] = {}
    for part in parts:
        for partition in np.unique(part.partitions).tolist():
            wanted.setdefault(partition, []).extend(part.offsets[part.partitions == partition].tolist())
    return wanted
