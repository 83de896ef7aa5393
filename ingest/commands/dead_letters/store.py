"""Where dead letters are kept: what the commands need of a store, and the store that is configured."""

from collections.abc import Sequence
from typing import Protocol

from ingest.commands.dead_letters.files import FileStore
from ingest.commands.dead_letters.index_entry import IndexEntry
from ingest.commands.dead_letters.stored import StoredDeadLetter
from ingest.commands.dead_letters.topic import TopicStore
from ingest.config.sections import DeadLetters, Kafka


class Store(Protocol):
    """A place that keeps dead letters and remembers which were replayed."""

    @property
    def name(self) -> str:
        """The store's name in printed text."""
        ...

    def index(self) -> list[IndexEntry]:
        """Every dead letter once, the newest of each message, in the order they were written; replayed ones too."""
        ...

    def read(self, entries: Sequence[IndexEntry]) -> list[StoredDeadLetter]:
        """These dead letters with their messages, in this order."""
        ...

    def lock(self) -> None:
        """Prevent a second replay. Raises FatalError (exit code USAGE) when another one runs."""
        ...

    def mark(self, entries: Sequence[IndexEntry], to: str) -> None:
        """Record durably that these were replayed."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


def open_store(dead_letters: DeadLetters, kafka: Kafka) -> Store:
    """The configured store. Raises ConfigError when the configured directory does not exist."""
    if dead_letters.topic:
        return TopicStore(kafka, dead_letters.topic)
    return FileStore(dead_letters.directory)
