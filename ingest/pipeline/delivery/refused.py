"""Refused rows: what Arize will never take becomes dead letters, each row with its raw message.

A batch keeps no raw messages while it waits: that would double its memory for a rare case. They are still in Kafka,
because nothing of the batch is committed, so they are read again. A message that retention has removed there is written
as its decoded row: nothing is lost.

`bisect` has found which rows of a batch these are. A ticket without refused rows is released immediately, the others
when their dead letters are durable.

A message with several predictions is one dead letter with the indices of all that were refused so far: readers take its
newest one. So they are collected when the letter is handed over to be written, not before.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ingest.errors import RejectedError, RetryableError
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.queue import DeadLetter, DeadLetterBatch
from ingest.pipeline.dead_letters.redact import REDACTED
from ingest.pipeline.delivery.batch import Batch, Part
from ingest.pipeline.delivery.bisect import RefusedRows, numbers
from ingest.pipeline.formats.by_message import reason_of
from ingest.pipeline.formats.part_numbers import DECODED
from ingest.pipeline.offsets.segment import Ticket
from ingest.reasons import REJECTED, Reason
from ingest.records import Headers, KafkaMessage

Refetch = Callable[[Mapping[int, Sequence[int]]], list[KafkaMessage]]


@dataclass(frozen=True, slots=True)
class DecodedRow:
    """Stands for a message that Kafka no longer has: its row as it was decoded, or its rows if it was exploded."""

    _topic: str
    _partition: int
    _offset: int
    _rows: Sequence[Mapping[str, object]]
    _exploded: bool = False

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
        """The row's columns as JSON, nulls left out; a list of them if there are several of a message."""
        rows = [{name: value for name, value in row.items() if value is not None} for row in self._rows]
        return json.dumps(rows[0] if len(rows) == 1 else rows, ensure_ascii=False, default=str).encode()

    def key(self) -> None:
        """Unknown: only the row is left."""
        return

    def headers(self) -> Headers:
        """Not known any more; the row has been through [schema] already."""
        return [(REDACTED, b"1"), *([(DECODED, b"1")] if self._exploded else [])]

    def timestamp(self) -> tuple[int, int]:
        """Not known any more: librdkafka's TIMESTAMP_NOT_AVAILABLE."""
        return (0, -1)


@dataclass(slots=True)
class _Refusal:
    """The refused rows of a batch by part, each row with its reason, and how many of which ticket they are, by part."""

    parts: Sequence[Part]
    reasons: Sequence[Reason]
    tickets: Sequence[Sequence[tuple[Ticket, int]]]
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
        parts, tickets, free = [], [], list[Ticket]()
        begin = 0
        for part in batch.parts:
            end = begin + part.table.num_rows
            own = rows[(rows >= begin) & (rows < end)] - begin
            begin = end
            refused_part = Part(
                part.table.take(own),
                part.partitions[own],
                part.offsets[own],
                part.tickets,
                None if part.numbers is None else part.numbers[own],
            )
            parts.append(refused_part)
            rows_by_ticket = refused_part.rows_by_ticket()
            tickets.append([(ticket, dead) for ticket, dead in rows_by_ticket if dead])
            free += [ticket for ticket, dead in rows_by_ticket if not dead]
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
                ready.append(self._dead_letters(refusal, found))
        return ready

    def close(self) -> None:
        """Wait for nothing; what is open stays uncommitted."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _dead_letters(self, refusal: _Refusal, found: Sequence[KafkaMessage]) -> DeadLetterBatch:
        raw = {(message.partition(), message.offset()): message for message in found}
        reasons = iter(refusal.reasons)
        letters: list[DeadLetter] = []
        tickets: list[tuple[Ticket, int]] = []
        for part, held in zip(refusal.parts, refusal.tickets, strict=True):
            counts = dict(held)
            same = part.same_message()
            for begin, end in pairwise([*np.flatnonzero(~same).tolist(), len(same)]):
                partition, offset = int(part.partitions[begin]), int(part.offsets[begin])
                message = raw.get((partition, offset))
                if message is None:
                    rows = part.table.slice(begin, end - begin).to_pylist()
                    message = DecodedRow(self._topic, partition, offset, rows, part.numbers is not None)
                own = [next(reasons) for _ in range(begin, end)]
                if part.numbers is None:
                    letters.append(DeadLetter(message, own[0]))
                    continue
                numbers_ = part.numbers[begin:end].tolist()
                ticket = next(ticket for ticket in part.tickets if ticket.has(partition, offset))
                all_refused, is_first = ticket.refuse(offset, tuple(numbers_))
                counts[ticket] -= end - begin - is_first
                reason = reason_of(dict(zip(numbers_, own, strict=True)))
                letters.append(DeadLetter(message, reason, parts=all_refused))
            tickets += counts.items()
        return DeadLetterBatch(letters, tickets)


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
            own = (part.partitions == partition) & ~part.same_message()
            wanted.setdefault(partition, []).extend(part.offsets[own].tolist())
    return wanted
