"""`--from` and `--until` of `ingest supervise`: which time is delivered, and under which group.

Rules
1. Either of them alone is a backfill too: the other is earliest, or the end of now.
2. A time to come is refused: the run would have to wait for it, and its messages may not be written yet.
3. A backfill has a group of its own. It is named after the live group and the range, so that the same range goes on
   where it was and another range is another group. `--group` names it otherwise; the live group is refused.
4. A relative time is another range whenever it is written; the group's name has the times as resolved, in UTC.
"""

from datetime import UTC, datetime

from ingest.commands.time_argument import milliseconds, parse, usage_error
from ingest.time_range import TimeRange, text_of

EARLIEST, LATEST = "earliest", "latest"


def requested(begin: str | None, until: str | None, now: datetime, *, named_group: bool = False) -> TimeRange:
    """The range of `--from` and `--until`. Raises FatalError (exit code USAGE) for one that can't be delivered."""
    first = parse(begin, "--from", now) if begin is not None else EARLIEST
    last = parse(until, "--until", now) if until is not None else LATEST
    if first == LATEST:
        raise usage_error("--from latest: nothing lies after the end. Name a time, or earliest")
    if last == EARLIEST:
        raise usage_error("--until earliest: nothing lies before the first message. Name a time, or latest")
    from_ms = first if isinstance(first, int) else None
    until_ms = last if isinstance(last, int) else None
    now_ms = milliseconds(now)
    for option, at_ms in (("--from", from_ms), ("--until", until_ms)):
        if at_ms is not None and at_ms > now_ms:
            raise usage_error(
                f"{option}: {text_of(at_ms)} is still to come, it is {text_of(now_ms // 1000 * 1000)} now. A backfill "
                "delivers what is in the log; messages to come are delivered by ingest supervise without --until"
            )
    if from_ms is not None and until_ms is not None and from_ms >= until_ms:
        raise usage_error(
            f"--from {text_of(from_ms)} is not before --until {text_of(until_ms)}: nothing lies between them"
        )
    return TimeRange(from_ms, until_ms, named_group)


def own_group(live: str, named: str | None, span: TimeRange) -> str:
    """The group of a backfill of `span`; `named` is --group. Raises FatalError (exit code USAGE) for the live one."""
    if named is None:
        begin = EARLIEST if span.from_ms is None else _compact(span.from_ms)
        return f"{live}-backfill-{begin}-{LATEST if span.until_ms is None else _compact(span.until_ms)}"
    if named == live:
        raise usage_error(
            f"--group {named} is the live group: a backfill would move its offsets. Omit --group, or name another one"
        )
    return named


def check_together(*, until_end: bool, resume_latest: bool) -> None:
    """Raise FatalError (exit code USAGE) for options that a backfill excludes."""
    if until_end:
        raise usage_error("--until-end can't be combined with --from and --until: use --until latest")
    if resume_latest:
        raise usage_error("--resume-from latest would pass over the messages of the backfill: use account or earliest")


def _compact(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    fraction = f".{at_ms % 1000:03d}" if at_ms % 1000 else ""
    return f"{at:%Y%m%dT%H%M%S}{fraction}Z"
