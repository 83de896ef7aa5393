"""Refused rows become dead letters of the messages they came from; their neighbours are delivered."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest

from ingest.errors import ExitCode, FatalError, RejectedError, RetryableError
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.queue import DeadLetterBatch
from ingest.pipeline.dead_letters.redact import is_redacted
from ingest.pipeline.delivery.batch import Batch, Part
from ingest.pipeline.delivery.bisect import RefusedRows
from ingest.pipeline.delivery.refused import RefusedBatches
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.records import KafkaMessage, Span
from tests.harness.messages import FakeMessage
from tests.harness.tickets import ticket_for

PATIENCE_S = 20.0


class Log:
    """What Kafka still has; refuses as often as it is told."""

    def __init__(self) -> None:
        self.gone: set[tuple[int, int]] = set()
        self.failures: list[Exception] = []
        self.asked: list[dict[int, list[int]]] = []
        self._news = threading.Condition()

    def refetch(self, wanted: Mapping[int, Sequence[int]]) -> list[KafkaMessage]:
        with self._news:
            self.asked.append({partition: list(offsets) for partition, offsets in wanted.items()})
            self._news.notify_all()
            if self.failures:
                raise self.failures.pop(0)
        return [
            FakeMessage(f"raw {p}/{o}".encode(), partition=p, offset=o, key=b"key", timestamp=(1, 5))
            for p, offsets in wanted.items()
            for o in offsets
            if (p, o) not in self.gone
        ]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def refused(log: Log) -> Iterator[RefusedBatches]:
    batches = RefusedBatches(log.refetch, Backoff(1.0, 8.0), "t")
    yield batches
    batches.close()


def turn_until(
    refused: RefusedBatches, now: float, done: Callable[[list[DeadLetterBatch]], bool]
) -> list[DeadLetterBatch]:
    deadline = time.monotonic() + PATIENCE_S
    found: list[DeadLetterBatch] = []
    waiting = threading.Event()
    while True:
        found += refused.poll(now)
        if done(found):
            return found
        assert time.monotonic() < deadline
        waiting.wait(0.002)


def batch() -> Batch:
    """Partition 0 offsets 4, 6 and partition 1 offset 9 in one part; partition 0 offset 8 in another."""
    tracker = {0: PartitionTracker(0, 0), 1: PartitionTracker(1, 0)}
    table = pa.RecordBatch.from_pydict({"x": [1.5, -0.0, None], "s": ["a", None, "\x00é"]})
    first = Part(
        table,
        np.array([0, 0, 1], dtype=np.int32),
        np.array([4, 6, 9], dtype=np.int64),
        [ticket_for(tracker[0], Span(0, 4, 7, 3)), ticket_for(tracker[1], Span(1, 9, 10, 1))],
    )
    ticket = ticket_for(tracker[0], Span(0, 8, 9, 1))
    second = Part(
        pa.RecordBatch.from_pydict({"l": [["x", None]]}),
        np.array([0], dtype=np.int32),
        np.array([8], dtype=np.int64),
        [ticket],
    )
    return Batch(1, (first, second), 4, 40)


def all_of_it(status: int, text: str = "no") -> list[RefusedRows]:
    return [RefusedRows((range(row, row + 1),), RejectedError(text, status=status)) for row in range(4)]


def test_each_row_becomes_a_dead_letter_with_its_raw_message(refused: RefusedBatches, log: Log) -> None:
    one = batch()
    assert refused.add(one, all_of_it(422, "HTTP 422 no")) == []
    assert len(refused) == 1
    (letters,) = turn_until(refused, 0.0, bool)
    assert len(refused) == 0
    assert log.asked == [{0: [4, 6, 8], 1: [9]}]
    assert [letter.message.value() for letter in letters.letters] == [b"raw 0/4", b"raw 0/6", b"raw 1/9", b"raw 0/8"]
    assert {(letter.reason.code, letter.reason.detail) for letter in letters.letters} == {
        ("rejected_422", "Arize refused the row: HTTP 422 no")
    }
    tickets = [*one.parts[0].tickets, *one.parts[1].tickets]
    assert list(letters.tickets) == list(zip(tickets, [2, 1, 1], strict=True))


def test_what_kafka_no_longer_has_is_written_as_it_was_decoded(refused: RefusedBatches, log: Log) -> None:
    log.gone = {(0, 6), (0, 8), (1, 9)}
    refused.add(batch(), all_of_it(400))
    (letters,) = turn_until(refused, 0.0, bool)
    kept, *stands_in = [letter.message for letter in letters.letters]
    assert kept.value() == b"raw 0/4"
    found = {(m.partition(), m.offset()): json.loads(m.value() or b"") for m in stands_in}
    assert found == {(0, 6): {"x": 0.0}, (1, 9): {"s": "\x00é"}, (0, 8): {"l": ["x", None]}}
    assert str(found[0, 6]["x"]) == "-0.0"
    for message in stands_in:
        assert (message.topic(), message.key(), message.timestamp()) == ("t", None, (0, -1))
        assert is_redacted(message)


def test_kafka_away_means_later_and_for_as_long_as_it_takes(refused: RefusedBatches, log: Log) -> None:
    log.failures = [RetryableError("Kafka is away") for _ in range(12)]
    refused.add(batch(), all_of_it(413))
    now = 0.0
    for failures in range(1, 13):
        turn_until(refused, now, lambda _, failures=failures: refused._open[0].failures == failures)  # type: ignore[misc]
        waits_until = refused._open[0].retry_at
        assert now <= waits_until < now + 8.0
        if waits_until > now + 0.001:
            assert refused.poll(waits_until - 0.001) == []
            assert refused._open[0].future is None, "asked again too early"
        now = waits_until
    assert len(turn_until(refused, now, bool)) == 1
    assert len(log.asked) == 13


def test_what_no_retry_helps_against_is_raised(refused: RefusedBatches, log: Log) -> None:
    log.failures = [FatalError("no rights", exit_code=ExitCode.KAFKA)]
    refused.add(batch(), all_of_it(422))
    with pytest.raises(FatalError):
        turn_until(refused, 0.0, bool)


def test_only_the_refused_rows_are_dead_and_untouched_tickets_are_free_at_once(
    refused: RefusedBatches, log: Log
) -> None:
    one = batch()
    first, second = RejectedError("HTTP 400 a", status=400), RejectedError("HTTP 422 b", status=422)
    free = refused.add(one, [RefusedRows((range(3, 4),), second), RefusedRows((range(1, 2),), first)])
    assert free == [one.parts[0].tickets[1]]
    (letters,) = turn_until(refused, 0.0, bool)
    assert log.asked == [{0: [6, 8]}]
    assert [(letter.message.offset(), letter.reason.code) for letter in letters.letters] == [
        (6, "rejected_400"),
        (8, "rejected_422"),
    ]
    assert list(letters.tickets) == [(one.parts[0].tickets[0], 1), (one.parts[1].tickets[0], 1)]


def test_rows_that_were_not_told_apart_say_so(refused: RefusedBatches) -> None:
    refused.add(batch(), [RefusedRows((range(1), range(2, 4)), RejectedError("HTTP 400", status=400))])
    (letters,) = turn_until(refused, 0.0, bool)
    assert len(letters.letters) == 3
    assert "together with 2 others" in letters.letters[0].reason.detail
