"""The audit as a table and sentences, and as JSON."""

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from ingest.commands.audit.topic_audit import OffsetTotals, PartitionAudit, TopicAudit
from ingest.status import formatting, lines
from ingest.status.fitted_table import fitted
from ingest.status.live.columns import Column

WIDTH = 150  # characters of a table in a file or a pipe

_STATUS = {"exact": "exact", "unverifiable": "can't be verified any more", "mismatch": "DOES NOT ADD UP"}
_CAUSES = {
    "worker_lost": "a worker was lost",
    "supervisor_lost": "the supervisor was lost",
    "unknown_run": "a run that is not in this account",
    "moved_back": "the group was moved back",
}


def as_json(topics: Sequence[TopicAudit], at: datetime) -> dict[str, Any]:
    """The audit of all topics as one JSON object; the field names are stable."""
    return {
        "time": lines.timestamp(at),
        "exact": not any(topic.alarms for topic in topics),
        "verified": not any(topic.alarms or topic.unverified for topic in topics),
        "topics": [
            {
                "topic": topic.topic,
                "group": topic.group,
                "dead_letters": None if topic.dead_letters is None else dataclasses.asdict(topic.dead_letters),
                "findings": [dataclasses.asdict(finding) for finding in topic.findings],
                "partitions": [_partition(partition) for partition in topic.partitions],
            }
            for topic in topics
        ],
    }


def _partition(found: PartitionAudit) -> dict[str, Any]:
    return {
        "partition": found.partition,
        "committed_next_offset": found.committed_next_offset,
        "low_offset": found.low_offset,
        "stable_offset": found.stable_offset,
        "end_offset": found.end_offset,
        "total": None if found.total is None else _totals(found.total),
        "hours": [{"hour": name, **_totals(each)} for name, each in found.hours.items()],
        "possible_duplicates": [
            {
                "first_offset": row.span.first,
                "next_offset": row.span.next_offset,
                "count": row.span.count,
                "cause": row.cause,
                "at": lines.timestamp(row.at),
            }
            for row in found.possible_duplicates
        ],
    }


def _totals(found: OffsetTotals) -> dict[str, Any]:
    return {
        "first_offset": found.first_offset,
        "next_offset": found.next_offset,
        "consumed": found.counts.total,
        **dataclasses.asdict(found.counts),
        "gap": found.gap,
        "status": found.status,
    }


def as_table(topic: TopicAudit, *, by_hour: bool, width: int = WIDTH) -> Table:
    """One topic as a table of `width` cells."""
    rows = [
        (str(found.partition), name, each)
        for found in topic.partitions
        for name, each in (list(found.hours.items()) if by_hour else [("", found.total)])
    ]
    cells = [_cells(each) for _, _, each in rows]

    def column(heading: str, keep: int, index: int) -> Column:
        return Column(heading, tuple(row[index] for row in cells), keep)

    status = tuple(row[-1] for row in cells)
    columns = [
        Column("partition", tuple(partition for partition, _, _ in rows), 20),
        Column("hour", tuple(hour for _, hour, _ in rows), 19),
        column("consumed", 16, 0),
        column("acknowledged", 15, 1),
        column("dead-lettered", 14, 2),
        column("tombstones", 5, 3),
        column("filtered", 6, 4),
        column("from", 8, 5),
        column("to", 9, 6),
        column("gap", 17, 7),
        Column("", status, 18, left=True, least=min(24, max(map(len, status), default=0)), prose=True),
    ]
    return fitted(f"{topic.topic} (group {topic.group})", columns, width, total=False)


def _cells(found: OffsetTotals | None) -> list[str]:
    if found is None:
        return [*[""] * 8, "no account"]
    counts = found.counts
    numbers = (counts.total, counts.acknowledged, counts.dead_lettered, counts.tombstones, counts.filtered)
    return [
        *map(formatting.count, numbers),
        str(found.first_offset),
        str(found.next_offset),
        formatting.count(found.gap),
        _STATUS[found.status],
    ]


def sentences(topic: TopicAudit) -> Iterator[str]:
    """The findings, the messages that Arize may hold twice, and whether the topic adds up."""
    for finding in topic.findings:
        where = "" if finding.partition is None else f"{topic.topic} partition {finding.partition}: "
        yield f"{'ALARM' if finding.level == 'alarm' else 'note '}  {where}{finding.text}"
    for found in topic.partitions:
        for row in found.possible_duplicates:
            span = row.span
            yield (
                f"twice  {topic.topic} partition {found.partition}: of offsets {span.first} to {span.next_offset - 1}, "
                f"Arize may hold up to {formatting.amount(span.count, 'message')} twice; {_CAUSES[row.cause]} at "
                f"{lines.timestamp(row.at)}"
            )
    if (letters := topic.dead_letters) is not None:
        checked = (
            f"{formatting.amount(letters.counted, 'dead letter')} counted, {formatting.count(letters.stored)} found"
        )
        yield f"{topic.topic}: {checked} in {letters.store}"
        if letters.unchecked:
            partitions = formatting.partitions(letters.unchecked)
            yield f"note   dead letters of partitions {partitions} can't be compared: the account lacks its beginning"
    yield f"{topic.topic}: {_conclusion(topic)}"


def _conclusion(topic: TopicAudit) -> str:
    if topic.alarms:
        return "does not add up"
    if not topic.unverified:
        return "everything adds up"
    which = formatting.names("partition", [formatting.partitions(topic.unverified)])
    return f"nothing contradicts, but not everything of {which} can be verified: see the table"
