"""Zones of time by the name that the configuration gives them: an IANA name, or a fixed offset from UTC."""

import re
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from ingest.config.near_names import near

_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9])", re.ASCII)


def zone(name: str) -> tzinfo:
    """The zone called `name`: "UTC", "Europe/Berlin", "+02:00". Raises ValueError.

    The names are those of the operating system's time zone database, else of the package tzdata, which pandas requires.
    """
    if name in ("UTC", "Z"):
        return UTC
    if (found := _OFFSET.fullmatch(name)) is not None:
        offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
        return timezone(-offset if found["sign"] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a directory of zones, a path out of them, an unknown name
        guess = near(name, sorted(available_timezones()))
        hint = f"; did you mean {guess}?" if guess else ""
        raise ValueError(f'"{name}" is no zone: name one as "Europe/Berlin", or an offset as "+02:00"{hint}') from None
