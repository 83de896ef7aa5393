"""The spellings of values that everybody writes: what a key takes besides the value itself, from every source.

Rules
1. The key's type and the unit in its name decide: `*_s` takes a duration ("10s", "500ms", "1m30s"), `*_bytes` a size
   ("64MB" is 64,000,000 bytes, "64MiB" 64 * 2^20), a list a text with commas, a word of a fixed set any case, hyphens
   for underscores, and the SDK's own spelling (`ModelTypes.SCORE_CATEGORICAL`).
2. `brokers` and `partitions` are texts with commas: they take lists too. A name or a version may be a number.
3. What is none of these is passed on as it is: pydantic judges it, and its fault is told.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

DURATION = 'a duration such as "10s", "500ms" or "5m"'
SIZE = 'a size such as "64MB" or "64MiB"'
DURATION_PATTERN = r"^\s*([0-9]+(\.[0-9]+)?\s*[A-Za-zµ]*\s*)+$"
SIZE_PATTERN = r"^\s*[0-9]+(\.[0-9]+)?\s*([kKmMgGtT]?[iI]?[bB]?|[bB]ytes)\s*$"

_JOINED = frozenset({"brokers", "partitions"})
_NUMBERED = frozenset({"partitions", "model_version", "model_name", "batch_id"})
_ALSO_CALLED = {
    "timestamp_unit": {
        "seconds": "s",
        "second": "s",
        "milliseconds": "ms",
        "millisecond": "ms",
        "millis": "ms",
        "microseconds": "us",
        "microsecond": "us",
        "micros": "us",
        "nanoseconds": "ns",
        "nanosecond": "ns",
        "nanos": "ns",
        "iso": "iso8601",
        "iso_8601": "iso8601",
    }
}

_UNITS_S = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("us", "µs", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
_UNITS_BYTES = {"": 1, "b": 1, "byte": 1, "bytes": 1}
for _power, _letter in enumerate("kmgt", start=1):
    _UNITS_BYTES |= {_letter: 1000**_power, f"{_letter}b": 1000**_power}
    _UNITS_BYTES |= {f"{_letter}i": 1024**_power, f"{_letter}ib": 1024**_power}

_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ]*)")


class Spelling(Enum):
    """What a key takes besides its own type."""

    DURATION = auto()
    SIZE = auto()
    WORD = auto()
    LIST = auto()
    JOINED = auto()
    NUMBER_AS_TEXT = auto()
    PLAIN = auto()


def spelling(name: str, info: FieldInfo) -> Spelling:
    """The spelling that the key `name` takes: rules 1 and 2."""
    kinds = members(info.annotation)
    if words(info.annotation):
        found = Spelling.WORD
    elif any(get_origin(kind) is tuple for kind in kinds):
        found = Spelling.LIST
    elif name.endswith("_s") and float in kinds:
        found = Spelling.DURATION
    elif name.endswith("_bytes") and int in kinds:
        found = Spelling.SIZE
    elif name in _JOINED and str in kinds:
        found = Spelling.JOINED
    elif name in _NUMBERED and str in kinds:
        found = Spelling.NUMBER_AS_TEXT
    else:
        found = Spelling.PLAIN
    return found


def is_text(name: str) -> bool:
    """Whether a number that is written for this key is meant as it is written: 1.10 is not 1.1."""
    return name in _NUMBERED


def members(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation allows, without None and without their metadata."""
    if get_origin(annotation) in (Literal, tuple, dict) or isinstance(annotation, type):
        return () if annotation is NoneType else (annotation,)
    if hasattr(annotation, "__metadata__"):
        return members(annotation.__origin__)
    return tuple(each for argument in get_args(annotation) for each in members(argument)) or (annotation,)


def words(annotation: Any) -> tuple[str, ...]:
    """The words of a fixed set, () if the annotation is not one."""
    (kind, *others) = members(annotation) or (None,)
    return get_args(kind) if get_origin(kind) is Literal and not others else ()


def as_written(model: type[BaseModel], name: str, value: Any) -> Any:
    """The value that `value` spells for this key. Raises `ValueError` for a text that spells none."""
    kind, known = _kind(model, name)
    found = value
    if isinstance(value, str):
        if kind is Spelling.DURATION:
            found = seconds(value)
        elif kind is Spelling.SIZE:
            found = size(value)
        elif kind is Spelling.WORD:
            found = word(value, known, _ALSO_CALLED.get(name, {}))
        elif kind is Spelling.LIST:
            found = items(value)
    elif kind is Spelling.JOINED and isinstance(value, list | tuple):
        parts = [str(each).strip() for each in value if _is_number(each) or isinstance(each, str)]
        found = ",".join(parts) if len(parts) == len(value) else value
    elif name in _NUMBERED and _is_number(value):
        found = str(value)
    return found


def seconds(text: str) -> float:
    """The seconds of a duration: "10s", "1m30s", "500 ms", "2.5". Raises `ValueError`."""
    return _sum(text, _UNITS_S, f"a number is expected, or {DURATION}")


def size(text: str) -> int:
    """The bytes of a size: "64MB" (10^6), "64MiB" (2^20), "1.5GiB", "1000". Raises `ValueError`."""
    fault = f"a whole number is expected, or {SIZE}"
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or found[2].lower() not in _UNITS_BYTES:
        raise ValueError(fault)
    count = float(found[1]) * _UNITS_BYTES[found[2].lower()]
    if count != int(count):
        raise ValueError(fault)
    return int(found[1]) * _UNITS_BYTES[found[2].lower()] if found[1].isdigit() else int(count)


def items(value: Any) -> Any:
    """A list: a text is split at its commas."""
    return tuple(each for part in value.split(",") if (each := part.strip())) if isinstance(value, str) else value


def word(text: str, known: tuple[str, ...], also_called: Mapping[str, str] | None = None) -> str:
    """The word of `known` that `text` spells in another case or as the SDK does; else `text`."""
    if text in known:
        return text
    plain = text.strip().rsplit(".", 1)[-1].lower().replace("-", "_").replace(" ", "_")
    by_plain = {each.lower().replace(" ", "_"): each for each in known} | dict(also_called or {})
    return by_plain.get(plain, text)


def also_called(name: str) -> tuple[str, ...]:
    """Other words that a key with a fixed set of words takes."""
    return tuple(_ALSO_CALLED.get(name, ()))


def is_path(info: FieldInfo) -> bool:
    """Whether the key names a file or a directory."""
    return Path in members(info.annotation)


@cache
def _kind(model: type[BaseModel], name: str) -> tuple[Spelling, tuple[str, ...]]:
    info = model.model_fields[name]
    return spelling(info.alias or name, info), words(info.annotation)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sum(text: str, units: Mapping[str, float], fault: str) -> float:
    text, at, total = text.strip(), 0, 0.0
    while at < len(text):
        found = _QUANTITY.match(text, at)
        if found is None or found[2].lower() not in units:
            raise ValueError(fault)
        if not found[2] and found.end() - at != len(text):  # "1 30": a number without a unit stands alone
            raise ValueError(fault)
        total += float(found[1]) * units[found[2].lower()]
        at = found.end()
    if not text:
        raise ValueError(fault)
    return round(total, 9)
