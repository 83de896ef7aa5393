"""Messages with several predictions: each message has one outcome, whatever becomes of which of its predictions."""

import json
import random as randoms
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.config.load import load
from ingest.config.resolve import TopicConfig
from ingest.errors import RejectedError
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.queue import DeadLetterBatch
from ingest.pipeline.delivery.batch import Batch, BatchLimits
from ingest.pipeline.delivery.bisect import RefusedRows
from ingest.pipeline.delivery.refused import RefusedBatches
from ingest.pipeline.delivery.uploads import SettledBatch
from ingest.pipeline.intake import Intake, Taken
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.rows import RowProcessors
from ingest.records import Chunk, KafkaMessage
from tests.harness.messages import FakeMessage

PATIENCE_S = 20.0
REFUSED_SCORE = 0.125  # our Arize does not take it
PARTS = {"good": 0.5, "bad": "no number", "refused": REFUSED_SCORE}
Kinds = list[str]


def config(on_bad_part: str = "dead_letter", chunk_events: int = 3) -> TopicConfig:
    flags: dict[str, dict[str, Any]] = {
        "kafka": {"topic": "t"},
        "arize": {"model_name": "m", "model_type": "regression"},
        "format": {"explode": ["p"], "part_id": "{offset}-{index}", "on_bad_part": on_bad_part},
        "schema": {"timestamp": "", "types": {"prediction_score": "float"}},
        "batch": {"chunk_events": chunk_events},
    }
    return load(flags=flags).topics[0]


def message(offset: int, kinds: Kinds) -> FakeMessage:
    value = json.dumps({"p": [{"prediction_score": PARTS[kind]} for kind in kinds]}).encode()
    return FakeMessage(value, topic="t", offset=offset)


def chunk(messages: Sequence[FakeMessage]) -> Chunk:
    offsets = np.array([each.offset() for each in messages], dtype=np.int64)
    return Chunk(messages, np.zeros(len(messages), dtype=np.int32), offsets, 100 * len(messages))


@dataclass
class Worker:
    """A worker's steps around `intake`, in the order that a test chooses."""

    kinds: Mapping[int, Kinds]
    on_bad_part: str = "dead_letter"
    max_events: int = 4
    chunk_events: int = 3
    letters: dict[int, tuple[int, ...]] = field(default_factory=dict)  # the newest of each message
    written: int = 0
    settled_parts: dict[int, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.messages = {offset: message(offset, kinds) for offset, kinds in self.kinds.items()}
        self.tracker = PartitionTracker(0, 0)
        processors = RowProcessors(config(self.on_bad_part, self.chunk_events), lambda: 0.0)
        self.intake = Intake({0: self.tracker}, processors, BatchLimits(self.max_events, 10**9, 10.0))
        self.refused = RefusedBatches(self.refetch, Backoff(1.0, 8.0), "t")
        self.waiting: list[Batch] = []
        self.queue: deque[DeadLetterBatch] = deque()
        self.largest = 0

    def refetch(self, wanted: Mapping[int, Sequence[int]]) -> list[KafkaMessage]:
        (offsets,) = wanted.values()
        assert len(set(offsets)) == len(offsets)
        return [self.messages[offset] for offset in offsets]

    def take(self, offsets: Sequence[int]) -> None:
        self.taken(self.intake.take(chunk([self.messages[offset] for offset in offsets]), 0.0))

    def taken(self, taken: Taken | None) -> None:
        if taken is not None:
            self.queue.append(taken.letters)
        self.collect(draining=False)

    def collect(self, *, draining: bool) -> None:
        (batches,) = self.intake.batches
        closed = -1
        while closed != len(batches.ready):
            closed = len(batches.ready)
            batches.close(0.0, draining=draining)
        self.waiting += batches.ready
        batches.ready.clear()

    def answer(self, batch: Batch) -> None:
        """Arize answers: it refuses some scores and takes the other rows."""
        self.largest = max(self.largest, batch.rows)
        scores = batch.table().column("prediction_score").to_pylist()
        refused = [
            RefusedRows((range(row, row + 1),), RejectedError("no", status=422))
            for row, score in enumerate(scores)
            if score == REFUSED_SCORE
        ]
        for part in batch.parts:
            assert part.numbers is not None
            for offset, number in zip(part.offsets.tolist(), part.numbers.tolist(), strict=True):
                known = self.settled_parts.setdefault(offset, set())
                assert number not in known, "sent twice"
                known.add(number)
        tickets = [ticket for part in batch.parts for ticket in part.tickets]
        if refused:
            tickets = self.refused.add(batch, refused)
        for ticket in tickets:
            ticket.release()

    def refetched(self) -> None:
        """Refused rows that have been read again go to the dead letters."""
        deadline = time.monotonic() + PATIENCE_S
        pause = threading.Event()
        while len(self.refused):
            self.queue += self.refused.poll(0.0)
            assert time.monotonic() < deadline
            pause.wait(0.0005)

    def write(self) -> None:
        """The oldest dead letters in the queue become durable."""
        batch = self.queue.popleft()
        for letter in batch.letters:
            offset = letter.message.offset()
            assert offset is not None
            self.letters[offset] = letter.parts
            self.written += 1
            self.settled_parts.setdefault(offset, set()).update(letter.parts or range(len(self.kinds[offset])))
        for ticket, dead in batch.tickets:
            ticket.release(dead=dead)

    def check(self) -> None:
        """Nothing below the checkpoint is open, and the counts are those of the messages below it."""
        checkpoint = self.tracker.checkpoint()
        below = [offset for offset in self.kinds if offset < checkpoint.next_offset]
        for offset in below:
            assert self.settled_parts.get(offset, set()) == set(range(len(self.kinds[offset])))
        assert checkpoint.counts.total == len(below)
        assert checkpoint.counts.dead_lettered == sum(offset in self.letters for offset in below)

    def finish(self) -> None:
        while self.intake.pending:
            self.taken(self.intake.resume(0.0))
        self.collect(draining=True)
        while self.waiting:
            self.answer(self.waiting.pop())
        self.refetched()
        while self.queue:
            self.write()
        self.check()

    def close(self) -> None:
        self.refused.close()


@pytest.fixture
def closing() -> Iterator[list[Worker]]:
    workers: list[Worker] = []
    yield workers
    for worker in workers:
        worker.close()


def expected_parts(kinds: Kinds) -> tuple[int, ...]:
    return tuple(number for number, kind in enumerate(kinds) if kind != "good")


MESSAGES = st.lists(
    st.lists(st.sampled_from(["good", "good", "bad", "refused"]), min_size=0, max_size=9), min_size=1, max_size=12
)


@settings(max_examples=250, deadline=None)
@given(MESSAGES, st.randoms(use_true_random=False), st.sampled_from(["dead_letter", "refuse_message"]))
def test_each_message_has_one_outcome(script: list[Kinds], random: randoms.Random, on_bad_part: str) -> None:
    """Chunks, pieces, batches, refusals and dead letters in any order: no checkpoint passes an open prediction."""
    kinds = {3 * index: each for index, each in enumerate(script)}
    worker = Worker(kinds, on_bad_part)
    try:
        left = sorted(kinds)
        while left or worker.intake.pending:
            step = random.choice(["take", "answer", "write", "refetched", "collect"])
            if step == "take" and worker.intake.pending:
                worker.taken(worker.intake.resume(0.0))
            elif step == "take" and left:
                count = random.randint(1, 4)
                worker.take(left[:count])
                left = left[count:]
            elif step == "answer" and worker.waiting:
                worker.answer(worker.waiting.pop(random.randrange(len(worker.waiting))))
            elif step == "refetched":
                worker.refetched()
            elif step == "write" and worker.queue:
                worker.write()
            elif step == "collect":
                worker.collect(draining=True)
            worker.check()
        worker.finish()
    finally:
        worker.close()
    counts = worker.tracker.checkpoint().counts
    dead = {offset for offset, each in kinds.items() if not each or expected_parts(each)}
    assert worker.tracker.checkpoint().next_offset == max(kinds) + 1
    assert (counts.acknowledged, counts.dead_lettered) == (len(kinds) - len(dead), len(dead))
    assert worker.letters.keys() == dead
    assert worker.largest <= worker.max_events
    for offset, parts in worker.letters.items():
        each = kinds[offset]
        whole = not each or (on_bad_part == "refuse_message" and "bad" in each)
        assert parts == (() if whole else expected_parts(each))


def test_a_piece_is_decoded_at_a_time(closing: list[Worker]) -> None:
    worker = Worker({0: ["good"] * 3, 1: ["good"] * 7, 2: ["good"]}, max_events=5)
    closing.append(worker)
    pending = []
    worker.take([0, 1, 2])
    pending.append(worker.intake.pending)
    assert worker.intake.rows + sum(batch.rows for batch in worker.waiting) == 3
    with pytest.raises(ValueError, match="pending"):
        worker.take([2])
    worker.taken(worker.intake.resume(0.0))
    pending.append(worker.intake.pending)
    assert [batch.rows for batch in worker.waiting] == [5, 5]
    assert worker.tracker.checkpoint().next_offset == 0
    worker.taken(worker.intake.resume(0.0))
    pending.append(worker.intake.pending)
    assert pending == [True, True, False]
    assert worker.tracker.messages_in_hand == 3
    worker.finish()
    assert worker.tracker.checkpoint().counts.acknowledged == 3
    with pytest.raises(ValueError, match="no chunk is pending"):
        worker.intake.resume(0.0)


def test_batches_are_split_by_bytes_too(closing: list[Worker]) -> None:
    worker = Worker({0: ["good"] * 40}, max_events=1_000)
    closing.append(worker)
    row_bytes = len(b'{"prediction_score":0.5,"prediction_id":"0-10"}')
    worker.intake.batches[0]._limits = BatchLimits(1_000, 10 * row_bytes, 10.0)
    worker.take([0])
    worker.collect(draining=True)
    assert sum(batch.rows for batch in worker.waiting) == 40
    assert all(batch.raw_bytes <= 10 * row_bytes for batch in worker.waiting)
    assert len(worker.waiting) == 4


def test_spans_and_the_limit_count_messages(closing: list[Worker]) -> None:
    worker = Worker({4: ["good", "refused"], 6: ["good"], 9: ["refused", "refused"]}, max_events=100)
    closing.append(worker)
    worker.take([4, 6, 9])
    while worker.intake.pending:
        worker.taken(worker.intake.resume(0.0))
    worker.collect(draining=True)
    (batch,) = worker.waiting
    (span,) = batch.spans()
    assert (span.first, span.next_offset, span.count, batch.rows) == (4, 10, 3, 5)
    refused = tuple(RefusedRows((range(row, row + 1),), RejectedError("no", status=422)) for row in (1, 3, 4))
    settled = SettledBatch(batch, refused)
    assert settled.dead_messages().tolist() == [True, False, True]
    assert settled.dead().tolist() == [False, True, False, True, True]


def test_a_reason_names_the_first_prediction_and_how_many_more(closing: list[Worker]) -> None:
    worker = Worker({0: ["good", "bad", "good", "bad"]}, chunk_events=100)
    closing.append(worker)
    worker.take([0])
    (letter,) = worker.queue[0].letters
    assert letter.reason.code == "type_conflict"
    assert letter.reason.detail.endswith(
        "(in the prediction with index 1, and 1 more of its predictions can't be delivered)"
    )
    assert letter.parts == (1, 3)
