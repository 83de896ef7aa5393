"""An upload repeats the identical rows until Arize acknowledges or refuses them, and reports each outcome."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from ingest.errors import ExitCode, FatalError, RejectedError, RetryableError
from ingest.events import (
    Event,
    UploadAcknowledged,
    UploadAnswered,
    UploadBisecting,
    UploadConcurrencyReduced,
    UploadNotStored,
    UploadRejected,
    UploadRetried,
    UploadStarted,
    UploadUnacknowledged,
)
from ingest.pipeline.arize.transport import Attempt
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.delivery.batch import Batch, Part
from ingest.pipeline.delivery.concurrency import Concurrency
from ingest.pipeline.delivery.uploads import SettledBatch, Uploads
from ingest.records import Destination

PATIENCE_S = 20.0
TIMEOUT_S = 60.0


@dataclass
class Call:
    """One attempt as the endpoint sees it, until the test answers it."""

    table: pa.Table
    attempt: Attempt
    answer: Future[None] = field(default_factory=Future)


class Endpoint:
    """A `send` whose answers the test gives."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._news = threading.Condition()
        self.at_once = self.most_at_once = 0

    def send(self, table: pa.Table, attempt: Attempt, destination: Destination | None) -> None:
        assert destination is None, "that of its batch"
        call = Call(table, attempt)
        with self._news:
            self.calls.append(call)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self._news.notify_all()
        try:
            call.answer.result(PATIENCE_S)
        finally:
            with self._news:
                self.at_once -= 1

    def call(self, number: int) -> Call:
        """The attempt of this number, counted from 0, waited for."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.calls) > number, PATIENCE_S), f"attempt {number} never came"
        return self.calls[number]


@dataclass
class Pool:
    uploads: Uploads
    endpoint: Endpoint
    events: list[Event]
    answer: threading.Event

    def wait(self, timeout_s: float) -> None:
        """Return when an attempt has ended since the last call, or after `timeout_s`."""
        self.answer.wait(timeout_s)
        self.answer.clear()

    def turn_until(self, now: float, done: Callable[[list[SettledBatch]], bool]) -> list[SettledBatch]:
        """Turn at the same injected time until `done`; the threads' answers need real time to arrive."""
        settled: list[SettledBatch] = []
        deadline = time.monotonic() + PATIENCE_S
        while True:
            settled += self.uploads.poll(now)
            if done(settled):
                return settled
            assert time.monotonic() < deadline
            self.wait(0.01)

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@contextmanager
def pool_of(concurrency: Concurrency) -> Iterator[Pool]:
    endpoint = Endpoint()
    events: list[Event] = []
    answer = threading.Event()
    uploads = Uploads(
        endpoint.send,
        concurrency=concurrency,
        timeout_s=TIMEOUT_S,
        backoff=Backoff(1.0, 8.0),
        emit=events.append,
        on_answer=answer.set,
    )
    yield Pool(uploads, endpoint, events, answer)
    for call in endpoint.calls:
        if not call.answer.done():
            call.answer.set_exception(RetryableError("the test is over"))
    uploads.close()


@pytest.fixture
def pool() -> Iterator[Pool]:
    with pool_of(Concurrency(2, least=2)) as two:
        yield two


@pytest.fixture
def adaptive() -> Iterator[Pool]:
    with pool_of(Concurrency(4)) as up_to_four:
        yield up_to_four


def batch(number: int, rows: int = 3) -> Batch:
    offsets = np.arange(rows, dtype=np.int64) + 100 * number
    part = Part(pa.RecordBatch.from_pydict({"x": offsets}), np.zeros(rows, dtype=np.int32), offsets, [])
    return Batch(number, (part, part), 2 * rows, 50)


def test_an_answer_settles_its_batch(pool: Pool) -> None:
    one = batch(1)
    pool.uploads.start(one, 100.0)
    assert (len(pool.uploads), pool.uploads.rows, pool.uploads.full) == (1, 6, False)
    assert pool.uploads.poll(101.0) == []
    pool.endpoint.call(0).answer.set_result(None)
    assert pool.turn_until(103.5, bool) == [SettledBatch(one)]
    assert (len(pool.uploads), pool.uploads.rows) == (0, 0)
    assert pool.events == [
        UploadStarted(batch=1, rows=6, bytes=50, spans=one.spans()),
        UploadAnswered(batch=1, rows=6, outcome="acknowledged", http_status=None, retry_reason=None, took_s=3.5),
        UploadAcknowledged(batch=1, rows=6, attempts=1, last_attempt_s=3.5),
    ]


def test_never_more_than_in_flight_waiting_ones_included(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    pool.uploads.start(batch(2), 0.0)
    pool.endpoint.call(1)
    pool.endpoint.call(0).answer.set_exception(RetryableError("busy", retry_after_s=50.0))
    pool.turn_until(1.0, lambda _: pool.uploads.failing)
    assert pool.uploads.full, "a batch between two attempts still takes its place"
    with pytest.raises(ValueError, match="2 batches are in flight"):
        pool.uploads.start(batch(3), 1.0)
    assert len(pool.uploads) == 2
    assert pool.endpoint.most_at_once == 2


def test_the_other_upload_goes_on_meanwhile(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    pool.uploads.start(batch(2), 0.0)
    second = next(call for n in range(2) if (call := pool.endpoint.call(n)).table["x"][0].as_py() == 200)
    second.answer.set_result(None)
    (settled,) = pool.turn_until(1.0, bool)
    assert settled.batch.number == 2
    pool.uploads.start(batch(3), 1.0)
    assert pool.endpoint.call(2).table["x"][0].as_py() == 300


def test_every_attempt_sends_the_identical_table_for_as_long_as_it_takes(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    now = 0.0
    for failures in range(40):
        pool.endpoint.call(failures).answer.set_exception(RetryableError("HTTP 503", status=503))
        pool.turn_until(now, lambda _, failures=failures: len(pool.told(UploadRetried)) == failures + 1)  # type: ignore[misc]
        told = pool.told(UploadRetried)[-1]
        assert isinstance(told, UploadRetried)
        assert (told.attempt, told.error) == (failures + 1, "HTTP 503")
        assert 0 <= told.retry_in_s < min(8.0, 2.0 ** (failures + 1))
        if told.retry_in_s > 0.001:
            assert pool.uploads.poll(now + told.retry_in_s - 0.001) == []
            assert pool.uploads._open[0].future is None, "sent again too early"
        now += told.retry_in_s
        pool.uploads.poll(now)
    pool.endpoint.call(40).answer.set_result(None)
    assert len(pool.turn_until(now, bool)) == 1
    assert len({id(call.table) for call in pool.endpoint.calls}) == 1
    assert len({id(call.attempt) for call in pool.endpoint.calls}) == 41
    acknowledged = pool.told(UploadAcknowledged)[0]
    assert isinstance(acknowledged, UploadAcknowledged)
    assert acknowledged.attempts == 41


def test_what_the_endpoint_asks_for_is_waited_for(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    pool.endpoint.call(0).answer.set_exception(RetryableError("HTTP 429", retry_after_s=120.0))
    pool.turn_until(10.0, lambda _: pool.uploads.failing)
    pool.uploads.poll(129.9)
    assert pool.uploads._open[0].future is None, "sent again too early"
    pool.uploads.poll(130.0)
    pool.endpoint.call(1)


def test_a_batch_that_gets_no_proof_for_a_minute_is_named(pool: Pool) -> None:
    why = "HTTP 200 whose body is HTML"
    pool.uploads.start(batch(1), 0.0)
    for attempt, now in enumerate((5.0, 20.0, 64.0, 66.0, 90.0)):
        pool.endpoint.call(attempt).answer.set_exception(RetryableError(why, ambiguous=True))
        pool.turn_until(now, lambda _, told=attempt + 1: len(pool.told(UploadRetried)) == told)  # type: ignore[misc]
        assert len(pool.told(UploadUnacknowledged)) == (now >= 65.0)
        pool.uploads.poll(now + 8.0)
    assert pool.told(UploadUnacknowledged) == [UploadUnacknowledged(batch=1, attempts=4, elapsed_s=61.0, reason=why)]


def test_a_503_that_lasts_is_not_named_so(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    for attempt, now in enumerate((5.0, 70.0, 140.0)):
        pool.endpoint.call(attempt).answer.set_exception(RetryableError("HTTP 503", status=503))
        pool.turn_until(now, lambda _, told=attempt + 1: len(pool.told(UploadRetried)) == told)  # type: ignore[misc]
        pool.uploads.poll(now + 8.0)
    assert pool.told(UploadUnacknowledged) == []


def cuts(*calls: Call) -> list[bool]:
    return [call.attempt.cut_off for call in calls]


def test_past_its_deadline_an_attempt_is_cut_and_only_that_one(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    first = pool.endpoint.call(0)
    pool.uploads.start(batch(2), 30.0)
    second = pool.endpoint.call(1)
    pool.uploads.poll(TIMEOUT_S + 0.9)
    assert cuts(first, second) == [False, False]
    pool.uploads.poll(TIMEOUT_S + 1.0)
    assert cuts(first, second) == [True, False]
    first.answer.set_exception(RetryableError("no complete answer"))
    pool.turn_until(TIMEOUT_S + 1.0, lambda _: pool.uploads.failing)
    pool.uploads.poll(TIMEOUT_S + 10.0)
    again = pool.endpoint.call(2)
    pool.uploads.poll(TIMEOUT_S + 20.0)
    assert not again.attempt.cut_off, "the next attempt has a deadline of its own"


def test_an_answer_that_came_before_the_cut_counts(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    call = pool.endpoint.call(0)
    pool.uploads.poll(1_000.0)
    assert call.attempt.cut_off
    call.answer.set_result(None)
    assert [settled.batch.number for settled in pool.turn_until(1_000.0, bool)] == [1]


def refuse(call: Call, status: int = 422) -> None:
    call.answer.set_exception(RejectedError(f"HTTP {status} no", status=status))


def sent(call: Call) -> list[int]:
    return [int(value) for value in call.table["x"].to_pylist()]


def test_a_refused_batch_is_searched_for_the_row_and_the_rest_delivered_once(pool: Pool) -> None:
    """Rows 100, 101, 102, 100, 101, 102, of which both 101 are refused."""
    one = batch(1)
    pool.uploads.start(one, 0.0)
    taken: list[int] = []
    settled: list[SettledBatch] = []
    number = 0
    while not settled:
        call = pool.endpoint.call(number)
        if 101 in sent(call):
            refuse(call)
        else:
            taken += sent(call)
            call.answer.set_result(None)
        number += 1
        asked = len(pool.endpoint.calls)
        settled = pool.turn_until(
            1.0,
            lambda settled, asked=asked: bool(settled) or len(pool.endpoint.calls) > asked,  # type: ignore[misc]
        )
    assert sorted(taken) == [100, 100, 102, 102]
    assert settled[0].batch is one
    assert sorted(row for each in settled[0].refused for part in each.rows for row in part) == [1, 4]
    assert settled[0].refused_rows == 2
    assert pool.endpoint.most_at_once == 1
    assert pool.told(UploadBisecting) == [UploadBisecting(batch=1, rows=6, http_status=422, error="HTTP 422 no")]
    assert pool.told(UploadRejected) == [
        UploadRejected(batch=1, rows=2, http_status=422, error="HTTP 422 no", requests=number)
    ]
    (acknowledged,) = pool.told(UploadAcknowledged)
    assert isinstance(acknowledged, UploadAcknowledged)
    assert (acknowledged.rows, acknowledged.attempts) == (4, number)


def test_a_fault_that_passes_in_the_midst_of_a_search_repeats_that_request_only(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    refuse(pool.endpoint.call(0))
    pool.turn_until(1.0, lambda _: len(pool.endpoint.calls) > 1)
    half = pool.endpoint.call(1)
    half.answer.set_exception(RetryableError("HTTP 503", status=503))
    pool.turn_until(1.0, lambda _: pool.uploads.failing)
    (retried,) = pool.told(UploadRetried)
    assert isinstance(retried, UploadRetried)
    assert (retried.rows, retried.attempt) == (3, 1)
    assert pool.uploads.rows == 6
    pool.uploads.poll(20.0)
    again = pool.endpoint.call(2)
    assert again.table is half.table
    again.answer.set_result(None)
    pool.turn_until(21.0, lambda _: len(pool.endpoint.calls) > 3)
    assert not pool.uploads.failing
    assert set(sent(pool.endpoint.call(3))) <= {100, 101, 102}


def test_the_others_go_on_while_a_batch_is_searched(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    refuse(pool.endpoint.call(0))
    pool.turn_until(1.0, lambda _: len(pool.endpoint.calls) > 1)
    pool.uploads.start(batch(2), 1.0)
    assert pool.uploads.full
    pool.endpoint.call(2).answer.set_result(None)
    (settled,) = pool.turn_until(1.0, bool)
    assert (settled.batch.number, settled.refused) == (2, ())


def test_a_single_row_is_refused_without_a_search(pool: Pool) -> None:
    part = batch(1, rows=1).parts[0]
    one = Batch(1, (part,), 1, 9)
    pool.uploads.start(one, 0.0)
    refuse(pool.endpoint.call(0), 413)
    (settled,) = pool.turn_until(1.0, bool)
    assert settled.refused_rows == 1
    assert [type(event) for event in pool.events] == [
        UploadStarted,
        UploadAnswered,
        UploadNotStored,
        UploadRejected,
    ]


@pytest.mark.parametrize("error", [FatalError("HTTP 401", exit_code=ExitCode.CREDENTIALS), ZeroDivisionError("a bug")])
def test_what_no_retry_helps_against_is_raised(pool: Pool, error: Exception) -> None:
    pool.uploads.start(batch(1), 0.0)
    pool.endpoint.call(0).answer.set_exception(error)
    with pytest.raises(type(error)):
        pool.turn_until(1.0, bool)


@pytest.mark.parametrize("fatal", [0, 1])
def test_a_halt_does_not_swallow_the_other_batches_acknowledgement(pool: Pool, fatal: int) -> None:
    """What Arize has acknowledged can still be committed before the worker leaves, so that it is not sent twice."""
    pool.uploads.start(batch(1), 0.0)
    pool.uploads.start(batch(2), 0.0)
    calls = sorted((pool.endpoint.call(n) for n in range(2)), key=lambda call: call.table["x"][0].as_py())
    calls[fatal].answer.set_exception(FatalError("HTTP 401", exit_code=ExitCode.CREDENTIALS))
    calls[1 - fatal].answer.set_result(None)
    deadline = time.monotonic() + PATIENCE_S
    while not all(upload.future is not None and upload.future.done() for upload in pool.uploads._open):
        assert time.monotonic() < deadline
        pool.wait(0.01)
    settled = pool.uploads.poll(1.0)
    with pytest.raises(FatalError):
        pool.uploads.poll(1.0)
    assert [one.batch.number for one in settled] == [2 - fatal]


def test_an_answer_is_told(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    call = pool.endpoint.call(0)
    pool.uploads.poll(0.0)
    assert not pool.answer.is_set()
    call.answer.set_result(None)
    assert pool.answer.wait(PATIENCE_S)


def test_closing_cuts_what_is_out(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    call = pool.endpoint.call(0)
    pool.uploads.close()
    assert call.attempt.cut_off


def answer_all(pool: Pool, first: int, count: int, now: float) -> None:
    """Start `count` batches, answer each, with a further one waiting."""
    for number in range(first, first + count):
        pool.uploads.start(batch(number), now)
    pool.uploads.limit_reached()
    for number in range(first, first + count):
        pool.endpoint.call(number).answer.set_result(None)
    pool.turn_until(now + 1.0, lambda settled: len(settled) == count)


def at_four(pool: Pool) -> int:
    """Raise the limit to four; the number of attempts so far."""
    for number, count, now in ((0, 1, 0.0), (1, 2, 2.0), (3, 3, 4.0)):
        assert pool.uploads.limit == count
        answer_all(pool, number, count, now)
    assert pool.uploads.limit == 4
    return 6


def test_it_begins_with_one_and_takes_one_more_after_a_round_in_which_a_batch_waited(adaptive: Pool) -> None:
    adaptive.uploads.start(batch(0), 0.0)
    assert adaptive.uploads.full
    with pytest.raises(ValueError, match="1 batches are in flight"):
        adaptive.uploads.start(batch(1), 0.0)
    adaptive.endpoint.call(0).answer.set_result(None)
    adaptive.turn_until(1.0, bool)
    assert adaptive.uploads.limit == 1, "none waited"
    adaptive.uploads.start(batch(1), 2.0)
    adaptive.uploads.limit_reached()
    adaptive.endpoint.call(1).answer.set_result(None)
    adaptive.turn_until(3.0, bool)
    assert adaptive.uploads.limit == 2


def test_a_batch_that_waits_for_something_else_does_not_raise_the_limit(adaptive: Pool) -> None:
    adaptive.uploads.limit_reached()
    adaptive.uploads.start(batch(0), 0.0)
    adaptive.endpoint.call(0).answer.set_result(None)
    adaptive.turn_until(1.0, bool)
    assert adaptive.uploads.limit == 1


def test_what_failed_goes_again_no_more_than_the_limit_at_once_and_the_oldest_first(adaptive: Pool) -> None:
    number = at_four(adaptive)
    for n in range(number, number + 4):
        adaptive.uploads.start(batch(n), 10.0)
    for n in range(number, number + 4):
        adaptive.endpoint.call(n).answer.set_exception(RetryableError("HTTP 429", status=429))
    adaptive.turn_until(11.0, lambda _: len(adaptive.told(UploadRetried)) == 4)
    assert adaptive.uploads.limit == 2, "halved once for all four"
    assert adaptive.told(UploadConcurrencyReduced) == [UploadConcurrencyReduced(before=4, limit=2, reason="HTTP 429")]
    assert len(adaptive.uploads) == 4
    adaptive.uploads.poll(30.0)
    again = [adaptive.endpoint.call(n) for n in range(number + 4, number + 6)]
    assert sorted(call.table["x"][0].as_py() for call in again) == [100 * number, 100 * (number + 1)]
    adaptive.uploads.poll(31.0)
    assert len(adaptive.endpoint.calls) == number + 6
    assert adaptive.uploads.full
    for call in again:
        call.answer.set_result(None)
    assert len(adaptive.turn_until(32.0, lambda settled: len(settled) == 2)) == 2
    assert adaptive.uploads.limit == 3, "the others waited"
    adaptive.endpoint.call(number + 7)


def test_a_batch_that_keeps_failing_leaves_the_others_their_room(adaptive: Pool) -> None:
    adaptive.uploads.start(batch(0), 0.0)
    adaptive.endpoint.call(0).answer.set_exception(RetryableError("HTTP 500", status=500, retry_after_s=50.0))
    adaptive.turn_until(1.0, lambda _: adaptive.uploads.failing)
    assert adaptive.uploads.limit == 1
    adaptive.uploads.start(batch(1), 1.0)
    adaptive.endpoint.call(1).answer.set_result(None)
    (settled,) = adaptive.turn_until(2.0, bool)
    assert settled.batch.number == 1
    assert adaptive.told(UploadConcurrencyReduced) == [], "one at once it was before"


def test_slow_answers_halve_it_and_a_person_is_told(adaptive: Pool) -> None:
    number = at_four(adaptive)
    now = 10.0
    while adaptive.uploads.limit == 4:
        adaptive.uploads.start(batch(number), now)
        adaptive.endpoint.call(number).answer.set_result(None)
        now += 20.0
        adaptive.turn_until(now, bool)
        number += 1
    assert adaptive.uploads.limit == 2
    (told,) = adaptive.told(UploadConcurrencyReduced)
    assert isinstance(told, UploadConcurrencyReduced)
    assert (told.before, told.limit) == (4, 2)
    assert told.reason.startswith("its answers take ")
    assert told.reason.endswith(" s, usual are 1 s")


def test_the_endpoints_own_time_counts_where_it_is_known(adaptive: Pool) -> None:
    number = at_four(adaptive)
    for now in range(10, 800, 20):
        adaptive.uploads.start(batch(number), now)
        call = adaptive.endpoint.call(number)
        call.attempt.answered_s = 1.0
        call.answer.set_result(None)
        adaptive.turn_until(now + 20.0, bool)
        number += 1
    assert adaptive.uploads.limit == 4


def test_what_is_refused_for_good_says_nothing_of_the_limit(adaptive: Pool) -> None:
    number = at_four(adaptive)
    part = batch(number, rows=1).parts[0]
    adaptive.uploads.start(Batch(number, (part,), 1, 9), 10.0)
    refuse(adaptive.endpoint.call(number))
    adaptive.turn_until(11.0, bool)
    assert adaptive.uploads.limit == 4


def test_what_is_taken_of_a_searched_batch_raises_the_limit_for_the_others(adaptive: Pool) -> None:
    """Else a topic with a bad row in each batch would have one upload at a time for ever."""
    adaptive.uploads.start(batch(0), 0.0)
    refuse(adaptive.endpoint.call(0))
    adaptive.turn_until(1.0, lambda _: len(adaptive.endpoint.calls) > 1)
    assert adaptive.uploads.full
    adaptive.uploads.limit_reached()
    adaptive.endpoint.call(1).answer.set_result(None)
    adaptive.turn_until(2.0, lambda _: len(adaptive.endpoint.calls) > 2)
    assert adaptive.uploads.limit == 2
    assert not adaptive.uploads.full


def risks(pool: Pool) -> list[tuple[str, int]]:
    """What a crash may repeat from when on, and what it can't: as the supervisor's ledger hears it."""
    return [
        ("may be stored", event.attempt) if isinstance(event, UploadStarted) else ("not stored", 0)
        for event in pool.events
        if isinstance(event, UploadStarted | UploadNotStored)
    ]


def test_an_attempt_that_stored_nothing_takes_the_risk_back_until_the_next_one(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    unreachable = RetryableError("connection refused", may_be_stored=False)
    pool.endpoint.call(0).answer.set_exception(unreachable)
    pool.turn_until(1.0, lambda _: bool(pool.told(UploadRetried)))
    assert risks(pool) == [("may be stored", 1), ("not stored", 0)]
    pool.turn_until(100.0, lambda _: len(pool.endpoint.calls) == 2)
    assert risks(pool)[2:] == [("may be stored", 2)]
    pool.endpoint.call(1).answer.set_exception(RetryableError("no answer", ambiguous=True))
    pool.turn_until(101.0, lambda _: len(pool.told(UploadRetried)) == 2)
    pool.turn_until(200.0, lambda _: len(pool.endpoint.calls) == 3)
    pool.endpoint.call(2).answer.set_exception(unreachable)  # the second one may have stored it
    pool.turn_until(201.0, lambda _: len(pool.told(UploadRetried)) == 3)
    assert risks(pool)[3:] == []


def test_a_refused_key_stores_nothing(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    pool.endpoint.call(0).answer.set_exception(FatalError("HTTP 401", exit_code=ExitCode.CREDENTIALS))
    with pytest.raises(FatalError):
        pool.turn_until(1.0, lambda _: False)
    assert risks(pool) == [("may be stored", 1), ("not stored", 0)]


def test_each_attempt_is_reported_once_with_its_status(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    faults = [
        RetryableError("HTTP 503", status=503),
        RetryableError("it broke", reason="timeout"),
        RejectedError("HTTP 400 no", status=400),  # of all rows: it is bisected
        RejectedError("HTTP 422 no", status=422),
        FatalError("HTTP 401", exit_code=ExitCode.CREDENTIALS),
    ]
    now = 0.0
    for number, fault in enumerate(faults):
        call = pool.endpoint.call(number)
        call.attempt.answered_s = 0.5
        if isinstance(fault, FatalError):
            call.attempt.status = 401
        call.answer.set_exception(fault)
        if isinstance(fault, FatalError):
            for _ in range(2):
                with pytest.raises(FatalError):
                    pool.turn_until(now, lambda _: False)
        else:
            pool.turn_until(now, lambda _, n=number: len(pool.told(UploadAnswered)) > n)  # type: ignore[misc]
        now += 30.0
        if not isinstance(fault, FatalError):
            pool.uploads.poll(now)
    told = [event for event in pool.told(UploadAnswered) if isinstance(event, UploadAnswered)]
    assert [(one.outcome, one.http_status, one.retry_reason, one.took_s) for one in told] == [
        ("retried", 503, "http_5xx", 0.5),
        ("retried", None, "timeout", 0.5),
        ("rejected", 400, None, 0.5),
        ("rejected", 422, None, 0.5),
        ("halted", 401, None, 0.5),
    ]


def test_the_time_of_an_answer_is_not_that_of_the_loop(pool: Pool) -> None:
    pool.uploads.start(batch(1), 0.0)
    call = pool.endpoint.call(0)
    call.attempt.answered_s = 0.25
    call.answer.set_result(None)
    pool.turn_until(9.0, bool)  # the loop was busy for nine seconds
    (told,) = pool.told(UploadAcknowledged)
    assert isinstance(told, UploadAcknowledged)
    assert told.last_attempt_s == 0.25
