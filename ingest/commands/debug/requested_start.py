"""Parses `--from`: committed, earliest, latest, an offset, or a time.

A time is ISO 8601, or relative to now (`-90s`, `-15m`, `-2h`, `-1d`). Without a zone it is local time. This module
imports nothing heavy, so that a wrong argument is reported quickly.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ingest.errors import ExitCode, FatalError

_BACK = re.compile(r"-(\d+(?:\.\d+)?)([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class RequestedStart:
    """The value of `--from`: `number` is the offset, or the time in epoch milliseconds; `text` is the time as text."""

    kind: Literal["committed", "earliest", "latest", "offset", "time"]
    number: int = 0
    text: str = ""


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


def check_together(*, send: bool = False, commit: bool = False, json: bool = False, debugger: bool = False) -> None:
    """Raise FatalError (exit code USAGE) for options of `ingest debug` that exclude or need each other."""
    if commit and not send:
        raise usage_error(
            "--commit requires --send: committing messages that were not sent would lose them. To skip bad messages, "
            "use --send --commit: they become dead letters"
        )
    if json and debugger:
        raise usage_error("--json and --pdb can't be combined: the debugger does not print JSON")


def usage_error(text: str) -> FatalError:
    """The error for invalid arguments."""
    return FatalError(text, exit_code=ExitCode.USAGE)
