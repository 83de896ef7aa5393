"""Replaying redacted dead letters: which of them need their original message from Kafka, and which can't be replayed.

Rules
1. A redacted dead letter has hashes in its value, or no value at all. Only originals are replayed to a topic: hashes
   would be hashed again, and a message without a value would be a tombstone that nobody wrote.
2. A dead letter with hashes is replayed to the pipeline as it is, and nothing is hashed again. One without a value
   needs its original.
3. The original is the message at the dead letter's topic, partition and offset, if it has the same timestamp: the topic
   may have been recreated. If the original is missing, the dead letter is not replayed and stays a dead letter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.commands.dead_letters.index_entry import IndexEntry, Origin
from ingest.commands.dead_letters.replay_result import TOPIC
from ingest.commands.dead_letters.store import Store
from ingest.commands.dead_letters.stored import StoredDeadLetter
from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError, RetryableError
from ingest.pipeline.dead_letters.redact import is_redacted
from ingest.pipeline.kafka.reread import refetch
from ingest.records import KafkaMessage, header_pairs

_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Replayable:
    """`complete` can be replayed, some from their originals; `hashed` too, without hashing again.

    `originals_missing` counts those that can't be replayed.
    """

    complete: Sequence[IndexEntry]
    hashed: Sequence[IndexEntry]
    originals_missing: int


def classify(kafka: Kafka, entries: Sequence[IndexEntry], to: str) -> Replayable:
    """How each of `entries` can be replayed. Raises FatalError (exit code KAFKA) when Kafka can't be asked."""
    need_original = [entry for entry in entries if _needs_original(entry, to)]
    available: set[Origin] = set()
    for first in range(0, len(need_original), _CHUNK):
        available.update(_originals(kafka, need_original[first : first + _CHUNK]))
    missing = {entry.origin for entry in need_original} - available
    kept = [entry for entry in entries if entry.origin not in missing]
    return Replayable(
        [entry for entry in kept if not entry.redacted or entry.origin in available],
        [entry for entry in kept if entry.redacted and entry.origin not in available],
        len(missing),
    )


class OriginalsStore:
    """A store whose dead letters are complete: if one needs its original, that is read from its own topic."""

    def __init__(self, store: Store, kafka: Kafka, to: str) -> None:
        self._store = store
        self._kafka = kafka
        self._to = to

    @property
    def name(self) -> str:
        """The store's name."""
        return self._store.name

    def index(self) -> list[IndexEntry]:
        """The store's index."""
        return self._store.index()

    def read(self, entries: Sequence[IndexEntry]) -> list[StoredDeadLetter]:
        """These dead letters, complete. Raises FatalError (exit code KAFKA) when an original was removed meanwhile."""
        found = _originals(self._kafka, [entry for entry in entries if _needs_original(entry, self._to)])
        letters = []
        for letter in self._store.read(entries):
            entry = letter.entry
            if not _needs_original(entry, self._to):
                letters.append(letter)
                continue
            if (message := found.get(entry.origin)) is None:
                raise FatalError(
                    f"topic {entry.origin.topic} does not hold partition {entry.origin.partition} offset "
                    f"{entry.origin.offset} any more; run the command again to skip such dead letters",
                    exit_code=ExitCode.KAFKA,
                )
            headers = [
                (name, value.encode() if isinstance(value, str) else value)
                for name, value in header_pairs(message.headers())
            ]
            letters.append(
                replace(letter, raw_key=message.key(), raw_headers=headers, raw_value=message.value()).with_replays(
                    entry.replays
                )
            )
        return letters

    def lock(self) -> None:
        """Lock the store."""
        self._store.lock()

    def mark(self, entries: Sequence[IndexEntry], to: str) -> None:
        """Mark in the store."""
        self._store.mark(entries, to)

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _needs_original(entry: IndexEntry, to: str) -> bool:
    return entry.redacted and (entry.withheld or to == TOPIC)


def _originals(kafka: Kafka, entries: Sequence[IndexEntry]) -> dict[Origin, KafkaMessage]:
    """The original messages of these dead letters that Kafka still has."""
    wanted: dict[str, dict[int, list[int]]] = {}
    origins = {entry.origin for entry in entries}
    for origin in origins:
        wanted.setdefault(origin.topic, {}).setdefault(origin.partition, []).append(origin.offset)
    found: dict[Origin, KafkaMessage] = {}
    for topic, offsets in wanted.items():
        try:
            messages = refetch(kafka.with_topic(topic), offsets)
        except RetryableError as failed:
            raise FatalError(f"the originals of redacted dead letters: {failed}", exit_code=ExitCode.KAFKA) from None
        for message in messages:
            origin = Origin(topic, message.partition() or 0, message.offset() or 0, message.timestamp()[1])
            if origin in origins and not is_redacted(message):
                found[origin] = message
    return found
