"""The dead letters in a Kafka topic, and the marks of those that were replayed.

A mark is a message without a value in the same topic. Its headers name the origin of the dead letter and, in
`ingest.replayed_to`, where it was replayed to. So every machine sees it, and it is kept as long as its dead letter.
There is no lock: two concurrent replays would both deliver.
"""

import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from ingest.commands.dead_letters.index_entry import IndexEntry
from ingest.commands.dead_letters.stored import ReplayMark, StoredDeadLetter, from_message, newest
from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError, RetryableError
from ingest.pipeline.dead_letters import topic as names
from ingest.pipeline.kafka import consumer, first_contact, metadata
from ingest.pipeline.kafka.end_offsets import partition_ends
from ingest.pipeline.kafka.producer import ConfirmedProducer, Record, confirmed
from ingest.pipeline.kafka.reread import refetch
from ingest.status import formatting

_POLL_S = 0.5
_SILENCE_S = 60.0
_MESSAGES = 5_000


class TopicStore:
    """The dead letters in `topic`."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._kafka = kafka.with_topic(topic).with_group(f"ingest-dead-letters-{secrets.token_hex(4)}")
        self._producer = ConfirmedProducer(kafka)
        self._held_back = 0  # offsets behind open transactions, when it was read

    @property
    def name(self) -> str:
        """The topic's name in printed text, and what of it could not be read."""
        name = f"dead-letter topic {self._kafka.topic}"
        if not self._held_back:
            return name
        return f"{name} (without {formatting.amount(self._held_back, 'offset')} behind an open transaction)"

    def index(self) -> list[IndexEntry]:
        """Every dead letter that can be read up to the current ends. Raises FatalError (exit code KAFKA)."""
        bounds = metadata.watermarks(self._kafka, first_contact.topic_partitions(self._kafka))
        ends = partition_ends(self._kafka, bounds)
        self._held_back = sum(ends[partition].held_back(end) for partition, (_, end) in bounds.items())
        open_ends = {partition: end for partition, (low, end) in bounds.items() if low < end}
        entries: list[IndexEntry] = []
        marks: list[ReplayMark] = []
        reader = consumer.PartitionConsumer(
            self._kafka, tuple(open_ends), on_trouble=lambda _: None, on_committed=lambda *_: None
        )
        try:
            reader.assign({partition: bounds[partition][0] for partition in open_ends})
            last_answer = time.monotonic()
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
                    last_answer = time.monotonic()
                    if next_offset >= open_ends.get(partition, next_offset + 1):
                        del open_ends[partition]
                if time.monotonic() - last_answer > _SILENCE_S:
                    raise FatalError(
                        f"{self.name} at {self._kafka.brokers} has sent nothing for {_SILENCE_S:g} s; check the "
                        "brokers and the right to READ it",
                        exit_code=ExitCode.KAFKA,
                    )
        finally:
            reader.close()
        return newest(entries, marks)

    def read(self, entries: Sequence[IndexEntry]) -> list[StoredDeadLetter]:
        """These dead letters with their messages, in this order. Raises FatalError (exit code KAFKA)."""
        wanted: dict[int, list[int]] = {}
        for partition, offset in sorted(entry.location for entry in entries):
            wanted.setdefault(partition, []).append(offset)
        try:
            messages = refetch(self._kafka, wanted)
        except RetryableError as failed:
            raise FatalError(f"{self.name}: {failed}", exit_code=ExitCode.KAFKA) from None
        letters = [from_message(message) for message in messages]
        found = {letter.entry.location: letter for letter in letters if isinstance(letter, StoredDeadLetter)}
        missing = sum(entry.location not in found for entry in entries)
        if missing:
            raise FatalError(
                f"{self.name}: {missing:,} dead letters can't be read any more; has retention removed them?",
                exit_code=ExitCode.KAFKA,
            )
        return [found[entry.location] for entry in entries]

    def lock(self) -> None:
        """Do nothing: a topic has no lock."""

    def mark(self, entries: Sequence[IndexEntry], to: str) -> None:
        """Record that these were replayed. Raises FatalError (exit code KAFKA) when Kafka doesn't confirm it."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        confirmed(self._producer, [self._mark(entry, to, now) for entry in entries])

    def close(self) -> None:
        """Close the producer."""
        self._producer.close()

    def _mark(self, entry: IndexEntry, to: str, now: str) -> Record:
        headers = {
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
            headers=[(name, str(value).encode()) for name, value in headers.items()],
            partition=entry.location[0],
        )
