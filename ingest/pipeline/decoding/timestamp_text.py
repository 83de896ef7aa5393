"""Timestamps as text: ISO 8601 and RFC 3339, and how producers write them.

Rules
1. A date, with a time of hours, minutes and seconds as far as they are there: `2026-11-28T10:15:00.5+02:00`,
   `2026-11-28 10:15`, `2026-11-28`, `20261128T101500Z`. `t` and `z` may be small, and blanks may stand around the text
   and before the zone.
2. The zone is `Z`, `UTC`, `GMT` or an offset: `+02:00`, `+0200`, `+02`. An abbreviation (`+0100 CET`) or a name in
   brackets (`Z[UTC]`, `+01:00[Europe/Berlin]`) behind it says nothing more, and is passed over.
3. A text without a zone is local time of the configured zone, UTC by default. A time that comes twice when clocks are
   set back is the first of the two. A time that clocks skip is no time, and is not read.
4. A fraction of a second follows a point or a comma. It is read to the nanosecond; further digits are cut off.
5. A leap second (`23:59:60`) is the second after it, as time since 1970 has none. It ends a month in UTC.
6. Week dates, ordinal dates, `24:00`, years of more than four digits, and what lies outside 1677-2262 are not read.

Theory: Arrow reads plain RFC 3339 (and every text that it takes means the same here), a column at a time if either all
texts have a zone, or none. Only other columns are read text by text.
"""

import contextlib
import re
from datetime import UTC, date, datetime, timedelta, tzinfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_ZONED, _NAIVE = pa.timestamp("ns", tz="UTC"), pa.timestamp("ns")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  a local one
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_S, _MINUTE_NS, _SECOND_NS = 86_400, 60 * 10**9, 10**9
_MOST_NS = 2**63 - 1
_FORM = re.compile(
    r"(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2})"
    r"(?:(?P<colon>:?)(?P<minute>[0-9]{2})(?:(?P=colon)(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?)?"
    r"(?: *(?:(?P<utc>[Zz]|UTC|GMT)"
    r"|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3])(?::?(?P<minutes>[0-5][0-9]))?(?: [A-Z]{3,5})?)"
    r"(?:\[[A-Za-z0-9_+/-]+\])?)?)?"
)


def read_texts(array: pa.Array, zone: tzinfo = UTC) -> tuple[pa.Array, tuple[int, ...]]:
    """A column of strings as timestamps in nanoseconds, and the rows that can't be read, which are null in it."""
    with contextlib.suppress(pa.ArrowInvalid):
        return array.cast(_ZONED), ()
    with contextlib.suppress(pa.ArrowInvalid):
        return _utc(array.cast(_NAIVE), zone)
    found = [None if text is None else instant_ns(text, zone) for text in array.to_pylist()]
    instants = pa.array(found, type=pa.int64())
    unread = np.flatnonzero(instants.is_null().to_numpy(zero_copy_only=False) & _valid(array))
    return instants.cast(_ZONED), tuple(unread.tolist())


def instant_ns(text: str, zone: tzinfo = UTC) -> int | None:
    """The instant that `text` names, in nanoseconds since 1970; None if it can't be read."""
    found = _FORM.fullmatch(text.strip(" \t\r\n"))
    if found is None or (not found["dash"] and found["hour"] is None):
        return None  # eight digits may be a number
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    leap = second == 60
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        local = datetime(day.year, day.month, day.day, hour, minute, second - leap)  # noqa: DTZ001  a local one
    except ValueError:
        return None
    if found["utc"]:
        offset_s: float | None = 0
    elif found["sign"]:
        offset_s = int(found["hours"]) * 3600 + int(found["minutes"] or 0) * 60
        offset_s = -offset_s if found["sign"] == "-" else offset_s
    else:
        offset_s = _offset_s(local, zone)
    if offset_s is None:
        return None
    seconds = (day.toordinal() - _EPOCH_DAY) * _DAY_S + hour * 3600 + minute * 60 + second - round(offset_s)
    if leap and (seconds % _DAY_S or date.fromordinal(seconds // _DAY_S + _EPOCH_DAY).day != 1):
        return None
    instant = seconds * _SECOND_NS + int((found["fraction"] or "")[:9].ljust(9, "0"))
    return instant if -_MOST_NS <= instant <= _MOST_NS else None


def _utc(local: pa.Array, zone: tzinfo) -> tuple[pa.Array, tuple[int, ...]]:
    """Local times as instants, and the rows whose time the zone's clocks skip. Offsets change at full minutes only."""
    if zone is UTC:
        return local.cast(_ZONED), ()
    times: npt.NDArray[np.int64] = local.cast(pa.int64()).fill_null(0).to_numpy()
    minutes, which = np.unique(times // _MINUTE_NS, return_inverse=True)
    offsets = [_offset_s(_EPOCH + timedelta(minutes=minute), zone) for minute in minutes.tolist()]
    offset_ns = np.array([round(offset or 0) * _SECOND_NS for offset in offsets], dtype=np.int64)[which]
    is_time = np.array([offset is not None for offset in offsets], dtype=np.bool_)[which]
    is_time &= np.abs(times) <= _MOST_NS - _DAY_S * _SECOND_NS
    valid = _valid(local)
    instants = pa.array(times - offset_ns, mask=~(is_time & valid))
    return instants.cast(_ZONED), tuple(np.flatnonzero(valid & ~is_time).tolist())


def _offset_s(local: datetime, zone: tzinfo) -> float | None:
    """The offset of `zone` at a local time, the first if it comes twice; None if clocks skip it."""
    offset = local.replace(tzinfo=zone).utcoffset() or timedelta()
    with contextlib.suppress(OverflowError):
        if (local - offset).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) == local:
            return offset.total_seconds()
    return None


def _valid(array: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
