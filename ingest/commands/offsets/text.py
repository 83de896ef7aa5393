"""The offsets of a group, and the preview of a move, for people and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from ingest.commands.lag.measure import PartitionLag
from ingest.commands.offsets.moves import PartitionMove
from ingest.config.sections import Kafka
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.status import formatting, lines
from ingest.time_range import text_of


def shown_json(
    kafka: Kafka, rows: Sequence[PartitionLag], committed: Mapping[int, Checkpoint | None], at: datetime
) -> str:
    """One topic as one JSON object; the field names are stable."""
    partitions = [_row(row, committed[row.partition]) for row in rows]
    return json.dumps(
        {"time": lines.timestamp(at), "topic": kafka.topic, "group": kafka.group, "partitions": partitions},
        ensure_ascii=False,
    )


def _row(row: PartitionLag, mark: Checkpoint | None) -> dict[str, Any]:
    return {
        "partition": row.partition,
        "next_offset": row.committed_next_offset,
        "settled_above": row.settled_above,
        "ranges_above": [
            {
                "first": each.first,
                "next_offset": each.next_offset,
                "messages": each.counts.total,
                "open_routes": sorted(each.open),
            }
            for each in (() if mark is None else mark.ranges)
        ],
        "topic_id": "" if mark is None else mark.topic_id,
        "low_offset": row.low_offset,
        "stable_offset": row.stable_offset,
        "end_offset": row.end_offset,
        "lag": row.lag,
        "position_timestamp_ms": row.oldest_timestamp_ms,
        "position_age_s": row.oldest_age_s,
        "commit_invalid": row.commit_invalid,
    }


def shown_table(kafka: Kafka, rows: Sequence[PartitionLag], committed: Mapping[int, Checkpoint | None]) -> Table:
    """One topic as a table."""
    table = Table(title=f"{kafka.topic} (group {kafka.group})", title_justify="left")
    names = ("partition", "committed", "settled above", "low", "stable end", "end", "lag", "next message", "age")
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("")
    for row in rows:
        mark = committed[row.partition]
        table.add_row(
            str(row.partition),
            "-" if row.committed_next_offset is None else str(row.committed_next_offset),
            _ranges(row, mark),
            str(row.low_offset),
            str(row.stable_offset),
            str(row.end_offset),
            formatting.count(row.lag),
            "" if row.oldest_timestamp_ms is None else text_of(row.oldest_timestamp_ms),
            "" if row.oldest_age_s is None else formatting.seconds(row.oldest_age_s),
            "of another topic, or past the end" if row.commit_invalid else "",
        )
    return table


def _ranges(row: PartitionLag, mark: Checkpoint | None) -> str:
    if mark is None or not mark.ranges:
        return "0"
    ranges = formatting.amount(len(mark.ranges), "range")
    return f"{formatting.count(row.settled_above)} in {ranges} to {mark.ranges[-1].next_offset - 1}"


def preview(kafka: Kafka, moves: Sequence[PartitionMove]) -> Iterator[str]:
    """What a move changes, a line for each partition, and the sum."""
    yield f"group {kafka.group} on topic {kafka.topic}:"
    for move in moves:
        yield f"  partition {move.partition}: {_of(move)}"
    again = sum(move.again for move in moves)
    passed_over = sum(move.passed_over for move in moves)
    if again:
        yield (
            f"{formatting.amount(again, 'offset')} will be delivered again: Arize counts a prediction that comes twice "
            "as two"
        )
    if passed_over:
        yield f"{formatting.amount(passed_over, 'offset')} will be passed over: their messages are not delivered"


def _of(move: PartitionMove) -> str:
    before = "no commit" if move.before is None else str(move.before.next_offset)
    to = move.after.next_offset
    if not move.changes:
        return f"{before}, stays"
    text = f"{before} -> {to}"
    if move.again:
        text += f", delivers {formatting.amount(move.again, 'offset')} again ({to} to {move.begin - 1})"
    if move.passed_over:
        first = max(move.begin, move.low)
        text += f", passes over {formatting.amount(move.passed_over, 'offset')} ({first} to {to - 1})"
    if move.settled_passed_over:
        text += f", of which {formatting.amount(move.settled_passed_over, 'message')} are settled already"
    if move.settled_again:
        text += f"; {formatting.amount(move.settled_again, 'message')} settled above {before} are delivered again too"
    return text
