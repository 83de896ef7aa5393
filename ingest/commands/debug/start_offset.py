"""Where reading starts: parses `--from` and resolves it to an offset.

Rules
1. `committed` is where a worker would continue: the group's committed offset, or the configured start without one.
2. `earliest` is the low watermark, `latest` the end offset. A number is an offset in the log, or the end offset.
3. Anything else is a time: ISO 8601, or relative to now (`-90s`, `-15m`, `-2h`, `-1d`). Without a zone it is local
   time. It selects the first message at or after it, by the messages' own timestamps, and the end if there is none.
4. --commit requires that reading starts exactly where a worker would start: later, the commit would skip messages that
   were never sent; earlier, it would rewind the group.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError

_BACK = re.compile(r"-(\d+(?:\.\d+)?)([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class RequestedStart:
    """The value of `--from`: `number` is the offset, or the time in epoch milliseconds; `text` is the time as text."""

    kind: Literal["committed", "earliest", "latest", "offset", "time"]
    number: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class StartOffset:
    """The offset to read from, and the reason."""

    offset: int
    reason: str


def parse(text: str, now: datetime, local: Callable[[datetime], datetime] = datetime.astimezone) -> RequestedStart:
    """Parse `--from`. `now` has a time zone; `local` gives a naive time the local zone.

    Raises FatalError (exit code USAGE) for text that has none of the forms.
    """
    wanted = text.strip()
    match wanted.lower():
        case "committed":
            return RequestedStart("committed")
        case "earliest":
            return RequestedStart("earliest")
        case "latest":
            return RequestedStart("latest")
    if wanted.isdecimal() and wanted.isascii():
        return RequestedStart("offset", int(wanted))
    try:
        if back := _BACK.fullmatch(wanted):
            at = now - timedelta(seconds=float(back[1]) * _UNIT_S[back[2]])
            return _time(at, f"{wanted.removeprefix('-')} ago")
        at = datetime.fromisoformat(wanted)
        return _time(at, "") if at.tzinfo is not None else _time(local(at), "local time")
    except (ValueError, OverflowError):
        raise usage_error(
            f'--from "{text}": write committed, earliest, latest, an offset, a time (2026-07-20T03:00, '
            "2026-07-20T03:00Z) or a time relative to now (-90s, -15m, -2h, -1d)"
        ) from None


def _time(at: datetime, how: str) -> RequestedStart:
    text = at.isoformat(sep=" ", timespec="milliseconds")
    return RequestedStart("time", round(at.timestamp() * 1000), f"{text} ({how})" if how else text)


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


def usage_error(text: str) -> FatalError:
    """The error for invalid arguments."""
    return FatalError(text, exit_code=ExitCode.USAGE)
