"""The rows of the account file, one line of JSON each.

1. A row's counts are cumulative: they cover everything that the group's commits have counted below `next_offset`, and
   Kafka stores them with the offset in one record. A lost row delays the account but loses no counts: the next row has
   them, and only their hour may shift.
2. A `started` row is what Kafka had at the start of a run, an `ended` row what it had at the orderly end, a `committed`
   row what Kafka confirmed in between. `consumed` is the sum of the counts. `ingest offsets set` writes a `before_move`
   row of what Kafka had, and a `moved` row of what it has since, both with the same `run`.
3. A `possible_duplicates` row is a range of offsets. Each message that Arize may have twice lies in such a range;
   `count` is the most that may be. `cause` is one of `Cause`.
4. `at` is when Kafka's confirmation arrived, or when Kafka was asked; `hour` is its hour in UTC.
5. Each line ends with the CRC-32 of the text before it, so that a line that a disk or a person changed differs from one
   that is torn.
"""

import json
import zlib
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from ingest.records import Counts, Span

Kind = Literal["started", "committed", "ended", "before_move", "moved"]
# A worker was killed or crashed; the supervisor before did not end in order; somebody else has committed since the end
# of the run before, and what was in flight then is not known here; somebody has moved the group back.
Cause = Literal["worker_lost", "supervisor_lost", "unknown_run", "moved_back"]


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """The partition of a topic, as one consumer group reads it."""

    topic: str
    group: str
    partition: int


@dataclass(frozen=True, slots=True)
class CommittedState:
    """What was committed of a partition at a time; `next_offset` is None if nothing was.

    `run` identifies one start of the supervisor. `in_flight` is the most messages of the partition that the run may
    have in flight, known at its start. `topic_id` is the id of the topic that the offset belongs to, "" if Kafka did
    not report one. `reads_all`: the run that has started reads all partitions of the topic.
    """

    kind: Kind
    key: PartitionKey
    at: datetime
    next_offset: int | None
    counts: Counts
    run: str
    in_flight: int | None = None
    topic_id: str = ""
    reads_all: bool = False


@dataclass(frozen=True, slots=True)
class PossibleDuplicates:
    """A range of offsets with messages that Arize may have twice."""

    key: PartitionKey
    at: datetime
    span: Span
    cause: Cause
    run: str


Row = CommittedState | PossibleDuplicates


def to_line(row: Row) -> str:
    """The row as a line, with its line end."""
    content: dict[str, Any] = {
        "kind": row.kind if isinstance(row, CommittedState) else "possible_duplicates",
        "at": row.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "hour": hour(row.at),
        "run": row.run,
        "topic": row.key.topic,
        "group": row.key.group,
        "partition": row.key.partition,
    }
    if isinstance(row, CommittedState):
        content |= {"next_offset": row.next_offset, "consumed": row.counts.total, **asdict(row.counts)}
        if row.in_flight is not None:
            content["in_flight"] = row.in_flight
        if row.topic_id:
            content["topic_id"] = row.topic_id
        if row.reads_all:
            content["reads_all"] = True
    else:
        span = row.span
        content |= {"first": span.first, "next_offset": span.next_offset, "count": span.count, "cause": row.cause}
    text = json.dumps(content, separators=(",", ":"))
    return f'{text[:-1]},"crc32":"{_checksum(text)}"}}\n'


def from_line(line: str) -> Row | str | None:
    """The row in a line; the fault, as text, if the line was changed; None if it is torn."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    text = line.rstrip("\n")
    try:
        unsigned = text[: text.rindex(',"crc32":')] + "}"
        if content["crc32"] != _checksum(unsigned):
            return "it was changed: its crc32 is not that of its content"
        return _row(content)
    except (KeyError, ValueError, TypeError):
        return "it was changed: something of it is missing"


def hour(at: datetime) -> str:
    """The hour of a time in UTC: `2026-07-20T03Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%HZ}"


def recreated_between(before: CommittedState, after: CommittedState) -> bool:
    """Whether the topic was deleted and created again between them: then their offsets can't be compared."""
    return bool(before.topic_id and after.topic_id and before.topic_id != after.topic_id)


def _row(content: dict[str, Any]) -> Row | str:
    key = PartitionKey(str(content["topic"]), str(content["group"]), int(content["partition"]))
    at, run, kind = datetime.fromisoformat(content["at"]), str(content["run"]), content["kind"]
    if kind == "possible_duplicates":
        span = Span(key.partition, int(content["first"]), int(content["next_offset"]), int(content["count"]))
        return PossibleDuplicates(key, at, span, content["cause"], run)
    if kind not in get_args(Kind):
        return f"its kind is {kind}, which this version doesn't know"
    # A count that this version has added is missing in the lines of earlier ones; `consumed` covers all of them.
    counts = Counts(**{each.name: int(content.get(each.name, 0)) for each in fields(Counts)})
    if counts.total != content["consumed"]:
        summands = " + ".join(f"{name.replace('_', '-')} {count}" for name, count in asdict(counts).items())
        return f"consumed {content['consumed']} is not {summands}"
    at_offset = content["next_offset"]
    next_offset = None if at_offset is None else int(at_offset)
    topic_id, reads_all = str(content.get("topic_id", "")), bool(content.get("reads_all"))
    return CommittedState(kind, key, at, next_offset, counts, run, content.get("in_flight"), topic_id, reads_all)


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
