"""Where `ingest offsets set` is asked to move a group: one of its options."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ingest.commands.time_argument import parse, usage_error


@dataclass(frozen=True, slots=True)
class Target:
    """Where to move: `number` is the offset, or the time in epoch milliseconds."""

    kind: Literal["earliest", "latest", "offset", "time"]
    number: int = 0


def requested(
    to_time: str | None, to_offset: int | None, *, to_earliest: bool, to_latest: bool, now: datetime
) -> Target:
    """The target of the options. Raises FatalError (exit code USAGE) unless exactly one is given, and is valid."""
    given = sum((to_time is not None, to_offset is not None, to_earliest, to_latest))
    if given != 1:
        raise usage_error("name one of --to-time, --to-offset, --to-earliest and --to-latest")
    if to_offset is not None:
        return Target("offset", to_offset)
    if to_time is None:
        return Target("earliest" if to_earliest else "latest")
    moment = parse(to_time, "--to-time", now)
    return Target("time", moment) if isinstance(moment, int) else Target(moment)
