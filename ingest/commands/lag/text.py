"""Lag as people and programs read it."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime

from rich.table import Table

from ingest.commands.lag.measure import PartitionLag
from ingest.config.sections import Kafka
from ingest.status import formatting, lines


def as_json(kafka: Kafka, rows: Sequence[PartitionLag], at: datetime) -> str:
    """One topic as one JSON object; the names are stable."""
    ages = [row.age_s for row in rows if row.age_s is not None]
    return json.dumps(
        {
            "time": lines.timestamp(at),
            "topic": kafka.topic,
            "group": kafka.group,
            "lag": sum(row.lag for row in rows),
            "oldest_age_s": max(ages, default=None),
            "partitions": [dataclasses.asdict(row) for row in rows],
        },
        ensure_ascii=False,
    )


def as_table(kafka: Kafka, rows: Sequence[PartitionLag]) -> Table:
    """One topic for a terminal."""
    table = Table(title=f"{kafka.topic} (group {kafka.group})", title_justify="left")
    for name in (
        "partition",
        "committed",
        "end",
        "lag",
        "oldest",
        "ahead",
        "acknowledged",
        "dead-lettered",
        "passed over",
    ):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(
            str(row.partition),
            "-" if row.next_offset is None else str(row.next_offset),
            str(row.end_offset),
            formatting.count(row.lag),
            _age(row.age_s),
            formatting.count(row.ahead),
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
        _age(max((row.age_s for row in rows if row.age_s is not None), default=None)),
        formatting.count(sum(row.ahead for row in rows)),
        formatting.count(sum(row.acknowledged for row in rows)),
        formatting.count(sum(row.dead_lettered for row in rows)),
        formatting.count(sum(row.tombstones + row.filtered for row in rows)),
        "",
    )
    return table


def _age(age_s: float | None) -> str:
    return "" if age_s is None else formatting.seconds(age_s)


def _trouble(row: PartitionLag) -> str:
    if row.beyond:
        return "committed past the end: was the topic recreated?"
    if row.expired:
        return f"retention removed {formatting.amount(row.expired, 'offset')} unread"
    if row.lag and row.age_s is None:
        return "the oldest message's age is not known"
    return ""
