"""Topics as lines and as JSON."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from ingest.pipeline.kafka.topic_list import TopicListing
from ingest.status import formatting, lines

_UNKNOWN = "?"
_HEAD = ("", "topic", "partitions", "offsets", "retention", "newest", "commits")


def as_json(topics: Sequence[TopicListing], brokers: str, group: str, configured: Sequence[str], at: datetime) -> str:
    """One object; the field names are stable."""
    return json.dumps(
        {
            "time": lines.timestamp(at),
            "brokers": brokers,
            "group": group,
            "topics": [{**dataclasses.asdict(topic), "configured": topic.name in configured} for topic in topics],
        },
        ensure_ascii=False,
    )


def as_lines(topics: Sequence[TopicListing], group: str, configured: Sequence[str], now: float) -> Iterator[str]:
    """A table with a line for each topic; `now` in seconds since the epoch."""
    rows = [_HEAD, *(_row(topic, configured, now) for topic in topics)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        mark, name, *numbers = row
        right = "  ".join(f"{text:>{width}}" for text, width in zip(numbers, widths[2:], strict=True))
        yield f"{mark:{widths[0]}}{' ' if widths[0] else ''}{name:{widths[1]}}  {right}".rstrip()
    if not topics:
        yield "no topics that this user may see"
    if any(topic.name in configured for topic in topics):
        yield f"* configured; commits are those of group {group}"


def _row(topic: TopicListing, configured: Sequence[str], now: float) -> tuple[str, ...]:
    return (
        "*" if topic.name in configured else "",
        topic.name,
        formatting.count(topic.partitions),
        _UNKNOWN if topic.offsets is None else formatting.count(topic.offsets),
        _retention(topic),
        _newest(topic, now),
        _UNKNOWN if topic.committed_partitions is None else formatting.count(topic.committed_partitions),
    )


def _retention(topic: TopicListing) -> str:
    if topic.cleanup_policy is not None and "delete" not in topic.cleanup_policy:
        return "compacted"
    if topic.retention_ms is None:
        return _UNKNOWN
    parts = ["unlimited" if topic.retention_ms < 0 else formatting.seconds(topic.retention_ms / 1000)]
    if topic.retention_bytes is not None and topic.retention_bytes >= 0:
        parts.append(f"{formatting.size(topic.retention_bytes)} each")
    return ", ".join(parts)


def _newest(topic: TopicListing, now: float) -> str:
    if topic.newest_timestamp_ms is None:
        return "-" if topic.offsets == 0 else _UNKNOWN
    age_s = now - topic.newest_timestamp_ms / 1000
    return f"{formatting.seconds(age_s)} ago" if age_s >= 0 else f"in {formatting.seconds(-age_s)}"
