"""Lag as a table and as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.table import Table

from ingest.commands.lag.measure import PartitionLag
from ingest.config.sections import Kafka
from ingest.status import formatting, lines


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


def as_table(kafka: Kafka, rows: Sequence[PartitionLag]) -> Table:
    """One topic as a table."""
    table = Table(title=f"{kafka.topic} (group {kafka.group})", title_justify="left")
    for name in (
        "partition",
        "committed",
        "end",
        "lag",
        "held back",
        "oldest",
        "settled above",
        "acknowledged",
        "dead-lettered",
        "skipped",
    ):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(
            str(row.partition),
            "-" if row.committed_next_offset is None else str(row.committed_next_offset),
            str(row.end_offset),
            formatting.count(row.lag),
            formatting.count(row.held_back),
            _age(row.oldest_age_s),
            formatting.count(row.settled_above),
            formatting.count(row.acknowledged),
            formatting.count(row.dead_lettered),
            formatting.count(row.tombstones + row.filtered),
            _trouble(row),
        )
    table.add_section()
    table.add_row(
        "all",
        "",
        "",
        formatting.count(sum(row.lag for row in rows)),
        formatting.count(sum(row.held_back for row in rows)),
        _age(max((row.oldest_age_s for row in rows if row.oldest_age_s is not None), default=None)),
        formatting.count(sum(row.settled_above for row in rows)),
        formatting.count(sum(row.acknowledged for row in rows)),
        formatting.count(sum(row.dead_lettered for row in rows)),
        formatting.count(sum(row.tombstones + row.filtered for row in rows)),
        "",
    )
    return table


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
