"""What a stage of a worker works on when it runs alone (`single_stage`): usual events on a real Kafka, and a watch."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ingest.config.resolve import TopicConfig
from ingest.pipeline.arize.column_view import ValidationLimits
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.rules import rules
from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.pipeline.offsets.committer import Stored
from ingest.records import Chunk

PASS_EVENTS = 100_000
POLL_S = 0.25
PATIENCE_S = 60.0


@dataclass(slots=True)
class Watch:
    """CPU seconds spent under it: of the process, and of the calling thread."""

    process_s: float = 0.0
    thread_s: float = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Count what is spent within."""
        process_s, thread_s = time.process_time(), time.thread_time()
        yield
        self.thread_s += time.thread_time() - thread_s
        self.process_s += time.process_time() - process_s


@dataclass(frozen=True, slots=True)
class Bench:
    """What a stage works on. `end` is how many events the topic has."""

    config: TopicConfig
    partitions: int
    end: int
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def reader(
        self, on_committed: Callable[[Stored, Sequence[str], bool], None] = lambda *_: None
    ) -> PartitionConsumer:
        """A worker's consumer, not yet assigned."""
        numbers = tuple(range(self.partitions))
        return PartitionConsumer(self.config.kafka, numbers, on_trouble=_trouble, on_committed=on_committed)

    def chunks(self) -> list[Chunk]:
        """A pass's worth of messages, with no consumer left running."""
        reader = self.reader()
        reader.assign(dict.fromkeys(range(self.partitions), 0))
        try:
            return list(polled(reader, self.config.batch.chunk_events, PASS_EVENTS))
        finally:
            reader.close()

    def values(self) -> list[list[bytes | None]]:
        """The raw messages of those chunks."""
        return [[message.value() for message in chunk.messages] for chunk in self.chunks()]

    def contract(self) -> LearnedSchema:
        """What is known of the columns before the first message."""
        return LearnedSchema(rules(self.config.schema, self.config.arize.model_type))

    def limits(self) -> ValidationLimits:
        """What Arize takes."""
        return ValidationLimits(self.config.schema, self.config.arize.model_type, self.config.arize.environment)


def _trouble(text: str) -> None:
    raise RuntimeError(f"Kafka: {text}")


def polled(reader: PartitionConsumer, most: int, events: int) -> Iterator[Chunk]:
    """Chunks of together `events` messages. Raises TimeoutError when they don't come."""
    deadline = time.monotonic() + PATIENCE_S
    while events > 0:
        chunk = reader.poll(min(most, events), POLL_S).chunk
        if chunk is not None:
            events -= len(chunk.messages)
            yield chunk
        elif time.monotonic() > deadline:
            raise TimeoutError(f"{events:,} more messages were expected, and none came for {PATIENCE_S:g} s")
