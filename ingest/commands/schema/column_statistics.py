"""What was seen of each column of a sample: kinds of values, nulls, ranges, lengths, and which type keeps most of it.

Rules
1. Values are looked at as a worker would: flattened, renamed, without the excluded ones, hashed.
2. A column's type is the one that keeps most of its values, of those that Arize and the configuration allow there.
   Nulls have no say. A column of nulls only, or without an allowed type, has none.
3. At most `MOST_COLUMNS` columns are told apart, the first ones that come; keys may be data. The others are counted.
4. Few values of each column are kept: to recognise what it means, and as examples where they are asked for.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.decoding.column_types import PAST_64_BITS, PAST_INT64, PLAIN_TYPES, Rule, count_kept, type_of_value
from ingest.pipeline.decoding.learned_schema import LearnedSchema
from ingest.pipeline.decoding.parse import Parsed
from ingest.pipeline.decoding.raw_text import RawText

MOST_COLUMNS = 10_000
MOST_DISTINCT = 1_000
EXAMPLES = 3
# On a tie float wins over integer, because it takes both.
_ORDER = ("float", "integer", "boolean", "string", "list of strings")


@dataclass(slots=True)
class ColumnStatistics:
    """One column.

    `votes` counts its values by kind; `low` and `high` are of numbers, `shortest` and `longest` of strings (characters)
    and lists (items). `distinct` holds up to `MOST_DISTINCT` values that aren't lists.
    """

    votes: Counter[str] = field(default_factory=Counter)
    low: float | None = None
    high: float | None = None
    shortest: int | None = None
    longest: int | None = None
    distinct: dict[Any, None] = field(default_factory=dict)
    lists: list[Any] = field(default_factory=list)

    @property
    def values(self) -> int:
        """How many messages have a value."""
        return self.votes.total()

    def add(self, value: Any, kind: str) -> None:
        """One value that is not null."""
        self.votes[kind] += 1
        if type(value) in (int, float):
            self.low = value if self.low is None else min(self.low, value)
            self.high = value if self.high is None else max(self.high, value)
        elif isinstance(value, str | list):
            size = len(value)
            self.shortest = size if self.shortest is None else min(self.shortest, size)
            self.longest = size if self.longest is None else max(self.longest, size)
        if not isinstance(value, list):
            if len(self.distinct) < MOST_DISTINCT:
                self.distinct[value] = None
        elif len(self.lists) < EXAMPLES:
            self.lists.append(value)

    def examples(self) -> list[Any]:
        """A few values."""
        return [*list(self.distinct)[:EXAMPLES], *self.lists][:EXAMPLES]

    def type_under(self, rule: Rule | None) -> str | None:
        """The type that keeps most values, None where no allowed one keeps any."""
        if rule is not None and rule.pinned:
            return rule.pinned
        allowed = [kind for kind in _ORDER if rule is None or kind in rule.types]
        best = max(allowed, key=lambda kind: count_kept(self.votes, kind), default=None)
        return best if best is not None and count_kept(self.votes, best) else None

    def misfits(self, kind: str, rule: Rule | None) -> int:
        """How many values a column of this type can't hold."""
        if rule is not None and rule.on_conflict == "text":
            return 0
        kept = count_kept(self.votes, kind)
        if kind == "float" and not self.votes["float"]:
            kept = self.votes["integer"]  # pinned to float without having any
        return self.values - kept


class Observed:
    """The columns of a sample under their names, in order of appearance, and what no row could be made of."""

    def __init__(self, contract: LearnedSchema) -> None:
        self._contract = contract
        self.columns: dict[str, ColumnStatistics] = {}
        self.rows = 0
        self.more_columns: set[str] = set()

    def add(self, parsed: Parsed) -> None:
        """The messages of one chunk; those that are no objects don't count."""
        self.rows += len(parsed.rows)
        source = RawText(lambda row: parsed.values[parsed.indices[row]] or b"")
        for index, row in enumerate(parsed.rows):
            for key, value in row.items():
                if value is not None and key:
                    self._add(key, value, source, index)

    def _add(self, key: str, value: Any, source: RawText, index: int) -> None:
        contract = self._contract
        name = contract.renamer.column_of(key)
        if name is None:
            return
        column = self.columns.get(name)
        if column is None:
            if len(self.columns) >= MOST_COLUMNS:
                if len(self.more_columns) < MOST_COLUMNS:
                    self.more_columns.add(name)
                return
            column = self.columns[name] = ColumnStatistics()
        if contract.privacy.replaces(key):
            column.add(contract.privacy.digest(value), "string")
            return
        rule = contract.rules.get(name)
        kind = type_of_value(value, PLAIN_TYPES if rule is None else rule.types) or "object"
        if kind == "float" and abs(value) >= PAST_INT64 and _is_past_64_bits(source, index, key):
            kind = PAST_64_BITS
        column.add(value, kind)


def _is_past_64_bits(source: RawText, index: int, key: str) -> bool:
    try:
        return key in source.past_64_bits(index)
    except DecodeError:
        return True  # what can't be looked into is refused by the worker, too


def share(part: int, whole: int) -> str:
    """A percentage that is 0% or 100% only when it is exactly that."""
    if part in (0, whole) or not whole:
        return "100%" if part and part == whole else "0%"
    return f"{min(max(part / whole, 0.0001), 0.9999):.2%}"


def kinds(votes: Counter[str]) -> str:
    """The kinds of a column's values with their shares, most first."""
    whole = votes.total()
    parts: Sequence[tuple[str, int]] = votes.most_common()
    if len(parts) == 1:
        return parts[0][0]
    return ", ".join(f"{kind} {share(number, whole)}" for kind, number in parts)
