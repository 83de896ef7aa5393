"""Replays dead letters to the topic they came from, where a running worker reads them again.

Each message is produced to its own partition with its own key, value, timestamp and headers. The header
`ingest.replayed` counts its replays: a message that becomes a dead letter again keeps that count, so that a loop ends.
`ingest.parts` names the predictions that were not delivered, where a message holds several and others were.
The header `ingest.origin` has the place where the message was first, so that an id made of it stays the same.

Dead letters are marked in chunks, after Kafka has confirmed the chunk: after a kill, one chunk may be produced twice.
"""

from collections.abc import Sequence

from ingest.commands.dead_letters.index_entry import IndexEntry
from ingest.commands.dead_letters.replay_result import TOPIC, Advance, ReplayResult
from ingest.commands.dead_letters.store import Store
from ingest.commands.dead_letters.stored import StoredDeadLetter
from ingest.config.sections import Kafka
from ingest.pipeline.decoding.kafka_values import ORIGIN, place
from ingest.pipeline.kafka.producer import ConfirmedProducer, Record, confirmed

_CHUNK = 1_000


def republish(
    kafka: Kafka, store: Store, entries: Sequence[IndexEntry], result: ReplayResult, advance: Advance
) -> None:
    """Replay `entries` and add them to `result`. Raises FatalError (exit code KAFKA) when Kafka doesn't accept them."""
    producer = ConfirmedProducer(kafka)
    try:
        for first in range(0, len(entries), _CHUNK):
            chunk = entries[first : first + _CHUNK]
            confirmed(producer, [record(letter) for letter in store.read(chunk)])
            store.mark(chunk, TOPIC)
            result.replayed += len(chunk)
            advance(len(chunk))
    finally:
        producer.close()


def record(letter: StoredDeadLetter) -> Record:
    """The message to produce for a dead letter."""
    origin = letter.entry.origin
    return Record(
        topic=origin.topic,
        value=letter.raw_value,
        key=letter.raw_key,
        headers=_headers(letter),
        timestamp_ms=origin.timestamp_ms,
        partition=origin.partition,
    )


def _headers(letter: StoredDeadLetter) -> Sequence[tuple[str, bytes | None]]:
    own = [(name, value) for name, value in letter.replayed_again().headers() if name != ORIGIN]
    return [*own, (ORIGIN, place(letter).encode())]
