"""How many messages a poll asks for, by what messages held lately, and which messages stop a worker."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ingest.config.settings import Config
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.chunks import ChunkHandler
from ingest.pipeline.dead_letters.queue import DeadLetterBatch
from ingest.pipeline.delivery.batch import BatchLimits
from ingest.pipeline.intake import Intake, Taken
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.rows import RowProcessors
from ingest.records import Chunk
from tests.harness.messages import FakeMessage


class Idle:
    """Takes every chunk without rows or dead letters."""

    def take(self, *_: Any) -> Taken:
        return Taken(DeadLetterBatch((), ()))

    def taken(self, *_: Any) -> None:
        pass

    def put(self, *_: Any) -> None:
        pass


def handler(queue_bytes: int) -> ChunkHandler:
    config = Config().topics[0]
    config = replace(config, kafka=config.kafka.with_queue_bytes(queue_bytes))
    idle: Any = Idle()
    return ChunkHandler(config, idle, idle, idle)


def chunk(messages: int, message_bytes: int) -> Chunk:
    offsets = np.arange(messages, dtype=np.int64)
    values = [FakeMessage(b"{}")] * messages
    return Chunk(values, np.zeros(messages, dtype=np.int32), offsets, messages * message_bytes)


def test_the_first_poll_expects_large_messages_and_the_next_ones_what_came() -> None:
    chunks = handler(48 * 2**20)
    assert chunks.messages(5_000) == 503
    chunks.take(chunk(503, 600), 0.0, frozenset())
    assert chunks.messages(5_000) == 5_000


def test_a_chunk_of_large_messages_holds_about_what_is_fetched_ahead() -> None:
    chunks = handler(16 * 2**20)
    chunks.take(chunk(10, 300_000), 0.0, frozenset())
    assert chunks.messages(5_000) == 55
    chunks.take(chunk(55, 1_000), 0.0, frozenset())
    assert chunks.messages(5_000) == 62, "large ones may come again soon"


def test_a_message_larger_than_all_that_is_fetched_ahead_is_polled_by_itself() -> None:
    chunks = handler(1_000)
    chunks.take(chunk(1, 5_000), 0.0, frozenset())
    assert (chunks.messages(5_000), chunks.messages(0)) == (1, 0)


GOOD = b'{"prediction_id": "a", "prediction_ts": 1795000000, "prediction_score": 0.5}'
LEFT_OUT = GOOD.replace(b"}", b', "left": "out"}')
BAD, TOMBSTONE = b"{", None


def take(values: list[bytes | None], tombstones: str = "dead_letter", size: int = 100, **limits: Any) -> None:
    """A worker takes these messages in chunks of `size`. Raises FatalError where it would stop."""
    config = Config(
        kafka={"topic": "t"},
        arize={"model_name": "m"},
        schema={"tombstones": tombstones},
        routes={"none": {"when": {"left": "out"}, "deliver": False}, "rest": {}},
        dead_letters=limits,
    ).topics[0]
    processors = RowProcessors(config, lambda: 1_795_000_000.0)
    passed = tombstones == "dead_letter"
    intake = Intake({0: PartitionTracker(0, 0)}, processors, BatchLimits(10**6, 10**9, 10.0), tombstones=passed)
    idle: Any = Idle()
    chunks = ChunkHandler(config, intake, idle, idle)
    for first in range(0, len(values), size):
        own = values[first : first + size]
        offsets = np.arange(first, first + len(own), dtype=np.int64)
        messages = [FakeMessage(value, offset=first + index) for index, value in enumerate(own)]
        chunks.take(Chunk(messages, np.zeros(len(own), dtype=np.int32), offsets, 100 * len(own)), 0.0, frozenset())


@pytest.mark.parametrize("tombstones", ["dead_letter", "ignore"])
def test_any_number_of_tombstones_stops_no_worker(tombstones: str) -> None:
    take([TOMBSTONE] * 2_000 + [GOOD] * 10, tombstones, max_consecutive=500)
    take([GOOD] + [TOMBSTONE] * 2_000, tombstones, max_consecutive=500)
    take([*[BAD] * 90, *[TOMBSTONE] * 2_000, *[GOOD] * 90], tombstones)


@pytest.mark.parametrize("between", [TOMBSTONE, LEFT_OUT])
@pytest.mark.parametrize("tombstones", ["dead_letter", "ignore"])
def test_messages_that_are_not_to_be_delivered_do_not_hide_that_the_others_fail(
    between: bytes | None, tombstones: str
) -> None:
    with pytest.raises(FatalError, match=r"the first 2\d\d messages to be delivered, every one of") as stopped:
        take([*[between] * 300, *[BAD, between, between] * 200], tombstones)
    assert stopped.value.exit_code == ExitCode.TOO_MANY_DEAD
    assert "not valid JSON" in str(stopped.value)
    with pytest.raises(FatalError, match="50 messages in a row"):
        take([GOOD, *[BAD, between] * 50], tombstones, max_consecutive=50)
    with pytest.raises(FatalError, match="110 of the last 200 messages to be delivered"):
        take([*[GOOD] * 90, *[BAD, between, between] * 111], tombstones, size=1)
