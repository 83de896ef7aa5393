"""The pool of uploads: frozen batches on their way to Arize, each until it is acknowledged, refused or fatal.

Rules
1. At most `concurrency.most` batches are here, those that wait between two attempts included: that bounds the memory,
   however long the endpoint is away. At most `concurrency.limit` attempts run concurrently: that protects the endpoint,
   and a batch that fails again and again leaves room for the others.
2. An attempt runs on its own thread, decoding goes on meanwhile. All decisions are taken in the worker's loop, which
   calls `poll`: the threads only send.
3. Each attempt has a wall-clock deadline; past it the connection is cut and the attempt counts as failed.
4. After a retryable fault an attempt waits by the rules of `backoff`, without end; every attempt sends the identical
   rows. Where several are due the oldest batch goes first, and before any new one.
5. A refused batch (400, 413, 422) is bisected to find the rows that Arize will not take. It keeps its one place and
   sends one request after the other, while the other batches go on; a retryable fault repeats one request. The batch is
   settled when each of its rows is acknowledged or refused: only then are its tickets released, so a crash before that
   repeats no more than the batch.
6. `UploadStarted` says that from now on a crash may repeat the batch. If an attempt can't have stored anything (nothing
   was sent, or the answer says so), and no earlier one may have, `UploadNotStored` takes that back, and the next
   attempt begins with another `UploadStarted`.
"""

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.errors import FatalError, RejectedError, RetryableError
from ingest.events import (
    Emit,
    Throttle,
    UploadAcknowledged,
    UploadAnswered,
    UploadBisecting,
    UploadConcurrencyReduced,
    UploadNotStored,
    UploadOutcome,
    UploadRejected,
    UploadRetried,
    UploadStarted,
    UploadUnacknowledged,
)
from ingest.pipeline.arize.transport import Attempt
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.delivery.answers import Answers, AnswerState
from ingest.pipeline.delivery.batch import Batch
from ingest.pipeline.delivery.bisect import Bisect, RefusedRows, Rows, count
from ingest.pipeline.delivery.concurrency import Concurrency
from ingest.pipeline.delivery.unproven import Unproven
from ingest.records import Destination

Send = Callable[[pa.Table, Attempt, Destination | None], None]

_GRACE_S = 1.0  # the request's own timeout is given this much to speak first


@dataclass(frozen=True, slots=True)
class SettledBatch:
    """A batch that has left the pool: acknowledged but for the `refused` rows."""

    batch: Batch
    refused: tuple[RefusedRows, ...] = ()

    @property
    def refused_rows(self) -> int:
        """How many rows Arize will not take."""
        return sum(count(each.rows) for each in self.refused)

    def dead_messages(self) -> npt.NDArray[np.bool_]:
        """Which of the batch's messages have a row that Arize will not take, in their order."""
        dead = self.dead()
        first = ~np.concatenate([part.same_message() for part in self.batch.parts])
        return dead if first.all() else np.logical_or.reduceat(dead, np.flatnonzero(first))

    def dead(self) -> npt.NDArray[np.bool_]:
        """Which of the batch's rows Arize will not take."""
        mask = np.zeros(self.batch.rows, dtype=np.bool_)
        for each in self.refused:
            for part in each.rows:
                mask[part.start : part.stop] = True
        return mask


@dataclass(slots=True)
class _Upload:
    batch: Batch
    table: pa.Table
    sending: pa.Table  # what an attempt sends: the table, or some of its rows while it is bisected
    bisect: Bisect | None = None
    attempt: Attempt = field(default_factory=Attempt)
    attempts: int = 0
    failures: int = 0
    started_at: float = 0.0
    first_sent_at: float | None = None
    late_at: float = 0.0  # when the attempt that is out takes longer than usual
    future: Future[None] | None = None
    retry_at: float = 0.0
    may_be_stored: bool = False  # by an attempt that has ended
    answer_reported: bool = False  # of the latest attempt
    announced: bool = False  # by an `UploadStarted` that nothing has taken back


class Uploads:
    """Batches in flight. All times are monotonic seconds. Not for use from several threads."""

    def __init__(
        self,
        send: Send,
        *,
        concurrency: Concurrency,
        timeout_s: float,
        backoff: Backoff,
        emit: Emit,
        on_answer: Callable[[], None],
    ) -> None:
        """`on_answer` is called on another thread whenever an attempt has ended."""
        self._send = send
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._backoff = backoff
        self._emit = emit
        self._on_answer = on_answer
        self._open: list[_Upload] = []
        self._throttle = Throttle()
        self._unproven = Unproven()
        self._answers = Answers()
        self._pool = ThreadPoolExecutor(concurrency.most, thread_name_prefix="upload")

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        """No further batch can be started."""
        return len(self._open) >= self._concurrency.most or self._limited

    @property
    def _limited(self) -> bool:
        return sum(upload.future is not None for upload in self._open) >= self._concurrency.limit

    @property
    def limit(self) -> int:
        """Attempts that may be on their way at once."""
        return self._concurrency.limit

    def limit_reached(self) -> None:
        """There is a batch to start, and no room for it."""
        if self._limited:
            self._concurrency.limit_reached()

    @property
    def rows(self) -> int:
        """Rows on their way."""
        return sum(upload.batch.rows for upload in self._open)

    @property
    def failing(self) -> bool:
        """A batch waits for its next attempt."""
        return any(upload.failures for upload in self._open)

    def answers(self, now: float) -> AnswerState:
        """What is known of Arize's answers."""
        out = (upload.late_at for upload in self._open if upload.future is not None)
        return self._answers.state(min(out, default=None), now)

    @property
    def oldest_since(self) -> float | None:
        """When the oldest of the batches in flight was first sent; None without one."""
        first = (upload.first_sent_at for upload in self._open if upload.first_sent_at is not None)
        return min(first, default=None)

    def start(self, batch: Batch, now: float) -> None:
        """Send a batch for the first time. Raises ValueError when the pool is full."""
        if self.full:
            raise ValueError(f"{len(self._open)} batches are in flight already")
        table = batch.table()
        upload = _Upload(batch, table, table)
        self._open.append(upload)
        self._submit(upload, now)

    def poll(self, now: float) -> list[SettledBatch]:
        """Take the answers, cut what is overdue, send again what is due. Returns the batches that are settled.

        Raises what an attempt raised beyond RetryableError and RejectedError: FatalError, or a defect; but only when
        nothing is settled, so that no acknowledgement is lost with it.
        """
        settled = []
        halting: Future[None] | None = None
        for upload in list(self._open):
            if upload.future is None:
                continue
            if upload.future.done():
                failed = upload.future.exception()
                if not isinstance(failed, RetryableError | RejectedError | None):
                    self._report_answered(upload, "halted", failed, now)
                    if isinstance(failed, FatalError):
                        self._not_stored(upload, failed)
                    halting = upload.future
                    continue
                done = self._outcome(upload, upload.future, now)
                if done is not None:
                    self._open.remove(upload)
                    settled.append(done)
            elif now - upload.started_at >= self._timeout_s + _GRACE_S:
                upload.attempt.cut()
        if halting is not None and not settled:
            halting.result()
        if halting is None:
            self._send_again(now)
        return settled

    def _send_again(self, now: float) -> None:
        for upload in self._open:
            if upload.future is None and now >= upload.retry_at:
                if self._limited:
                    self._concurrency.limit_reached()
                    return
                self._submit(upload, now)

    def close(self) -> None:
        """Cut all attempts; what is open stays unacknowledged."""
        for upload in self._open:
            upload.attempt.cut()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, upload: _Upload, now: float) -> None:
        if not upload.announced:
            upload.announced = True
            batch = upload.batch
            self._emit(
                UploadStarted(
                    batch=batch.number,
                    rows=batch.rows,
                    bytes=batch.raw_bytes,
                    spans=batch.spans(),
                    attempt=upload.attempts + 1,
                )
            )
        upload.attempt = Attempt()
        upload.answer_reported = False
        upload.attempts += 1
        upload.started_at = now
        upload.first_sent_at = now if upload.first_sent_at is None else upload.first_sent_at
        upload.late_at = now + self._answers.late_s(_size_bytes(upload))
        self._answers.sent(now)
        upload.future = self._pool.submit(self._send, upload.sending, upload.attempt, upload.batch.destination)
        upload.future.add_done_callback(lambda _: self._on_answer())

    def _not_stored(self, upload: _Upload, failed: RetryableError | RejectedError | FatalError) -> None:
        """Rule 6: an attempt has ended without an acknowledgement."""
        if isinstance(failed, RetryableError) and failed.may_be_stored:
            upload.may_be_stored = True
        if upload.announced and not upload.may_be_stored:
            upload.announced = False
            batch = upload.batch
            self._emit(UploadNotStored(batch=batch.number, rows=batch.rows, spans=batch.spans(), error=str(failed)))

    def _answered(self, upload: _Upload, now: float) -> None:
        self._answers.answered(now, others_out=any(o.future is not None and o is not upload for o in self._open))

    def _outcome(self, upload: _Upload, future: Future[None], now: float) -> SettledBatch | None:
        search = upload.bisect
        try:
            future.result()
        except RetryableError as fault:
            self._report_answered(upload, "retried", fault, now)
            if fault.status is not None:
                self._answered(upload, now)
            self._answers.failed(str(fault), now)
            self._not_stored(upload, fault)
            self._retry_later(upload, fault, now)
            return None
        except RejectedError as refused:
            self._report_answered(upload, "rejected", refused, now)
            self._answered(upload, now)
            self._answers.taken()
            self._not_stored(upload, refused)
            self._unproven.settled(upload.batch.number)
            if search is None:
                search = self._begin_bisect(upload, refused)
            else:
                search.refused(refused)
        else:
            self._report_answered(upload, "acknowledged", None, now)
            self._answered(upload, now)
            self._answers.taken()
            upload.may_be_stored = True
            self._unproven.settled(upload.batch.number)
            self._measure_pace(upload, now)
            if search is None:
                self._report_acknowledged(upload, upload.batch.rows, now)
                return SettledBatch(upload.batch)
            search.taken()
        upload.failures = 0
        rows = search.ask()
        if rows is not None:
            upload.sending = _rows(upload.table, rows)
            upload.future, upload.retry_at = None, now
            return None
        return self._bisected(upload, search, now)

    def _retry_later(self, upload: _Upload, fault: RetryableError, now: float) -> None:
        upload.failures += 1
        upload.future = None
        wait_s = self._backoff.wait_s(upload.failures, random.random(), fault.retry_after_s)
        upload.retry_at = now + wait_s
        self._emit(
            UploadRetried(
                batch=upload.batch.number,
                rows=upload.sending.num_rows,
                attempt=upload.failures,
                error=str(fault),
                retry_in_s=wait_s,
            )
        )
        if fault.ambiguous:
            self._report_unproven(upload, str(fault), now)
        before = self._concurrency.limit
        if self._concurrency.failed(began=upload.started_at, now=now):
            self._report_reduced(before, str(fault), now)

    def _report_unproven(self, upload: _Upload, why: str, now: float) -> None:
        seconds = self._unproven.ambiguous(upload.batch.number, now)
        if seconds is not None:
            self._emit(
                UploadUnacknowledged(
                    batch=upload.batch.number,
                    attempts=upload.attempts,
                    elapsed_s=seconds,
                    reason=why,
                )
            )

    def _measure_pace(self, upload: _Upload, now: float) -> None:
        """Learn the endpoint's pace from an acknowledgement, also of a part of the batch."""
        taken_s = upload.attempt.answered_s
        before = self._concurrency.limit
        seconds = now - upload.started_at if taken_s is None else taken_s
        self._answers.acknowledged(_size_bytes(upload), seconds)
        slowdown = self._concurrency.acknowledged(
            _size_bytes(upload), began=upload.started_at, seconds=seconds, now=now
        )
        if slowdown is not None:
            why = f"its answers take {slowdown.recent_s:.3g} s, usual are {slowdown.usual_s:.3g} s"
            self._report_reduced(before, why, now)

    def _report_reduced(self, before: int, why: str, now: float) -> None:
        limit = self._concurrency.limit
        if self._throttle.allow(str(limit), now):  # it goes up and down for as long as the trouble lasts
            self._emit(UploadConcurrencyReduced(before=before, limit=limit, reason=why))

    def _begin_bisect(self, upload: _Upload, refused: RejectedError) -> Bisect:
        batch = upload.batch
        if batch.rows > 1:
            self._emit(
                UploadBisecting(
                    batch=batch.number,
                    rows=batch.rows,
                    http_status=refused.status,
                    error=str(refused),
                )
            )
        upload.bisect = Bisect(batch.rows, refused)
        return upload.bisect

    def _bisected(self, upload: _Upload, search: Bisect, now: float) -> SettledBatch:
        settled = SettledBatch(upload.batch, tuple(search.dead))
        if search.taken_rows:
            self._report_acknowledged(upload, search.taken_rows, now)
        if search.dead:
            last = search.dead[-1].error
            self._emit(
                UploadRejected(
                    batch=upload.batch.number,
                    rows=settled.refused_rows,
                    http_status=last.status,
                    error=str(last),
                    requests=search.requests,
                )
            )
        return settled

    def _report_answered(
        self, upload: _Upload, outcome: UploadOutcome, failed: BaseException | None, now: float
    ) -> None:
        """An attempt has ended: reported once, though every poll finds one that halts the worker."""
        if upload.answer_reported:
            return
        upload.answer_reported = True
        answered_s = upload.attempt.answered_s
        named = failed.status if isinstance(failed, RetryableError | RejectedError) else None
        self._emit(
            UploadAnswered(
                batch=upload.batch.number,
                rows=upload.sending.num_rows,
                outcome=outcome,
                http_status=upload.attempt.status if named is None else named,
                retry_reason=failed.reason if isinstance(failed, RetryableError) else None,
                took_s=now - upload.started_at if answered_s is None else answered_s,
            )
        )

    def _report_acknowledged(self, upload: _Upload, rows: int, now: float) -> None:
        answered_s = upload.attempt.answered_s  # the loop may take the answer later
        self._emit(
            UploadAcknowledged(
                batch=upload.batch.number,
                rows=rows,
                attempts=upload.attempts,
                last_attempt_s=now - upload.started_at if answered_s is None else answered_s,
            )
        )


def _size_bytes(upload: _Upload) -> int:
    """About the bytes that an attempt sends, as read from Kafka."""
    return upload.batch.raw_bytes * int(upload.sending.num_rows) // upload.batch.rows


def _rows(table: pa.Table, rows: Rows) -> pa.Table:
    """Some rows of `table`; buffers are shared, not copied."""
    return pa.concat_tables([table.slice(each.start, len(each)) for each in rows])
