"""Types of values, and which type a column has.

Rules
1. A column has one of these types: boolean, integer (64 bits), float, string, list of strings. Integers past 2**53 are
   counted apart (`WIDE`), because a float column can't hold them exactly.
2. The values of each type are counted, those of rejected rows too. A column has the type that keeps most of its values:
   an integer column keeps all integers, a float column keeps floats and the integers up to 2**53.
3. A column becomes float only if there is a float. On a tie float wins over integer, because it takes both; else a
   column stays as it is. So one bad message, even the first, can't turn a column against all that follow.
4. Lists of numbers, lists of such lists, and lists of class scores are types only where the schema gives a column that
   role. They hold numbers only: no null, no boolean, and no integer past 2**53, as they become floats.
5. A pinned column always has its type, and a value of another type is a misfit. Counts don't matter there.
6. Nor do they where Arize takes several types for one meaning (`families`): numbers, ids, times.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from ingest.config.column_types import OnConflict
from ingest.reasons import Reason

PLAIN_TYPES = ("boolean", "integer", "float", "string", "list of strings")
STRUCTURED = frozenset({"list of numbers", "list of lists of numbers", "list of class scores"})
WIDE = "integer past 2**53"
PAST_64_BITS = "integer past 64 bits"

EXACT_FLOAT = 2**53  # integers up to it are floats exactly
PAST_INT64 = 2.0**63  # a float of this size may have been written as an integer past 64 bits
Family = Literal["", "numbers", "ids", "times"]
_INT64 = 2**63
_AS_TEXT = 'Send it as a string, or set the column to "text" in [schema.conflicts]'
_NUMBERS = frozenset({"integer", "float"})
_MOST_DIGITS = 64
_NUMBER_IN_TEXT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_PYTHON_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    list: "list of strings",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What the configuration says of a column: its types, and whether every row needs a value in it.

    `pinned` is its one fixed type, "" where the type is learned. `on_conflict` says what becomes of a value that
    doesn't fit. `known` is False if `on_conflict` is all that the configuration says. `family` is that of its values,
    "" where they have none or the type is pinned.
    """

    setting: str
    types: frozenset[str]
    required: bool = False
    pinned: str = ""
    on_conflict: OnConflict = "dead_letter"
    known: bool = True
    family: Family = ""


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of a column: its type, and how many rows had a value of which type, rejected ones included.

    `type_counts` counts integers past 2**53 (`WIDE`) apart from the others: a float column can't hold them.
    """

    type: str
    type_counts: Mapping[str, int]


def type_of_value(value: object, allowed: Collection[str] = PLAIN_TYPES) -> str | None:
    """The type of one JSON value: a column's type, `WIDE`, None for null, or a name for a value that fits no column.

    `allowed` are the types of its column: an empty list has any type of list.
    """
    if value is None:
        return None
    value_type = _PYTHON_TYPES.get(type(value), "object")
    if value_type == "integer":
        number = cast("int", value)
        if -EXACT_FLOAT <= number <= EXACT_FLOAT:
            return value_type
        return WIDE if -_INT64 <= number < _INT64 else PAST_64_BITS
    return _type_of_list(cast("list[object]", value), allowed) if value_type == "list of strings" else value_type


def _type_of_list(items: list[object], allowed: Collection[str]) -> str:
    for column_type in STRUCTURED.intersection(allowed):
        if _FITS[column_type](items):
            return column_type
    return "list of strings" if all(item is None or isinstance(item, str) for item in items) else "list of other values"


def _numbers(items: list[object]) -> bool:
    types = set(map(type, items))
    if not types <= {int, float}:
        return False
    return int not in types or all(-EXACT_FLOAT <= item <= EXACT_FLOAT for item in items if isinstance(item, int))


def _lists_of_numbers(items: list[object]) -> bool:
    return all(isinstance(item, list) and _numbers(item) for item in items)


def _class_scores(items: list[object]) -> bool:
    return all(
        isinstance(item, dict)
        and item.keys() == {"class_name", "score"}
        and isinstance(item["class_name"], str)
        and _numbers([item["score"]])
        for item in items
    )


_FITS: Mapping[str, Callable[[list[object]], bool]] = {
    "list of numbers": _numbers,
    "list of lists of numbers": _lists_of_numbers,
    "list of class scores": _class_scores,
}


def count_kept(type_counts: Mapping[str, int], column_type: str) -> int:
    """The number of values that a column of `column_type` holds exactly; 0 for float if there is no float."""
    own = type_counts.get(column_type, 0)
    if column_type == "integer":
        return own + type_counts.get(WIDE, 0)
    if column_type == "float":
        return own + type_counts.get("integer", 0) if own else 0
    return own


def most_frequent_type(types: Sequence[str | None], column: Column | None, allowed: Collection[str]) -> str | None:
    """The type that keeps most rows, the column's own history included; None when no value has an allowed one."""
    type_counts = Counter(column_type for column_type in types if column_type is not None)
    if column is not None:
        type_counts.update(column.type_counts)
    kept = {column_type: count_kept(type_counts, column_type) for column_type in allowed}
    most = max(kept.values(), default=0)
    best = [column_type for column_type, rows in kept.items() if rows == most and most]
    # On a tie float wins over integer, because it takes both; else the column stays what it is.
    if "float" in best and (column is None or column.type in {"integer", "float"}):
        return "float"
    if column is not None and column.type in best:
        return column.type
    return next((column_type for column_type in types if column_type in best), best[0] if best else None)


def conflict(key: str, own: str | None, column_type: str | None, rule: Rule | None, value: object = None) -> Reason:
    """Why a row can't join its column, and what to set; keys are named, values never. `value` decides about words."""
    if own == PAST_64_BITS:
        return Reason("integer_past_64_bits", f'"{key}" holds {_large_integer(value)}')
    if own == "object":
        return Reason("nested_object", f'"{key}" holds an object; a column is flat')
    if own == "list of other values" and (rule is None or not rule.types & STRUCTURED):
        return Reason("unsupported_list", f'"{key}" holds a list that is not of strings only{_list_hint(key, value)}')
    found = f'"{key}" holds {"an" if str(own).startswith("i") else "a"} {own}'
    where = f" where the column is {column_type}"
    if rule is not None and rule.pinned:
        hint = _number_hint(key, value, {rule.pinned})
        return Reason("type_conflict", f"{found} where [schema.types] says {rule.pinned}{hint}")
    if rule is not None and rule.family == "numbers" and own == WIDE:
        where = ", which no float holds exactly; if all its values are integers, pin it to integer in [schema.types]"
    elif rule is not None and ("integer" if own == WIDE else own) not in rule.types:
        wanted = " or ".join(sorted(rule.types))
        hint = _number_hint(key, value, rule.types)
        return Reason("wrong_type", f"{found}; [schema] {rule.setting} takes {wanted}{hint}")
    else:
        where += _number_hint(key, value, {column_type or ""})
    return Reason("type_conflict", f"{found}{where}")


def _large_integer(value: object) -> str:
    if isinstance(value, int) and _INT64 <= value < 2 * _INT64:
        return (
            "an integer from 2**63 to 2**64-1, which fits 64 bits only without a sign: Arize's integers have one. "
            f"{_AS_TEXT}"
        )
    return f"an integer past 64 bits, which Arize has no type for. {_AS_TEXT}"


def _number_hint(key: str, value: object, wanted: Collection[str]) -> str:
    if isinstance(value, str) and not _NUMBERS.isdisjoint(wanted) and _NUMBER_IN_TEXT.fullmatch(value[:_MOST_DIGITS]):
        return f'; it is a number in text: set [schema.convert] "{key}" = "number"'
    return ""


def _list_hint(key: str, value: object) -> str:
    if key == "schema.fields":
        return ': the envelope of Kafka Connect\'s JsonConverter? Set [format] payload = "payload"'
    if not isinstance(value, list):
        return ""
    if all(isinstance(item, int | float) and not isinstance(item, bool) for item in value):
        return f': of numbers; name a vector in [schema.embeddings], or set [schema.convert] "{key}" = "columns"'
    return f'; as text: [schema.convert] "{key}" = "json"'
