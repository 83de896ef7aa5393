"""Statistics of each column in a sample: types of values, nulls, ranges, lengths, and the type that fits most values.

Rules
1. Values are taken as a worker takes them: flattened, renamed, without excluded ones, hashed.
2. A column's type is the one that keeps most of its values, among those that Arize and the configuration allow there.
   Nulls don't count. A column that has only nulls, or no allowed type, has no type.
3. At most `MOST_COLUMNS` columns have statistics, the first to appear, because keys may be data. Others are counted.
4. Few values of each column are kept: to detect its role, and as examples if they are asked for.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.errors import DecodeError
from ingest.pipeline.decoding.column_types import KINDS, PAST_64_BITS, Rule, keeps, kind_of
from ingest.pipeline.decoding.learned_schema import LearnedSchema
from ingest.pipeline.decoding.parse import Parsed
from ingest.pipeline.decoding.raw_text import RawText

MOST_COLUMNS = 10_000
MOST_DISTINCT = 1_000
EXAMPLES = 3
_PAST_INT64 = 2.0**63
# On a tie float is preferred to integer, because it holds both.
_ORDER = ("float", "integer", "boolean", "string", "list of strings")


@dataclass(slots=True)
class ColumnStatistics:
    """One column.

    `type_counts` counts its values by type; `low` and `high` are of numbers, `shortest` and `longest` of strings
    (characters) and lists (items). `distinct` holds up to `MOST_DISTINCT` values that aren't lists.
    """

    type_counts: Counter[str] = field(default_factory=Counter)
    low: float | None = None
    high: float | None = None
    shortest: int | None = None
    longest: int | None = None
    distinct: dict[Any, None] = field(default_factory=dict)
    lists: list[Any] = field(default_factory=list)

    @property
    def values(self) -> int:
        """The number of messages that have a value."""
        return self.type_counts.total()

    def add(self, value: Any, kind: str) -> None:
        """Add one value that is not null."""
        self.type_counts[kind] += 1
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
        """Up to `EXAMPLES` values."""
        return [*list(self.distinct)[:EXAMPLES], *self.lists][:EXAMPLES]

    def type_for(self, rule: Rule | None) -> str | None:
        """The type that keeps most values; None if no allowed type keeps any."""
        if rule is not None and rule.pinned:
            return rule.pinned
        allowed = [kind for kind in _ORDER if rule is None or kind in rule.kinds]
        best = max(allowed, key=lambda kind: keeps(self.type_counts, kind), default=None)
        return best if best is not None and keeps(self.type_counts, best) else None

    def misfits(self, kind: str, rule: Rule | None) -> int:
        """The number of values that a column of this type can't hold."""
        if rule is not None and rule.on_conflict == "text":
            return 0
        kept = keeps(self.type_counts, kind)
        if kind == "float" and not self.type_counts["float"]:
            kept = self.type_counts["integer"]  # pinned to float, but the sample has no float
        return self.values - kept


class SampleStatistics:
    """The columns of a sample by name, in order of appearance.

    `rows` counts the messages that are objects, `more_columns` has names of columns without statistics.
    """

    def __init__(self, learned: LearnedSchema) -> None:
        self._learned = learned
        self.columns: dict[str, ColumnStatistics] = {}
        self.rows = 0
        self.more_columns: set[str] = set()

    def add(self, parsed: Parsed) -> None:
        """Add the messages of one chunk; those that are not objects don't count."""
        self.rows += len(parsed.rows)
        source = RawText(lambda row: parsed.values[parsed.indices[row]] or b"")
        for index, row in enumerate(parsed.rows):
            for key, value in row.items():
                if value is not None and key:
                    self._add(key, value, source, index)

    def _add(self, key: str, value: Any, source: RawText, index: int) -> None:
        learned = self._learned
        name = learned.names.of(key)
        if name is None:
            return
        column = self.columns.get(name)
        if column is None:
            if len(self.columns) >= MOST_COLUMNS:
                if len(self.more_columns) < MOST_COLUMNS:
                    self.more_columns.add(name)
                return
            column = self.columns[name] = ColumnStatistics()
        if learned.privacy.replaces(key):
            column.add(learned.privacy.digest(value), "string")
            return
        rule = learned.rules.get(name)
        kind = kind_of(value, KINDS if rule is None else rule.kinds) or "object"
        if kind == "float" and abs(value) >= _PAST_INT64 and _is_past_64_bits(source, index, key):
            kind = PAST_64_BITS
        column.add(value, kind)


def _is_past_64_bits(source: RawText, index: int, key: str) -> bool:
    try:
        return key in source.past_64_bits(index)
    except DecodeError:
        return True  # the worker rejects a message that it can't search, too


def percentage(part: int, whole: int) -> str:
    """A percentage that is 0% or 100% only when it is exactly that."""
    if part in (0, whole) or not whole:
        return "100%" if part and part == whole else "0%"
    return f"{min(max(part / whole, 0.0001), 0.9999):.2%}"


def describe_types(type_counts: Counter[str]) -> str:
    """The types of a column's values with their shares, the most frequent first."""
    whole = type_counts.total()
    parts: Sequence[tuple[str, int]] = type_counts.most_common()
    if len(parts) == 1:
        return parts[0][0]
    return ", ".join(f"{kind} {percentage(number, whole)}" for kind, number in parts)
