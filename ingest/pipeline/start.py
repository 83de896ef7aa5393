"""Where a partition is read from, and what to do when the log does not hold that offset.

Rules
1. A committed offset is where reading goes on, whatever the configured start says.
2. Without one, `start` decides: the low watermark (earliest) or the end (latest).
3. A committed offset below the low watermark has been overtaken by retention: the lost range is named, and the
   worker stops, unless configured to go on.
4. A committed offset past the end belongs to another life of the topic (recreated, truncated). It is never used, nor
   replaced.
"""

from ingest.config import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.ack import Watermark


def first_offset(kafka: Kafka, committed: Watermark | None, bounds: tuple[int, int] | None) -> tuple[int, str]:
    """The offset to start at, and why: committed, earliest or latest.

    `bounds` are low watermark and end offset, needed where nothing is committed. Raises ValueError without either.
    """
    if committed is not None:
        return committed.next_offset, "committed"
    if bounds is None:
        raise ValueError("neither a committed offset nor the log's bounds are known")
    low, end = bounds
    return (low if kafka.start == "earliest" else end), kafka.start


def after_hole(kafka: Kafka, partition: int, offset: int, bounds: tuple[int, int]) -> int:
    """Where to go on when Kafka says that `offset` is outside the log with these `bounds`.

    Raises FatalError (exit code EXPIRED) with the exact range when messages are lost and `on_expired` is stop, or when
    the topic is not the one that was committed for.
    """
    low, end = bounds
    if offset > end:
        raise FatalError(
            f"topic {kafka.topic} partition {partition} ends at {end}, but group {kafka.group} is at {offset}: the "
            "topic was recreated or truncated. Nothing was read. Check the topic, then move the group with "
            "kafka-consumer-groups --reset-offsets",
            exit_code=ExitCode.EXPIRED,
        )
    if low > offset and kafka.on_expired == "stop":
        raise FatalError(
            f"topic {kafka.topic} partition {partition}: retention removed offsets {offset} to {low - 1} before they "
            'were read. To go on without them set [kafka] on_expired = "continue"',
            exit_code=ExitCode.EXPIRED,
        )
    return max(low, offset)
