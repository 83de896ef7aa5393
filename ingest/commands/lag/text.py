"""Lag as a table and as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.table import Table

from ingest.commands.lag.measure import PartitionLag
from ingest.config.sections import Kafka
from ingest.status import formatting, lines
from ingest.status.fitted_table import fitted
from ingest.status.live.columns import Column

WIDTH = 160  # characters of a table in a file or a pipe


def as_json(kafka: Kafka, rows: Sequence[PartitionLag], at: datetime) -> str:
    """One topic as one JSON object; the field names are stable."""
    ages = [row.oldest_age_s for row in rows if row.oldest_age_s is not None]
    return json.dumps(
        {
            "time": lines.timestamp(at),
            "topic": kafka.topic,
            "group": kafka.group,
            "lag": sum(row.lag for row in rows),
            "held_back": sum(row.held_back for row in rows),
            "oldest_age_s": max(ages, default=None),
            "partitions": [dataclasses.asdict(row) for row in rows],
        },
        ensure_ascii=False,
    )


def as_table(kafka: Kafka, rows: Sequence[PartitionLag], width: int = WIDTH) -> Table:
    """One topic as a table of `width` cells."""
    count = formatting.count
    oldest = max((row.oldest_age_s for row in rows if row.oldest_age_s is not None), default=None)

    def column(heading: str, keep: int, cells: Sequence[str], every: str = "") -> Column:
        return Column(heading, (*cells, every), keep)

    def sums(heading: str, keep: int, numbers: Sequence[int]) -> Column:
        return column(heading, keep, [count(number) for number in numbers], count(sum(numbers)))

    held_back = [row.held_back for row in rows]
    trouble = tuple(_trouble(row) for row in rows)
    columns = [
        column("partition", 20, [str(row.partition) for row in rows], "all"),
        column("committed", 9, [_offset(row.committed_next_offset) for row in rows]),
        column("end", 8, [str(row.end_offset) for row in rows]),
        sums("lag", 19, [row.lag for row in rows]),
        sums("held back", 14 if any(held_back) else 4, held_back),
        column("oldest", 18, [_age(row.oldest_age_s) for row in rows], _age(oldest)),
        sums("settled above", 3, [row.settled_above for row in rows]),
        sums("acknowledged", 7, [row.acknowledged for row in rows]),
        sums("dead-lettered", 10, [row.dead_lettered for row in rows]),
        sums("skipped", 5, [row.tombstones + row.filtered for row in rows]),
        Column("", (*trouble, ""), 17, left=True, least=24, prose=True),
    ]
    return fitted(f"{kafka.topic} (group {kafka.group})", columns, width, total=True)


def _offset(offset: int | None) -> str:
    return "-" if offset is None else str(offset)


def _age(age_s: float | None) -> str:
    return "" if age_s is None else formatting.seconds(age_s)


def _trouble(row: PartitionLag) -> str:
    found = []
    if row.commit_invalid:
        found.append("the committed offset is of another topic or past the end: was the topic recreated?")
    if row.expired_offsets:
        removed = formatting.amount(row.expired_offsets, "offset")
        found.append(f"{removed} removed from the log before the commit")
    if row.held_back:
        found.append(f"open transaction{_since(row)}")
    if row.no_message:
        found.append("no message in the lag")
    elif row.lag > row.held_back and row.oldest_age_s is None:
        found.append("the age of the oldest message is unknown")
    return "; ".join(found)


def _since(row: PartitionLag) -> str:
    if row.held_back_since_ms is None:
        return ""
    at = datetime.fromtimestamp(row.held_back_since_ms / 1000, UTC)
    return f", first message {at:%Y-%m-%d %H:%M:%SZ}"
