"""How many messages a poll asks for, by what messages held lately."""

from dataclasses import replace
from typing import Any

import numpy as np

from ingest.config.settings import Config
from ingest.pipeline.chunks import ChunkHandler
from ingest.pipeline.dead_letters.queue import DeadLetterBatch
from ingest.pipeline.intake import Taken
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
