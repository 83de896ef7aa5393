"""Redacts dead letters: [schema] exclude and hash apply to them as to the rows that are sent.

Rules
1. exclude and hash hold paths in the message as [format] unwraps it, so the unwrapped message is what is redacted and
   written. A redacted letter has the header `ingest.redacted`: its value is not unwrapped again, and a hash is not
   taken for a value, or hashed again.
2. They are those of the message's route.
3. A value that can't be redacted is withheld, and the detail of the reason names that: of a message that can't be
   unwrapped or parsed, of an envelope without a message in it (it may hold the former one), of a message that no route
   takes where routes differ in exclude and hash, and, with [format] explode, of every
   message: the paths are those of its parts. The value is still in Kafka, at the letter's topic, partition and offset,
   for as long as retention keeps it.
4. A message of a route without exclude and hash is written as it is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.config.resolve import TopicConfig
from ingest.errors import DecodeError
from ingest.pipeline.dead_letters.queue import DeadLetter, Sink
from ingest.pipeline.decoding.parse import parse_object
from ingest.pipeline.decoding.privacy import Privacy, privacy_of
from ingest.pipeline.formats.unwrap import unwrapper
from ingest.pipeline.routing import Router
from ingest.reasons import Reason
from ingest.records import Headers, KafkaMessage, header_pairs

REDACTED = "ingest.redacted"
WITHHELD = "; its value is withheld, as [schema] exclude and hash can't be applied to it"
_EXPLODED = Reason("not_an_object", "it has the paths of exclude and hash only after it is exploded")
_NO_ROUTE = Reason("no_route", "routes differ in exclude and hash, and none takes it")


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


class Redactor:
    """What of a topic's messages may be written. Raises ConfigError when the key of the hashes can't be read."""

    def __init__(self, config: TopicConfig) -> None:
        schemas = [route.schema for route in config.routes]
        self._by_route = [privacy_of(schema) for schema in schemas]
        self.active = any(privacy.active for privacy in self._by_route)
        self._uniform = len({(schema.exclude, schema.hash, schema.hash_key_file) for schema in schemas}) == 1
        self._router = Router(config.routes)
        self._unwrapper = unwrapper(config.format, schemas)
        self._exploded = bool(config.format.explode)

    def value(self, message: KafkaMessage) -> bytes | None:
        """The value that may be written, None if it is the message's own. Raises DecodeError if there is none."""
        if message.value() is None:
            return None
        unwrapped = self._unwrapper.unwrap([message])
        if unwrapped.rejected:
            raise DecodeError(unwrapped.rejected[0].reason)
        privacy = self._privacy(int(self._router.route([message], unwrapped).routes[0]))
        if not privacy.active:
            return None
        if self._exploded:
            raise DecodeError(_EXPLODED)
        redacted = privacy.redact(parse_object(unwrapped.values[0]))
        return json.dumps(redacted, ensure_ascii=False).encode()

    def _privacy(self, route: int) -> Privacy:
        if route < len(self._by_route):
            return self._by_route[route]
        if not self._uniform:
            raise DecodeError(_NO_ROUTE)
        return self._by_route[0]


class RedactingSink:
    """Redacts dead letters and writes them to another sink."""

    def __init__(self, sink: Sink, redactor: Redactor) -> None:
        self._sink = sink
        self._redactor = redactor

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
        if is_redacted(message):
            return letter
        try:
            kept = self._redactor.value(message)
        except (DecodeError, RecursionError):
            withheld = RedactedMessage(message, None)
            reason = replace(letter.reason, detail=letter.reason.detail + WITHHELD)
            return replace(letter, message=withheld, reason=reason)
        return letter if kept is None else replace(letter, message=RedactedMessage(message, kept))
