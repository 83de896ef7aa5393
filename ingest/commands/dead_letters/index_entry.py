"""Dead letters without their messages: what a filter looks at.

It imports nothing, so that a wrong filter is reported before Arrow and Kafka are loaded.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Origin(NamedTuple):
    """Identifies a message; the timestamp distinguishes the messages of a recreated topic from former ones."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One dead letter without its message.

    `location` is where its store keeps it: (file, byte) or (partition, offset). `written_at` is ISO 8601 in UTC with
    milliseconds, so texts compare as times. `replays` counts how often the message was replayed before. If `redacted`,
    the value has hashes in it; if `withheld`, there is no value at all. `parts` are the indices of the predictions that
    were not delivered, of a message with several; empty if none of it was.
    """

    origin: Origin
    reason: str
    detail: str
    column: str | None
    written_at: str
    replays: int
    location: tuple[int, int]
    replayed_to: str | None = None
    redacted: bool = False
    withheld: bool = False
    parts: tuple[int, ...] = ()
