"""Letters that hold no more than what may leave: what of them can be replayed, and from where.

Rules
1. A redacted letter has hashes in its value, or no value at all. Back to the topic go originals only: hashes would be
   hashed again, and a message without a value would be a tombstone that nobody wrote.
2. Through the pipeline a letter with hashes goes as it is, and nothing is hashed again. One without a value needs its
   original.
3. An original is the message at the letter's topic, partition and offset, if its timestamp is the letter's: a topic may
   have been made anew. One that is gone is not replayed, and stays a dead letter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.commands.dead_letters.letter import Entry, Letter, Origin, Store
from ingest.commands.dead_letters.outcome import TOPIC
from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError, RetryableError
from ingest.pipeline.dead_letters.redact import is_redacted
from ingest.pipeline.kafka.reread import refetch
from ingest.records import KafkaMessage, header_pairs

_LOT = 2_000


@dataclass(frozen=True, slots=True)
class Sorted:
    """`whole` can be replayed as they are or by their originals, `hashed` without hashing again; `gone` can't be."""

    whole: Sequence[Entry]
    hashed: Sequence[Entry]
    gone: int


def sort(kafka: Kafka, entries: Sequence[Entry], to: str) -> Sorted:
    """What can be done with each of `entries`. Raises FatalError (exit code KAFKA) when Kafka can't be asked."""
    wanting = [entry for entry in entries if _needs_original(entry, to)]
    there: set[Origin] = set()
    for first in range(0, len(wanting), _LOT):
        there.update(_originals(kafka, wanting[first : first + _LOT]))
    gone = {entry.origin for entry in wanting} - there
    kept = [entry for entry in entries if entry.origin not in gone]
    return Sorted(
        [entry for entry in kept if not entry.redacted or entry.origin in there],
        [entry for entry in kept if entry.redacted and entry.origin not in there],
        len(gone),
    )


class Originals:
    """A store whose letters are whole: those that need it are read from their own topic."""

    def __init__(self, store: Store, kafka: Kafka, to: str) -> None:
        self._store = store
        self._kafka = kafka
        self._to = to

    @property
    def place(self) -> str:
        """The store's."""
        return self._store.place

    def index(self) -> list[Entry]:
        """The store's."""
        return self._store.index()

    def read(self, entries: Sequence[Entry]) -> list[Letter]:
        """These letters, whole. Raises FatalError (exit code KAFKA) when an original is gone by now."""
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
                    f"{entry.origin.offset} any more; start again to leave such letters out",
                    exit_code=ExitCode.KAFKA,
                )
            headers = [
                (name, value.encode() if isinstance(value, str) else value)
                for name, value in header_pairs(message.headers())
            ]
            letters.append(
                replace(letter, raw_key=message.key(), raw_headers=headers, raw_value=message.value()).replayed(
                    entry.replays
                )
            )
        return letters

    def lock(self) -> None:
        """The store's."""
        self._store.lock()

    def mark(self, entries: Sequence[Entry], to: str) -> None:
        """The store's."""
        self._store.mark(entries, to)

    def close(self) -> None:
        """The store's."""
        self._store.close()


def _needs_original(entry: Entry, to: str) -> bool:
    return entry.redacted and (entry.withheld or to == TOPIC)


def _originals(kafka: Kafka, entries: Sequence[Entry]) -> dict[Origin, KafkaMessage]:
    """The messages that these letters stand for, those that are still there."""
    wanted: dict[str, dict[int, list[int]]] = {}
    origins = {entry.origin for entry in entries}
    for origin in origins:
        wanted.setdefault(origin.topic, {}).setdefault(origin.partition, []).append(origin.offset)
    found: dict[Origin, KafkaMessage] = {}
    for topic, offsets in wanted.items():
        try:
            messages = refetch(kafka.model_copy(update={"topic": topic}), offsets)
        except RetryableError as failed:
            raise FatalError(f"the originals of redacted dead letters: {failed}", exit_code=ExitCode.KAFKA) from None
        for message in messages:
            origin = Origin(topic, message.partition() or 0, message.offset() or 0, message.timestamp()[1])
            if origin in origins and not is_redacted(message):
                found[origin] = message
    return found
