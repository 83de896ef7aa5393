"""Settings of [schema] by column name: pinned types, the handling of conflicts, and the handling of unknown columns.

Rules
1. A name without `*` means that column alone, and takes precedence over wildcards. Of several wildcards the first wins.
2. A wildcard pins features and tags. A column with a role of its own (an id, a score, a vector) is pinned by its exact
   name only; it always has one of the types that Arize takes there.
3. `text` makes a column a string column from the first message on. A pin to another type takes precedence, unless the
   pin is a wildcard's and `text` names the exact column. Both for one exact name are a fault.
4. `null` never applies to the id and the timestamp: without them Arize takes no row. For their exact names it is a
   fault.
"""

from collections.abc import Mapping
from typing import Generic, Literal, TypeVar, get_args

from ingest.config import spellings
from ingest.config.near_names import near
from ingest.config.patterns import matcher

Type = Literal["boolean", "integer", "float", "string", "list of strings"]
OnConflict = Literal["dead_letter", "null", "text"]
Unknown = Literal["send", "ignore", "dead_letter"]

TYPES: tuple[Type, ...] = get_args(Type)
ON_CONFLICT: tuple[OnConflict, ...] = get_args(OnConflict)

_ALSO_CALLED = {
    "bool": "boolean",
    "int": "integer",
    "int64": "integer",
    "long": "integer",
    "double": "float",
    "float64": "float",
    "number": "float",
    "str": "string",
    "text": "string",
    "list": "list of strings",
    "strings": "list of strings",
}
_NOT_HERE = {
    "timestamp": "the timestamp is read from integer, float or string; [schema] timestamp_unit sets how",
    "date": "the timestamp is read from integer, float or string; [schema] timestamp_unit sets how",
    "datetime": "the timestamp is read from integer, float or string; [schema] timestamp_unit sets how",
    "list of numbers": "vectors have their type from [schema.embeddings]",
    "vector": "vectors have their type from [schema.embeddings]",
    "null": "a column of nothing but nulls needs no pin",
}

_T = TypeVar("_T")


def faults(key: str, table: object, known: tuple[str, ...]) -> list[str]:
    """The faults of a table from names to one of the `known` words each, as sentences."""
    if not isinstance(table, Mapping):
        return [f'it is a table of columns: "features.age" = "{known[1]}"']
    found = []
    for name, word in table.items():
        if isinstance(word, Mapping):
            inner = next(iter(word), "age")
            found.append(f'"{name}" is a table; write a dotted name in quotes: "{name}.{inner}" = "{known[1]}"')
        elif not name:
            found.append(f'a name is empty; {key} takes the names of columns, or "*" for all')
        elif word not in known:
            found.append(f'"{name}" = {_shown(word)}: {_hint(word, known)}')
    return found


def in_any_case(table: object, known: tuple[str, ...]) -> object:
    """The table with each of the `known` words as it is spelled there, whatever its case."""
    if not isinstance(table, Mapping):
        return table
    return {name: spellings.word(word, known) if isinstance(word, str) else word for name, word in table.items()}


def _shown(word: object) -> str:
    return f'"{word}"' if isinstance(word, str) else str(word)


def _hint(word: object, known: tuple[str, ...]) -> str:
    text = str(word).lower()
    if known is TYPES and text in _NOT_HERE:
        return f"not a type to pin: {_NOT_HERE[text]}"
    guess = _ALSO_CALLED[text] if known is TYPES and text in _ALSO_CALLED else near(text, known)
    return f"did you mean {guess}?" if guess else f"known: {', '.join(known)}"


class Named(Generic[_T]):
    """Looks up the entry of a table for a column: rule 1."""

    def __init__(self, table: Mapping[str, _T]) -> None:
        self._exact = {name: word for name, word in table.items() if "*" not in name}
        self._wildcards = [(matcher([name]), word) for name, word in table.items() if "*" in name]

    def of(self, column: str) -> tuple[_T | None, bool]:
        """The entry, or None; and True if it names the exact column, False if a wildcard matches it."""
        if (word := self._exact.get(column)) is not None:
            return word, True
        return next((word for pattern, word in self._wildcards if pattern.fullmatch(column)), None), False
