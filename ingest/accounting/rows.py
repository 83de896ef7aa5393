"""The rows of the account file, one line of JSON each.

1. A row's counts are cumulative: all that the group's commits have counted below `next_offset`, bound to it by Kafka in
   one record. So a row that is lost, or never written, is healed by the next one: only the hour may shift.
2. `started` is what Kafka had at the start of a run, `ended` what it had at its orderly end, `committed` what Kafka had
   confirmed in between. `consumed` is the sum of the counts.
3. `possible_duplicates` is a range that may be at Arize twice: every message that is lies in a listed range; `count` is
   the most that may be. `cause` says by what: see `Cause`.
4. `at` is when Kafka's confirmation was heard, or the state was asked for; `hour` is its hour in UTC.
5. Each line ends with the CRC-32 of what stands before: a line that was changed, by a disk or by hand, is told from one
   that is torn.
"""

import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from ingest.records import Counts, Span

Kind = Literal["started", "committed", "ended"]
# A worker was killed or crashed; the former supervisor did not end in order; somebody else has committed since the
# former run's end, and what that left in flight is not known here; somebody has moved the group back.
Cause = Literal["worker_lost", "supervisor_lost", "unknown_run", "moved_back"]


@dataclass(frozen=True, slots=True)
class Key:
    """Whose account it is."""

    topic: str
    group: str
    partition: int


@dataclass(frozen=True, slots=True)
class State:
    """What was committed of a partition at a time, `next_offset` None if nothing. `run` is one start of the supervisor.

    `in_flight` is the most messages that the run may have on their way at once, known at its start. `topic_id` is that
    of the topic whose offset it is, "" where Kafka did not tell. `reads_all`: the run that has started reads all of the
    topic's partitions.
    """

    kind: Kind
    key: Key
    at: datetime
    next_offset: int | None
    counts: Counts
    run: str
    in_flight: int | None = None
    topic_id: str = ""
    reads_all: bool = False


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Messages that may be at Arize twice."""

    key: Key
    at: datetime
    span: Span
    cause: Cause
    run: str


Row = State | Duplicates


def to_line(row: Row) -> str:
    """The row as a line, with its end."""
    fields: dict[str, Any] = {
        "kind": row.kind if isinstance(row, State) else "possible_duplicates",
        "at": row.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "hour": hour(row.at),
        "run": row.run,
        "topic": row.key.topic,
        "group": row.key.group,
        "partition": row.key.partition,
    }
    if isinstance(row, State):
        counts = row.counts
        fields |= {
            "next_offset": row.next_offset,
            "consumed": counts.total,
            "acknowledged": counts.acknowledged,
            "dead_lettered": counts.dead_lettered,
            "tombstones": counts.tombstones,
            "filtered": counts.filtered,
        }
        if row.in_flight is not None:
            fields["in_flight"] = row.in_flight
        if row.topic_id:
            fields["topic_id"] = row.topic_id
        if row.reads_all:
            fields["reads_all"] = True
    else:
        span = row.span
        fields |= {"first": span.first, "next_offset": span.next_offset, "count": span.count, "cause": row.cause}
    text = json.dumps(fields, separators=(",", ":"))
    return f'{text[:-1]},"crc32":"{_checksum(text)}"}}\n'


def of_line(line: str) -> Row | str | None:
    """The row in a line; what is wrong with a line that was changed; None for one that is torn."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    text = line.rstrip("\n")
    try:
        unsigned = text[: text.rindex(',"crc32":')] + "}"
        if fields["crc32"] != _checksum(unsigned):
            return "it was changed: its crc32 is not that of its content"
        return _row(fields)
    except (KeyError, ValueError, TypeError):
        return "it was changed: something of it is missing"


def hour(at: datetime) -> str:
    """The hour of a time in UTC: `2026-07-20T03Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%HZ}"


def _row(fields: dict[str, Any]) -> Row | str:
    key = Key(str(fields["topic"]), str(fields["group"]), int(fields["partition"]))
    at, run, kind = datetime.fromisoformat(fields["at"]), str(fields["run"]), fields["kind"]
    if kind == "possible_duplicates":
        span = Span(key.partition, int(fields["first"]), int(fields["next_offset"]), int(fields["count"]))
        return Duplicates(key, at, span, fields["cause"], run)
    if kind not in get_args(Kind):
        return f"its kind is {kind}, which this version doesn't know"
    counts = Counts(*(int(fields[name]) for name in Counts.__dataclass_fields__))
    if counts.total != fields["consumed"]:
        return (
            f"consumed {fields['consumed']} is not acknowledged {counts.acknowledged} + dead-lettered "
            f"{counts.dead_lettered} + tombstones {counts.tombstones} + filtered {counts.filtered}"
        )
    at_offset = fields["next_offset"]
    next_offset = None if at_offset is None else int(at_offset)
    topic_id, reads_all = str(fields.get("topic_id", "")), bool(fields.get("reads_all"))
    return State(kind, key, at, next_offset, counts, run, fields.get("in_flight"), topic_id, reads_all)


def foreign(before: State, after: State) -> bool:
    """The topic was deleted and created again between them: their offsets have nothing to do with each other."""
    return bool(before.topic_id and after.topic_id and before.topic_id != after.topic_id)


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
