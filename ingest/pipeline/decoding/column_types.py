"""Kinds of values, and which kind a column has.

Rules
1. A kind is what a column can hold: boolean, integer (64 bits), float, string, list of strings. Integers past 2**53
   are told apart (`WIDE`), because a float column can't hold them exactly.
2. Every value seen has a vote, those of rejected rows too. A column has the kind that keeps most of them: an integer
   column keeps all integers, a float column keeps floats and the integers up to 2**53.
3. A column becomes float only if there is a float. On a tie float wins over integer, because it takes both; else a
   column stays what it is. So one bad message, even the first, can't turn a column against all that follow.
4. Lists of numbers, lists of them, and lists of class scores are kinds only where the schema gives a column that
   meaning. Nothing but numbers stands in them: no null, no boolean, and no integer past 2**53, as they become floats.
5. A pinned column has its kind whatever its values are; they are measured against it. Votes don't count there.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ingest.config.column_types import OnConflict
from ingest.reasons import Reason

KINDS = ("boolean", "integer", "float", "string", "list of strings")
STRUCTURED = frozenset({"list of numbers", "list of lists of numbers", "list of class scores"})
WIDE = "integer past 2**53"
PAST_64_BITS = "integer past 64 bits"

_EXACT_FLOAT = 2**53
_INT64 = 2**63
_PYTHON_KINDS: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    list: "list of strings",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What the configuration says of a column: its kinds, and whether a row may lack it.

    `pinned` is the one kind it has for good, "" where that is learned. `on_conflict` says what becomes of a value that
    doesn't fit. `known` is False if all that is said is what a conflict does.
    """

    setting: str
    kinds: frozenset[str]
    required: bool = False
    pinned: str = ""
    on_conflict: OnConflict = "dead_letter"
    known: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of a column: its kind, and how many rows had a value of which kind, rejected ones included.

    `votes` tells integers past 2**53 (`WIDE`) from the others: float could not hold them.
    """

    kind: str
    votes: Mapping[str, int]


def kind_of(value: object, allowed: Collection[str] = KINDS) -> str | None:
    """The kind of one JSON value: that of a column, a wide integer, None for null, or a name for what has no place.

    `allowed` are the kinds of its column: an empty list is of any kind of list.
    """
    if value is None:
        return None
    kind = _PYTHON_KINDS.get(type(value), "object")
    if kind == "integer":
        number = cast("int", value)
        if -_EXACT_FLOAT <= number <= _EXACT_FLOAT:
            return kind
        return WIDE if -_INT64 <= number < _INT64 else PAST_64_BITS
    return _kind_of_list(cast("list[object]", value), allowed) if kind == "list of strings" else kind


def _kind_of_list(items: list[object], allowed: Collection[str]) -> str:
    for kind in STRUCTURED.intersection(allowed):
        if _FITS[kind](items):
            return kind
    return "list of strings" if all(item is None or isinstance(item, str) for item in items) else "list of other values"


def _numbers(items: list[object]) -> bool:
    types = set(map(type, items))
    if not types <= {int, float}:
        return False
    return int not in types or all(-_EXACT_FLOAT <= item <= _EXACT_FLOAT for item in items if isinstance(item, int))


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


def keeps(votes: Mapping[str, int], kind: str) -> int:
    """How many values a column of `kind` holds exactly; a column is float only if there is a float at all."""
    own = votes.get(kind, 0)
    if kind == "integer":
        return own + votes.get(WIDE, 0)
    if kind == "float":
        return own + votes.get("integer", 0) if own else 0
    return own


def winner(kinds: Sequence[str | None], column: Column | None, allowed: Collection[str]) -> str | None:
    """The kind that keeps most rows, the column's own history included; None when no value has an allowed one."""
    votes = Counter(kind for kind in kinds if kind is not None)
    if column is not None:
        votes.update(column.votes)
    kept = {kind: keeps(votes, kind) for kind in allowed}
    best = max(kept.values(), default=0)
    winners = [kind for kind, rows in kept.items() if rows == best and best]
    # On a tie float wins over integer, because it takes both; else the column stays what it is.
    if "float" in winners and (column is None or column.kind in {"integer", "float"}):
        return "float"
    if column is not None and column.kind in winners:
        return column.kind
    return next((kind for kind in kinds if kind in winners), winners[0] if winners else None)


def conflict(key: str, own: str | None, kind: str | None, rule: Rule | None) -> Reason:
    """Why a row can't join its column; keys are named, values never."""
    if own == PAST_64_BITS:
        return Reason("integer_past_64_bits", f'"{key}" holds an integer past 64 bits, which Arize has no type for')
    if own == "object":
        return Reason("nested_object", f'"{key}" holds an object; a column is flat')
    if own == "list of other values" and (rule is None or not rule.kinds & STRUCTURED):
        return Reason("unsupported_list", f'"{key}" holds a list that is not of strings only')
    found = f'"{key}" holds {"an" if str(own).startswith("i") else "a"} {own}'
    if rule is not None and rule.pinned:
        return Reason("type_conflict", f"{found} where [schema.types] says {rule.pinned}")
    if rule is not None and ("integer" if own == WIDE else own) not in rule.kinds:
        wanted = " or ".join(sorted(rule.kinds))
        return Reason("wrong_type", f"{found}; [schema] {rule.setting} takes {wanted}")
    return Reason("type_conflict", f"{found} where the column is {kind}")
