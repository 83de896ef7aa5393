"""Dead letters as they are read back: what is known of each, and the message itself when it is asked for."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, cast

from ingest.pipeline.dead_letters import topic as names
from ingest.pipeline.dead_letters.redact import REDACTED
from ingest.records import KafkaMessage, header_pairs

REPLAYED = "ingest.replayed"  # a message's header: how often it was replayed

# Reasons name the column first: `"age" holds a string ...`, `no value in "id", which ...`.
_COLUMN = re.compile(r'(?:no value in )?"([^"]+)"')
_MOST_REPLAYS_DIGITS = 6


class Origin(NamedTuple):
    """Which message it is. The timestamp tells a recreated topic's messages from those before."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index knows of one dead letter.

    `place` is where its store keeps it: (file, byte) or (partition, offset). `written_at` is ISO 8601 in UTC with
    milliseconds, so texts compare as times. `replays` counts how often the message was replayed before. A
    `redacted` one has hashes in its value, or, if `withheld`, has none.
    """

    origin: Origin
    reason: str
    detail: str
    column: str | None
    written_at: str
    replays: int
    place: tuple[int, int]
    replayed_to: str | None = None
    redacted: bool = False
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A letter that was replayed: to the pipeline or to the topic. It settles what was written up to `at`."""

    origin: Origin
    to: str
    at: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter with its message; usable wherever a Kafka message is."""

    entry: Entry
    raw_key: bytes | None
    raw_headers: Sequence[tuple[str, bytes | None]]
    raw_value: bytes | None

    def topic(self) -> str:
        """The topic it was read from first."""
        return self.entry.origin.topic

    def partition(self) -> int:
        """Its partition there."""
        return self.entry.origin.partition

    def offset(self) -> int:
        """Its offset there."""
        return self.entry.origin.offset

    def value(self) -> bytes | None:
        """The message's own value."""
        return self.raw_value

    def key(self) -> bytes | None:
        """The message's own key."""
        return self.raw_key

    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """The message's own headers."""
        return self.raw_headers

    def timestamp(self) -> tuple[int, int]:
        """As librdkafka gives it: TIMESTAMP_CREATE_TIME and milliseconds, or TIMESTAMP_NOT_AVAILABLE and -1."""
        known = self.entry.origin.timestamp_ms
        return (1, known) if known >= 0 else (0, -1)

    def replayed_again(self) -> "Letter":
        """The same, with one more replay counted in its headers."""
        return self.replayed(self.entry.replays + 1)

    def replayed(self, times: int) -> "Letter":
        """The same, with so many replays counted in its headers."""
        kept = [(name, value) for name, value in self.raw_headers if name != REPLAYED]
        return replace(self, raw_headers=[*kept, *([(REPLAYED, str(times).encode())] if times else [])])


class Store(Protocol):
    """Where dead letters are kept, as the commands see it."""

    @property
    def place(self) -> str:
        """Its name for people."""
        ...

    def index(self) -> list[Entry]:
        """Every dead letter once, the newest of each message, in the order they were written; replayed ones too."""
        ...

    def read(self, entries: Sequence[Entry]) -> list[Letter]:
        """These letters with their messages, in this order."""
        ...

    def lock(self) -> None:
        """Before a replay: no other may run. Raises FatalError (exit code USAGE) when one does."""
        ...

    def mark(self, entries: Sequence[Entry], to: str) -> None:
        """Remember durably that these were replayed."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def newest(entries: Sequence[Entry], marks: Sequence[Mark]) -> list[Entry]:
    """One entry a message, the one written last; those that a mark settles say where they were replayed to."""
    latest: dict[Origin, Entry] = {}
    for entry in entries:
        known = latest.get(entry.origin)
        if known is None or entry.written_at >= known.written_at:
            latest[entry.origin] = entry
    settled: dict[Origin, Mark] = {}
    for mark in marks:
        if mark.origin not in settled or mark.at >= settled[mark.origin].at:
            settled[mark.origin] = mark
    found = []
    for origin, entry in latest.items():
        mark_of = settled.get(origin)
        done = mark_of is not None and mark_of.at >= entry.written_at
        found.append(replace(entry, replayed_to=mark_of.to) if mark_of is not None and done else entry)
    return sorted(found, key=lambda entry: (entry.written_at, entry.place))


def of_line(line: bytes, place: tuple[int, int]) -> Letter | None:
    """The letter in one line of a dead-letter file; None for a line that is none, or torn."""
    try:
        record = json.loads(line)
        headers = [(str(name), _header(value)) for name, value in record["headers"]]
        entry = Entry(
            origin=Origin(
                str(record["topic"]), int(record["partition"]), int(record["offset"]), int(record["timestamp_ms"])
            ),
            reason=str(record["reason"]),
            detail=str(record["detail"]),
            column=_column(record.get("column"), record["reason"], record["detail"]),
            written_at=str(record["written_at"]),
            replays=_replays(headers),
            place=place,
            redacted=_is_redacted(headers),
            withheld=_is_redacted(headers) and _raw(record, "value") is None,
        )
        return Letter(entry, _raw(record, "key"), headers, _raw(record, "value"))
    except (ValueError, KeyError, TypeError):
        return None


def of_message(message: KafkaMessage) -> Letter | Mark | None:
    """The letter or mark in one message of a dead-letter topic; None for a message that is neither."""
    headers = [(name, _bytes(value)) for name, value in header_pairs(message.headers())]
    said = {name: (value or b"").decode(errors="replace") for name, value in headers if name.startswith(names.PREFIX)}
    try:
        origin = Origin(
            said[names.TOPIC], int(said[names.PARTITION]), int(said[names.OFFSET]), int(said[names.TIMESTAMP_MS])
        )
        if names.REPLAYED_TO in said:
            return Mark(origin, said[names.REPLAYED_TO], said[names.WRITTEN_AT])
        own = [(name, value) for name, value in headers if name not in names.PROVENANCE]
        entry = Entry(
            origin=origin,
            reason=said[names.REASON],
            detail=said[names.DETAIL],
            column=_column(said.get(names.COLUMN), said[names.REASON], said[names.DETAIL]),
            written_at=said[names.WRITTEN_AT],
            replays=_replays(own),
            place=(cast("int", message.partition()), cast("int", message.offset())),
            redacted=_is_redacted(own),
            withheld=_is_redacted(own) and message.value() is None,
        )
    except (KeyError, ValueError):
        return None
    return Letter(entry, message.key(), own, message.value())


def _column(said: object, reason: object, detail: object) -> str | None:
    if said is not None:
        return str(said)
    if str(reason).startswith(("rejected_", "not_")):
        return None  # these quote Arize or the parser
    match = _COLUMN.match(str(detail))
    return match[1] if match else None


def _replays(headers: Sequence[tuple[str, bytes | None]]) -> int:
    counts = [value for name, value in headers if name == REPLAYED and value]
    return int(counts[-1]) if counts and counts[-1].isdigit() and len(counts[-1]) <= _MOST_REPLAYS_DIGITS else 0


def _is_redacted(headers: Sequence[tuple[str, bytes | None]]) -> bool:
    return any(name == REDACTED for name, _ in headers)


def _raw(record: Mapping[str, Any], name: str) -> bytes | None:
    coded = record.get(f"{name}_base64")
    if coded is not None:
        return base64.b64decode(coded, validate=True)
    return _bytes(record[name])


def _header(value: Any) -> bytes | None:
    return base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else _bytes(value)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
