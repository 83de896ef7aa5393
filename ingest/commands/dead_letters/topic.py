"""The dead letters of a Kafka topic. What was replayed is marked in the topic itself.

A mark is a message without a value whose headers name the letter's origin and, in `ingest.replayed_to`, where it went.
So any machine sees it, and it lives as long as its letter does. There is no lock: two replays at once would both
deliver.
"""

import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from ingest.commands.dead_letters.stored import IndexEntry, ReplayMark, StoredDeadLetter, from_message, newest
from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError, RetryableError
from ingest.pipeline.dead_letters import topic as names
from ingest.pipeline.kafka import consumer, metadata
from ingest.pipeline.kafka.producer import ConfirmedProducer, Record, confirmed
from ingest.pipeline.kafka.reread import refetch

_POLL_S = 0.5
_SILENCE_S = 60.0
_MESSAGES = 5_000


class TopicStore:
    """The dead letters in `topic`."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._kafka = kafka.model_copy(update={"topic": topic, "group": f"ingest-dead-letters-{secrets.token_hex(4)}"})
        self._writer = ConfirmedProducer(kafka)

    @property
    def place(self) -> str:
        """The topic, in words."""
        return f"dead-letter topic {self._kafka.topic}"

    def index(self) -> list[IndexEntry]:
        """Every dead letter up to the ends as they are now. Raises FatalError (exit code KAFKA)."""
        bounds = metadata.watermarks(self._kafka, metadata.topic_partitions(self._kafka))
        open_ends = {partition: end for partition, (low, end) in bounds.items() if low < end}
        entries: list[IndexEntry] = []
        marks: list[ReplayMark] = []
        reader = consumer.PartitionConsumer(
            self._kafka, tuple(open_ends), on_trouble=lambda _: None, on_committed=lambda *_: None
        )
        try:
            reader.assign({partition: bounds[partition][0] for partition in open_ends})
            heard = time.monotonic()
            while open_ends:
                polled = reader.poll(_MESSAGES, _POLL_S)
                reached = dict(polled.ends)
                for message in polled.chunk.messages if polled.chunk is not None else ():
                    found = from_message(message)
                    if isinstance(found, StoredDeadLetter):
                        entries.append(found.entry)
                    elif found is not None:
                        marks.append(found)
                    reached[message.partition() or 0] = (message.offset() or 0) + 1
                for partition, next_offset in reached.items():
                    heard = time.monotonic()
                    if next_offset >= open_ends.get(partition, next_offset + 1):
                        del open_ends[partition]
                if time.monotonic() - heard > _SILENCE_S:
                    raise FatalError(
                        f"{self.place} at {self._kafka.brokers} has sent nothing for {_SILENCE_S:g} s; check the "
                        "brokers and the right to READ it",
                        exit_code=ExitCode.KAFKA,
                    )
        finally:
            reader.close()
        return newest(entries, marks)

    def read(self, entries: Sequence[IndexEntry]) -> list[StoredDeadLetter]:
        """These letters with their messages, in this order. Raises FatalError (exit code KAFKA)."""
        wanted: dict[int, list[int]] = {}
        for partition, offset in sorted(entry.place for entry in entries):
            wanted.setdefault(partition, []).append(offset)
        try:
            messages = refetch(self._kafka, wanted)
        except RetryableError as failed:
            raise FatalError(f"{self.place}: {failed}", exit_code=ExitCode.KAFKA) from None
        letters = [from_message(message) for message in messages]
        found = {letter.entry.place: letter for letter in letters if isinstance(letter, StoredDeadLetter)}
        missing = sum(entry.place not in found for entry in entries)
        if missing:
            raise FatalError(
                f"{self.place}: {missing:,} letters can't be read any more; has retention removed them?",
                exit_code=ExitCode.KAFKA,
            )
        return [found[entry.place] for entry in entries]

    def lock(self) -> None:
        """Nothing to lock: see above."""

    def mark(self, entries: Sequence[IndexEntry], to: str) -> None:
        """Confirmed by Kafka when this returns. Raises FatalError (exit code KAFKA) when it isn't."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        confirmed(self._writer, [self._mark(entry, to, now) for entry in entries])

    def close(self) -> None:
        """Let go of the producer."""
        self._writer.close()

    def _mark(self, entry: IndexEntry, to: str, now: str) -> Record:
        said = {
            names.TOPIC: entry.origin.topic,
            names.PARTITION: entry.origin.partition,
            names.OFFSET: entry.origin.offset,
            names.TIMESTAMP_MS: entry.origin.timestamp_ms,
            names.WRITTEN_AT: max(now, entry.written_at),
            names.REPLAYED_TO: to,
        }
        return Record(
            topic=self._kafka.topic,
            value=None,
            headers=[(name, str(value).encode()) for name, value in said.items()],
            partition=entry.place[0],
        )
