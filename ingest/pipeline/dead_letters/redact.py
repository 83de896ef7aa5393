"""Redacts dead letters: [schema] exclude and hash apply to them as to the rows that are sent.

A message that can't be parsed can't be redacted, nor one that holds several predictions, whose columns are not under
their paths in the message: its value is withheld, and the detail of its reason names that. The value is still in Kafka,
at the letter's topic, partition and offset, for as long as retention keeps it. A redacted letter has the header
`ingest.redacted`, so that a hash is not taken for a value, or hashed again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.errors import DecodeError
from ingest.pipeline.dead_letters.queue import DeadLetter, Sink
from ingest.pipeline.decoding.parse import parse_object
from ingest.pipeline.decoding.privacy import Privacy
from ingest.records import Headers, KafkaMessage, header_pairs

REDACTED = "ingest.redacted"
WITHHELD = "; its value is withheld, as [schema] exclude and hash can't be applied to it"


@dataclass(frozen=True, slots=True)
class RedactedMessage:
    """A message with another value and one header more."""

    message: KafkaMessage
    redacted: bytes | None

    def topic(self) -> str | None:
        """Where it was read from."""
        return self.message.topic()

    def partition(self) -> int | None:
        """Its partition."""
        return self.message.partition()

    def offset(self) -> int | None:
        """Its offset."""
        return self.message.offset()

    def value(self) -> bytes | None:
        """Its value after redaction."""
        return self.redacted

    def key(self) -> bytes | None:
        """Its key; keys are not columns of the message."""
        return self.message.key()

    def headers(self) -> Headers:
        """Its headers, and the one that marks it as redacted."""
        return [*header_pairs(self.message.headers()), (REDACTED, b"1")]

    def timestamp(self) -> tuple[int, int]:
        """Its timestamp."""
        return self.message.timestamp()


def is_redacted(message: KafkaMessage) -> bool:
    """The message was redacted already."""
    return any(name == REDACTED for name, _ in header_pairs(message.headers()))


class RedactingSink:
    """Redacts dead letters and writes them to another sink."""

    def __init__(self, sink: Sink, privacy: Privacy, *, exploded: bool = False) -> None:
        """`exploded`: messages hold several predictions, whose columns are not under these paths in the message."""
        self._sink = sink
        self._privacy = privacy
        self._exploded = exploded

    @property
    def place(self) -> str:
        """The other sink's name."""
        return self._sink.place

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Redact and write. Raises what the other sink raises."""
        self._sink.write([self._redacted(letter) for letter in letters])

    def durable(self) -> bool:
        """The other sink's answer. Raises what it raises."""
        return self._sink.durable()

    def close(self) -> None:
        """Close the other sink."""
        self._sink.close()

    def _redacted(self, letter: DeadLetter) -> DeadLetter:
        message = letter.message
        raw = message.value()
        if raw is None or is_redacted(message):
            return letter
        if self._exploded:
            return _withheld(letter)
        try:
            kept = json.dumps(self._privacy.redact(parse_object(raw)), ensure_ascii=False).encode()
        except (DecodeError, RecursionError):
            return _withheld(letter)
        return replace(letter, message=RedactedMessage(message, kept))


def _withheld(letter: DeadLetter) -> DeadLetter:
    reason = replace(letter.reason, detail=letter.reason.detail + WITHHELD)
    return replace(letter, message=RedactedMessage(letter.message, None), reason=reason)
