"""Parses a TIME on the command line: ISO 8601, a date, epoch seconds or milliseconds, or relative to now.

Rules
1. Without a zone a time is UTC, whatever the zone of this machine: the same command means the same everywhere.
2. `-2h` and `2h` are both two hours ago; units are s, m, h, d, w. `now` is now.
3. A number of 8 digits is a date (20261101). One of 9 to 11 digits is epoch seconds, a longer one epoch milliseconds.
   Shorter numbers are refused: they look like offsets.
4. `earliest` and `latest` are ends of the log, not times.

This module imports nothing heavy, so that a wrong argument is reported quickly.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

from ingest.errors import ExitCode, FatalError

Moment = int | Literal["earliest", "latest"]  # an int is in epoch milliseconds

_AGO = re.compile(r"-?(\d+(?:\.\d+)?)([smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DATE_DIGITS = 8
_MOST_SECOND_DIGITS = 11


def parse(text: str, option: str, now: datetime) -> Moment:
    """The moment that `text` names; `now` has a time zone. Raises FatalError (exit code USAGE), naming `option`."""
    wanted = text.strip()
    match wanted.lower():
        case "earliest":
            return "earliest"
        case "latest":
            return "latest"
        case "now":
            return milliseconds(now)
    try:
        if ago := _AGO.fullmatch(wanted.lower()):
            return milliseconds(now - timedelta(seconds=float(ago[1]) * _UNIT_S[ago[2]]))
        if wanted.isascii() and wanted.isdecimal() and len(wanted) > _DATE_DIGITS:
            return int(wanted) * 1000 if len(wanted) <= _MOST_SECOND_DIGITS else _in_range(int(wanted))
        at = datetime.fromisoformat(wanted)
        return milliseconds(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError, OSError):
        raise usage_error(
            f'{option} "{text}": write a time (2026-11-01, 2026-11-01T03:00, 2026-11-01T03:00+02:00; UTC unless it '
            "has a zone), epoch seconds or milliseconds, a time relative to now (-2h, 7d), earliest or latest"
        ) from None


def milliseconds(at: datetime) -> int:
    """Epoch milliseconds of a time with a zone, rounded down."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _in_range(at_ms: int) -> int:
    datetime.fromtimestamp(at_ms / 1000, UTC)  # raises for a year past 9999
    return at_ms


def usage_error(text: str) -> FatalError:
    """The error for invalid arguments."""
    return FatalError(text, exit_code=ExitCode.USAGE)
