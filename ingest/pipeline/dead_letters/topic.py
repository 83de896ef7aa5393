"""Writes dead letters to a Kafka topic: the original message, with its origin and the reason in its headers.

Key, value, timestamp and headers are the original's. Added are `ingest.reason` (the countable code), `ingest.detail` (a
sentence), `ingest.column` (if one is at fault), `ingest.parts` (if only some of its predictions are meant),
`ingest.topic`, `ingest.partition`, `ingest.offset`, `ingest.timestamp_ms` and `ingest.written_at`, all of them text. A
message that was a dead letter before has such headers already; they are replaced.

A failure may leave some letters in the topic that are then written again: readers go by topic, partition and offset.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from ingest.config.resolve import TopicConfig
from ingest.config.sections import Kafka
from ingest.pipeline.dead_letters.files import DeadLetterFiles
from ingest.pipeline.dead_letters.queue import DeadLetter, Sink
from ingest.pipeline.dead_letters.redact import RedactingSink, Redactor
from ingest.pipeline.formats.part_numbers import PARTS, as_text, chosen
from ingest.pipeline.kafka.producer import ConfirmedProducer, Record
from ingest.records import header_pairs

PREFIX = "ingest."
REASON = "ingest.reason"
DETAIL = "ingest.detail"
COLUMN = "ingest.column"
TOPIC = "ingest.topic"
PARTITION = "ingest.partition"
OFFSET = "ingest.offset"
TIMESTAMP_MS = "ingest.timestamp_ms"
WRITTEN_AT = "ingest.written_at"
ADDED_BYTES = 8_192  # more than these headers take, with a detail that quotes an answer of Arize
REPLAYED_TO = "ingest.replayed_to"  # only in the marks of the replay
PROVENANCE = frozenset({REASON, DETAIL, COLUMN, PARTS, TOPIC, PARTITION, OFFSET, TIMESTAMP_MS, WRITTEN_AT})


class DeadLetterTopic:
    """Writes to the topic; a letter is durable when Kafka has confirmed it."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._topic = topic
        self._writer = ConfirmedProducer(kafka)

    @property
    def place(self) -> str:
        """The topic's name with the words "dead-letter topic"."""
        return f"dead-letter topic {self._topic}"

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Begin to write `letters`."""
        self._writer.write(record(letter, self._topic) for letter in letters)

    def durable(self) -> bool:
        """Kafka has confirmed all of what was written last. Raises RetryableError when it refused or lost one."""
        return self._writer.durable()

    def close(self) -> None:
        """Give up what is unconfirmed."""
        self._writer.close()


def record(letter: DeadLetter, topic: str, partition: int | None = None) -> Record:
    """A dead letter as a record for the dead-letter topic."""
    message = letter.message
    _, timestamp_ms = message.timestamp()
    added = {
        REASON: letter.reason.code,
        DETAIL: letter.reason.detail,
        COLUMN: letter.column,
        PARTS: as_text(letter.parts or chosen(message.headers())) or None,
        TOPIC: message.topic(),
        PARTITION: message.partition(),
        OFFSET: message.offset(),
        TIMESTAMP_MS: timestamp_ms,
        WRITTEN_AT: datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    kept = [(name, value) for name, value in header_pairs(message.headers()) if name not in PROVENANCE]
    return Record(
        topic=topic,
        value=message.value(),
        key=message.key(),
        headers=[*kept, *((name, str(value).encode()) for name, value in added.items() if value is not None)],
        timestamp_ms=timestamp_ms,
        partition=partition,
    )


def sink(config: TopicConfig) -> Sink:
    """Where the configuration wants dead letters, without what must not leave."""
    redactor = Redactor(config)
    kept: Sink = DeadLetterFiles(config.dead_letters.directory, config.kafka.topic)
    if config.dead_letters.topic:
        kept = DeadLetterTopic(config.kafka, config.dead_letters.topic)
    return RedactingSink(kept, redactor) if redactor.active else kept
