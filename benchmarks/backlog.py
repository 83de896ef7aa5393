"""What every contender reads and writes: a real Kafka with a backlog, and a local Arize endpoint."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.codecs import Codec
from ingest.sandbox.compare import Comparison, compare_counts
from ingest.sandbox.generate import TAGS, Fields, Generator
from ingest.sandbox.journal import Journal, by_partition
from ingest.sandbox.produce import create_topic, produce

TOPIC = "predictions"
SAMPLED_ROWS = 2_000
LEADERS_S = 30.0
DIRECTORY_PREFIX = "ingest-benchmark-"


class Backlog:
    """One topic, filled once; each run reads all of it in a group of its own and sends it to the same endpoint.

    Backlogs with topics of their own may share a running broker, `kafka`; without one each starts its own.
    """

    def __init__(
        self,
        events: int,
        partitions: int,
        *,
        fields: Fields | int = "usual",
        codec: Codec = "lz4",
        topic: str = TOPIC,
        kafka: RealKafka | None = None,
    ) -> None:
        self.events = events
        self.partitions = partitions
        self.tags = TAGS
        self.generator = Generator(seed=1, fields=fields)
        self.codec = codec
        self.topic = topic
        self._kafka = kafka
        self._end: dict[int, int] = {}
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as closing:
            _sweep()
            self.directory = Path(
                closing.enter_context(tempfile.TemporaryDirectory(prefix=f"{DIRECTORY_PREFIX}{os.getpid()}-"))
            )
            broker = self._kafka or closing.enter_context(RealKafka())
            self.brokers = broker.bootstrap
            self.broker_pid = broker.pid
            create_topic(self.brokers, self.topic, self.partitions)
            _await_leaders(self.brokers, self.topic, self.partitions)
            made = produce(
                self.brokers,
                self.topic,
                range(self.partitions),
                self.events,
                generator=self.generator,
                codec=self.codec,
            )
            self._end = made.end
            endpoint = closing.enter_context(ArizeEndpoint(self.directory / "journal"))
            self.arize = endpoint.environment()
            self.endpoint_pid = endpoint.pid
            self.journal: Journal = endpoint.journal
            self._closing = closing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def event_bytes(self) -> float:
        """Bytes of an event, on average."""
        return sum(len(self.generator.event(0, sequence) or b"") for sequence in range(SAMPLED_ROWS)) / SAMPLED_ROWS

    def uploads(self) -> list[int]:
        """Rows of each stored upload, in the order of storing."""
        return [request.table.num_rows for request in self.journal.requests()]

    def senders(self, shares: Sequence[Collection[int]]) -> list[int]:
        """Which of `shares` (of the partitions) each stored upload is from, in the order of storing."""
        share_of = {partition: index for index, share in enumerate(shares) for partition in share}
        return [share_of[next(by_partition(request.table))[0]] for request in self.journal.requests()]

    def delivered(self) -> Comparison:
        """What is stored against what is on the topic, by partition and sequence."""
        return compare_counts(self.journal, self.generator, self._end)

    def changed_values(self) -> tuple[int, int]:
        """Of a sample of the stored rows, how many came with another value than was produced; and the sample's size.

        1 and 1.0 count as the same here, null and absent too.
        """
        changed = checked = 0
        requests = list(self.journal.requests())
        for request in requests:
            for row in request.table.slice(0, SAMPLED_ROWS // len(requests)).to_pylist():
                made = self.generator.row(row["kp"], row["seq"])
                checked += 1
                changed += _values(row) != _values(made)
        return changed, checked

    def forget(self) -> None:
        """Remove what is stored, so that the next run is counted alone."""
        for file in self.journal.files():
            file.unlink()


def _sweep() -> None:
    """Remove what a killed runner has left; a journal is large."""
    for left in Path(tempfile.gettempdir()).glob(f"{DIRECTORY_PREFIX}*"):
        pid = left.name.removeprefix(DIRECTORY_PREFIX).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _await_leaders(brokers: str, topic: str, partitions: int) -> None:
    """A topic is known a moment before its partitions have leaders, and before that they have no offsets to ask for."""
    deadline = time.monotonic() + LEADERS_S
    with contextlib.closing(Consumer({"bootstrap.servers": brokers, "group.id": "benchmark-setup"})) as consumer:
        for partition in range(partitions):
            while True:
                try:
                    consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=LEADERS_S)
                except KafkaException:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
                else:
                    break


def _values(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if value is not None}
