"""While none of a worker's first messages can be delivered, nothing is written to the dead letters."""

import numpy as np
import pytest

from ingest.config.sections import DeadLetters
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.gate import HOLD_S, DeadLetterGate
from ingest.pipeline.dead_letters.queue import DeadLetter, DeadLetterBatch, DeadLetterQueue
from ingest.reasons import Reason
from tests.harness.kept_letters import KeptLetters
from tests.harness.messages import FakeMessage

MOST_BYTES = 1_000_000


class Bench:
    """A gate, the queue behind it, and what the sink has got."""

    def __init__(self, settings: DeadLetters | None = None) -> None:
        self.sink = KeptLetters()
        self.queue = DeadLetterQueue(self.sink, Backoff(1.0, 1.0), lambda _: None)
        self.gate = DeadLetterGate(settings or DeadLetters(), self.queue, MOST_BYTES)

    def dead(self, number: int, *, deliverable: int = 0, now: float = 0.0, value: bytes = b"{") -> str | None:
        """Count a group of messages and put its dead letters."""
        letters = [DeadLetter(FakeMessage(value), Reason("not_json", "it is not JSON"))] * number
        mask = np.array([True] * number + [False] * deliverable, dtype=np.bool_)
        exceeded = self.gate.count(mask, deliverable)
        if exceeded is None:
            self.gate.put(DeadLetterBatch(letters, ()), now)
        return exceeded

    def written(self) -> int:
        """How many letters are written."""
        self.queue.poll(0.0, 0.0)
        return len(self.sink.letters)


def test_dead_letters_are_held_back_until_a_message_can_be_delivered() -> None:
    bench = Bench()
    bench.dead(50)
    bench.dead(50)
    assert bench.written() == 0
    bench.dead(1, deliverable=1)
    assert bench.written() == 101
    bench.dead(5)
    assert bench.written() == 106


def test_a_worker_of_whose_first_messages_none_can_be_delivered_has_written_none_of_them() -> None:
    bench = Bench()
    assert [bench.dead(50) for _ in range(3)] == [None] * 3
    exceeded = bench.dead(50)
    assert exceeded is not None
    assert "the first 200 messages to be delivered, every one of them" in exceeded
    assert bench.written() == 0


def test_what_is_held_is_written_after_a_time_and_when_reading_has_ended() -> None:
    bench = Bench()
    bench.dead(5, now=10.0)
    bench.gate.poll(10.0 + HOLD_S - 0.1)
    assert bench.written() == 0
    bench.gate.poll(10.0 + HOLD_S)
    assert bench.written() == 5
    bench = Bench()
    bench.dead(5)
    bench.gate.open()
    assert bench.written() == 5


def test_large_messages_are_not_held_beyond_the_memory_of_a_batch() -> None:
    bench = Bench()
    bench.dead(9, value=b"{" * 100_000)
    assert bench.written() == 0
    bench.dead(1, value=b"{" * 100_000)
    assert bench.written() == 10


@pytest.mark.parametrize("share", [1.0])
def test_a_limit_that_is_switched_off_holds_nothing_back(share: float) -> None:
    bench = Bench(DeadLetters(max_share=share, max_consecutive=0))
    bench.dead(5)
    assert bench.written() == 5


def test_tickets_without_letters_do_not_wait() -> None:
    bench = Bench()
    bench.gate.put(DeadLetterBatch((), ()), 0.0)
    assert len(bench.queue) == 1
