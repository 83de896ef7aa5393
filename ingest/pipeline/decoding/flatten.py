"""Nested objects as flat columns: `{"features": {"age": 3}}` has the column `features.age`.

Rules
1. Every leaf gets its path, joined by dots. Lists are leaves; the column decides about their items.
2. An object without any key holds no value: it is a null under its own path.
3. A path that exists twice in one message (`{"a.b": 1, "a": {"b": 2}}`) is refused: one of the two would be dropped.
4. An empty key is refused at any level, and so is nesting beyond `MAX_DEPTH`: no column could be named after it.

All keys are counted, those of inner objects and within lists too, so that the decoder can find out whether the text had
more (a duplicate key).
"""

from typing import Any

from ingest.errors import DecodeError
from ingest.reasons import Reason

MAX_DEPTH = 32
EMPTY_KEY = Reason("empty_key", "a key is the empty string; Arize takes no unnamed column")
LISTS_TOO_DEEP = Reason("nested_too_deep", f"its lists are nested more than {MAX_DEPTH} levels deep")
_OBJECTS_TOO_DEEP = Reason("nested_too_deep", f"its objects are nested more than {MAX_DEPTH} levels deep")

Row = dict[str, Any]


def flatten(row: Row) -> tuple[Row, int]:
    """The leaves of `row` by path, in order of appearance, and the number of keys in all of it.

    Raises DecodeError with the code ambiguous_key, empty_key or nested_too_deep.
    """
    flat: Row = {}
    keys = _walk(row, "", flat, 1)
    return flat, keys


def _walk(row: Row, prefix: str, flat: Row, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise DecodeError(_OBJECTS_TOO_DEEP)
    keys = len(row)
    for key, value in row.items():
        if not key:
            raise DecodeError(EMPTY_KEY)
        path = prefix + key
        if type(value) is dict and value:
            keys += _walk(value, path + ".", flat, depth + 1)
            continue
        if path in flat:
            detail = f'"{path}" stands twice in it, as a key with a dot and as a nested one'
            raise DecodeError(Reason("ambiguous_key", detail))
        if type(value) is list:
            keys += _count(value, depth)
        flat[path] = None if type(value) is dict else value
    return keys


def _count(values: list[Any], depth: int) -> int:
    """The keys of the objects in a list."""
    if depth > MAX_DEPTH:
        raise DecodeError(LISTS_TOO_DEEP)
    keys = 0
    for value in values:
        if type(value) is dict:
            keys += len(value) + _count(list(value.values()), depth + 1)
        elif type(value) is list:
            keys += _count(value, depth + 1)
    return keys
