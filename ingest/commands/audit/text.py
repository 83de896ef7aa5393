"""The audit as people and programs read it."""

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from ingest.commands.audit.topic_audit import OffsetTotals, PartitionAudit, TopicAudit
from ingest.status import formatting, lines

_SAID = {"exact": "exact", "gone": "can't be checked any more", "alarm": "DOES NOT ADD UP"}
_CAUSES = {
    "worker_lost": "a worker was lost",
    "supervisor_lost": "the supervisor was lost",
    "unknown_run": "another run than those in this account",
    "moved_back": "the group was moved back",
}


def as_json(topics: Sequence[TopicAudit], at: datetime) -> dict[str, Any]:
    """All of it as one JSON object; the names are stable."""
    return {
        "time": lines.timestamp(at),
        "exact": not any(topic.alarms for topic in topics),
        "topics": [
            {
                "topic": topic.topic,
                "group": topic.group,
                "findings": [dataclasses.asdict(finding) for finding in topic.findings],
                "partitions": [_partition(partition) for partition in topic.partitions],
            }
            for topic in topics
        ],
    }


def _partition(found: PartitionAudit) -> dict[str, Any]:
    return {
        "partition": found.partition,
        "committed": found.committed,
        "low_offset": found.low_offset,
        "end_offset": found.end_offset,
        "total": None if found.total is None else _sum(found.total),
        "hours": [{"hour": name, **_sum(each)} for name, each in found.hours.items()],
        "possible_duplicates": [
            {
                "first": row.span.first,
                "next_offset": row.span.next_offset,
                "count": row.span.count,
                "cause": row.cause,
                "at": lines.timestamp(row.at),
            }
            for row in found.twice
        ],
    }


def _sum(found: OffsetTotals) -> dict[str, Any]:
    return {
        "first": found.first,
        "next_offset": found.next_offset,
        "consumed": found.counts.total,
        **dataclasses.asdict(found.counts),
        "gap": found.gap,
        "verdict": found.verdict,
    }


def as_table(topic: TopicAudit, *, by_hour: bool) -> Table:
    """One topic for a terminal."""
    table = Table(title=f"{topic.topic} (group {topic.group})", title_justify="left")
    for name in (
        "partition",
        *(["hour"] if by_hour else []),
        "consumed",
        "acknowledged",
        "dead-lettered",
        "tombstones",
        "filtered",
        "from",
        "to",
        "gap",
    ):
        table.add_column(name, justify="right")
    table.add_column("")
    for found in topic.partitions:
        sums = list(found.hours.items()) if by_hour else [("", found.total)]
        for name, each in sums:
            table.add_row(str(found.partition), *([name] if by_hour else []), *_cells(each))
    return table


def _cells(found: OffsetTotals | None) -> list[str]:
    if found is None:
        return [*[""] * 8, "no account"]
    counts = found.counts
    numbers = (counts.total, counts.acknowledged, counts.dead_lettered, counts.tombstones, counts.filtered)
    return [
        *map(formatting.count, numbers),
        str(found.first),
        str(found.next_offset),
        formatting.count(found.gap),
        _SAID[found.verdict],
    ]


def sentences(topic: TopicAudit) -> Iterator[str]:
    """What was found, and what may be at Arize twice."""
    for finding in topic.findings:
        where = "" if finding.partition is None else f"{topic.topic} partition {finding.partition}: "
        yield f"{'ALARM' if finding.level == 'alarm' else 'note '}  {where}{finding.text}"
    for found in topic.partitions:
        for row in found.twice:
            span = row.span
            yield (
                f"twice  {topic.topic} partition {found.partition}: offsets {span.first} to {span.next_offset - 1}, at "
                f"most {formatting.amount(span.count, 'message')} at Arize twice; {_CAUSES[row.cause]} at "
                f"{lines.timestamp(row.at)}"
            )
    yield f"{topic.topic}: does not add up" if topic.alarms else f"{topic.topic}: all of it adds up"
