"""What a backfill reports before it starts: how many offsets of each partition it will read.

The offsets that are left count from the group's commits, where it has some. Offsets have gaps, so there may be fewer
messages.
"""

from collections.abc import Iterator

from ingest.pipeline.kafka.time_range import OffsetRange
from ingest.status import formatting
from ingest.supervisor.plan import TopicPlan
from ingest.time_range import TimeRange, text_of

_MOST_LISTED = 64


def notices(plan: TopicPlan, span: TimeRange) -> Iterator[str]:
    """The sentences of one topic."""
    starts = plan.start_offsets()
    left = {partition: max(found.next_offset - starts[partition], 0) for partition, found in plan.ranges.items()}
    total = formatting.amount(sum(left.values()), "offset")
    partitions = formatting.amount(len(left), "partition")
    yield f"backfill of {plan.topic}, {span}, as group {plan.settings.kafka.group}: {total} of {partitions}"
    yield f"to go on with it after a stop: {span.options()} --group {plan.settings.kafka.group}"
    rows = [_row(partition, found, starts[partition], left[partition]) for partition, found in plan.ranges.items()]
    yield from rows[:_MOST_LISTED]
    if len(rows) > _MOST_LISTED:
        yield f"and {len(rows) - _MOST_LISTED:,} partitions more"
    for partition, found in plan.ranges.items():
        if found.removed:
            begins = f" with a message of {text_of(found.log_begins_ms)}" if found.log_begins_ms is not None else ""
            yield (
                f"partition {partition}: the log begins at offset {found.first}{begins}. Up to "
                f"{formatting.amount(found.removed, 'offset')} before it were removed (retention, or deleted records); "
                f"those of {span} among them are gone"
            )


def _row(partition: int, found: OffsetRange, start: int, left: int) -> str:
    if not found.offsets:
        return f"partition {partition}: nothing"
    where = f"partition {partition}: offsets {found.first} to {found.next_offset - 1}"
    if start > found.first:
        return f"{where}, {formatting.amount(left, 'offset')} left from the committed offset {start} on"
    return f"{where}, {formatting.amount(left, 'offset')}"
