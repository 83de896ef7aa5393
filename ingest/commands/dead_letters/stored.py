"""Dead letters as they are read back from a store: the index entry of each, and the message when it is needed."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ingest.commands.dead_letters.index_entry import IndexEntry, Origin
from ingest.pipeline.dead_letters import topic as names
from ingest.pipeline.dead_letters.redact import REDACTED
from ingest.pipeline.formats.part_numbers import PARTS, as_text, from_text
from ingest.records import KafkaMessage, header_pairs

REPLAYED = "ingest.replayed"  # the header of a message that counts its replays

# Details name the column first: `"age" holds a string ...`, `no value in "id", which ...`.
_COLUMN = re.compile(r'(?:no value in )?"([^"]+)"')
_MOST_REPLAYS_DIGITS = 6


@dataclass(frozen=True, slots=True)
class ReplayMark:
    """Records a replay, to the pipeline or to the topic. It applies to dead letters written up to `at`."""

    origin: Origin
    to: str
    at: str


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A dead letter with its message. It has the methods of a Kafka message and can be used as one."""

    entry: IndexEntry
    raw_key: bytes | None
    raw_headers: Sequence[tuple[str, bytes | None]]
    raw_value: bytes | None

    def topic(self) -> str:
        """The topic that the message was first read from."""
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
        """The message's own headers, and the one that names the predictions to be delivered, if it is not all."""
        if not self.entry.parts:
            return self.raw_headers
        return [*self.raw_headers, (PARTS, as_text(self.entry.parts).encode())]

    def timestamp(self) -> tuple[int, int]:
        """As in librdkafka: TIMESTAMP_CREATE_TIME and milliseconds, or TIMESTAMP_NOT_AVAILABLE and -1."""
        known = self.entry.origin.timestamp_ms
        return (1, known) if known >= 0 else (0, -1)

    def replayed_again(self) -> "StoredDeadLetter":
        """A copy whose headers count one more replay."""
        return self.with_replays(self.entry.replays + 1)

    def with_replays(self, times: int) -> "StoredDeadLetter":
        """A copy whose headers count `times` replays; 0 removes the header."""
        kept = [(name, value) for name, value in self.raw_headers if name != REPLAYED]
        return replace(self, raw_headers=[*kept, *([(REPLAYED, str(times).encode())] if times else [])])


def newest(entries: Sequence[IndexEntry], marks: Sequence[ReplayMark]) -> list[IndexEntry]:
    """One entry per message, the one written last. Those that a mark applies to have `replayed_to` set."""
    latest: dict[Origin, IndexEntry] = {}
    for entry in entries:
        known = latest.get(entry.origin)
        if known is None or entry.written_at >= known.written_at:
            latest[entry.origin] = entry
    last_mark: dict[Origin, ReplayMark] = {}
    for mark in marks:
        if mark.origin not in last_mark or mark.at >= last_mark[mark.origin].at:
            last_mark[mark.origin] = mark
    found = []
    for origin, entry in latest.items():
        replay = last_mark.get(origin)
        applies = replay is not None and replay.at >= entry.written_at
        found.append(replace(entry, replayed_to=replay.to) if replay is not None and applies else entry)
    return sorted(found, key=lambda entry: (entry.written_at, entry.location))


def from_line(line: bytes, location: tuple[int, int]) -> StoredDeadLetter | None:
    """The dead letter in one line of a file; None for another kind of line, or an incomplete one."""
    try:
        record = json.loads(line)
        headers = [(str(name), _header(value)) for name, value in record["headers"]]
        entry = IndexEntry(
            origin=Origin(
                str(record["topic"]), int(record["partition"]), int(record["offset"]), int(record["timestamp_ms"])
            ),
            reason=str(record["reason"]),
            detail=str(record["detail"]),
            column=_column_at_fault(record.get("column"), record["reason"], record["detail"]),
            written_at=str(record["written_at"]),
            replays=_replays(headers),
            location=location,
            redacted=_is_redacted(headers),
            withheld=_is_redacted(headers) and _raw(record, "value") is None,
            parts=from_text(str(record.get("parts", ""))),
        )
        return StoredDeadLetter(entry, _raw(record, "key"), headers, _raw(record, "value"))
    except (ValueError, KeyError, TypeError):
        return None


def from_message(message: KafkaMessage) -> StoredDeadLetter | ReplayMark | None:
    """The dead letter or mark in one message of a dead-letter topic; None for any other message."""
    headers = [(name, _bytes(value)) for name, value in header_pairs(message.headers())]
    provenance = {
        name: (value or b"").decode(errors="replace") for name, value in headers if name.startswith(names.PREFIX)
    }
    try:
        origin = Origin(
            provenance[names.TOPIC],
            int(provenance[names.PARTITION]),
            int(provenance[names.OFFSET]),
            int(provenance[names.TIMESTAMP_MS]),
        )
        if names.REPLAYED_TO in provenance:
            return ReplayMark(origin, provenance[names.REPLAYED_TO], provenance[names.WRITTEN_AT])
        own = [(name, value) for name, value in headers if name not in names.PROVENANCE]
        entry = IndexEntry(
            origin=origin,
            reason=provenance[names.REASON],
            detail=provenance[names.DETAIL],
            column=_column_at_fault(provenance.get(names.COLUMN), provenance[names.REASON], provenance[names.DETAIL]),
            written_at=provenance[names.WRITTEN_AT],
            replays=_replays(own),
            location=(cast("int", message.partition()), cast("int", message.offset())),
            redacted=_is_redacted(own),
            withheld=_is_redacted(own) and message.value() is None,
            parts=from_text(provenance.get(PARTS, "")),
        )
    except (KeyError, ValueError):
        return None
    return StoredDeadLetter(entry, message.key(), own, message.value())


def _column_at_fault(column: object, reason: object, detail: object) -> str | None:
    if column is not None:
        return str(column)
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
