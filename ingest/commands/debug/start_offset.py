"""Where reading starts: resolves `--from` to an offset.

Rules
1. `committed` is where a worker would continue: the group's committed offset, or the configured start without one.
2. `earliest` is the low watermark, `latest` the end offset. A number is an offset in the log, or the end offset.
3. A time selects the first message at or after it, by the messages' own timestamps, and the end if there is none.
4. --commit requires that reading starts exactly where a worker would start: later, the commit would skip messages that
   were never sent; earlier, it would rewind the group.
"""

from dataclasses import dataclass

from ingest.commands.debug.requested_start import RequestedStart, usage_error
from ingest.config.sections import Kafka


@dataclass(frozen=True, slots=True)
class StartOffset:
    """The offset to read from, and the reason."""

    offset: int
    reason: str


def resolve(
    wanted: RequestedStart, kafka: Kafka, partition: int, *, worker: int, bounds: tuple[int, int], at_time: int | None
) -> StartOffset:
    """The offset for `wanted`.

    `worker` is where a worker would start, `bounds` are low watermark and end, `at_time` is the offset of the first
    message at or after a wanted time, None past the last. Raises FatalError (exit code USAGE) for an offset outside
    the log.
    """
    low, end = bounds
    match wanted.kind:
        case "committed":
            return StartOffset(worker, "where a worker would continue")
        case "earliest":
            return StartOffset(low, "the earliest message")
        case "latest":
            return StartOffset(end, "the end")
        case "offset":
            if not low <= wanted.number <= end:
                raise usage_error(
                    f"--from {wanted.number}: topic {kafka.topic} partition {partition} "
                    + (f"holds offsets {low} to {end - 1}" if low < end else f"is empty at offset {end}")
                    + "; use one of them, or earliest, latest or committed"
                )
            return StartOffset(wanted.number, "the requested offset")
        case "time":
            if at_time is None:
                return StartOffset(end, f"the end, because no message is from {wanted.text} or later")
            return StartOffset(at_time, f"the first message from {wanted.text} or later")


def check_commit(start: int, worker: int, group: str) -> None:
    """Rule 4. Raises FatalError (exit code USAGE) when `start` is not where a worker of `group` would start."""
    if start == worker:
        return
    if start > worker:
        danger = f"committing would skip offsets {worker} to {start - 1}, which were never sent"
    else:
        danger = "committing would rewind the group, or commit the same offsets again"
    raise usage_error(
        f"--commit: reading would start at offset {start}, but a worker of group {group} would continue at {worker}: "
        f"{danger}. Use --from committed, or omit --commit"
    )
