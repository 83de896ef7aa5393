"""From a chunk's rows to Arrow columns, exactly.

Rules
1. No value changes and no key is dropped: a row whose values can't all stand in their columns exactly is rejected as a
   whole, its neighbours are not touched. An absent key and a null are the same thing to Arize: null.
2. A column holds one kind of value: booleans, integers (64 bits), floats, strings, or lists of strings.
   What else JSON has (objects, other lists) has no place in a flat column and rejects its row.
3. A column's type is learned and kept. It widens from null to anything, and from integer to float; an integer past 2**53
   can't stand in a float column and rejects its row.
4. Where kinds conflict, the kind that keeps most rows wins, counted over all chunks: one bad message, even the first,
   can't turn a column against all that follow.
5. When a column's type changes from one chunk to the next, `widened` says so, and the two chunks must not share a batch.
6. A worker knows at most `MAX_COLUMNS` columns; a row that would bring more is rejected (keys that are data would
   otherwise grow without end).

Theory: pyarrow's own inference is exact (an int among floats is only taken below 2**53, int and str raise), while typed
conversion is not (2.5 becomes 2, True becomes 1.0, unknown keys vanish): measured with pyarrow 26. So the common case is
inference of a whole column at once, and only a column that does not fit is looked at value by value.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.records import Rejected

MAX_COLUMNS = 2_000
_EXACT_FLOAT = 2**53
_INT64 = 2**63

Row = dict[str, Any]

_STRINGS = pa.list_(pa.string())
_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "list of strings": _STRINGS,
}
_KINDS = {kind: name for name, kind in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class Rule:
    """What Arize takes in a column that the configuration gives a meaning: its kinds, and whether a row may lack it."""

    setting: str
    kinds: frozenset[str]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of a column: its kind, how many rows had it, how many of these were integers past 2**53."""

    kind: str
    seen: int = 0
    wide: int = 0


@dataclass(slots=True)
class Contract:
    """The columns a worker has learned, by name. A column seen only with nulls is not in it yet."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)

    def learn(self, built: "Built") -> None:
        """Keep what these rows taught; without this call they were only tried."""
        self.columns.update(built.learned)


@dataclass(frozen=True, slots=True)
class Built:
    """`table` has one row per index in `kept`; `rejected` are the others; `learned` is what the kept rows teach."""

    table: pa.RecordBatch
    kept: Sequence[int]
    rejected: Sequence[Rejected]
    widened: Sequence[tuple[str, str, str]]
    learned: Mapping[str, Column]


def build(rows: Sequence[Row], contract: Contract) -> Built:
    """Columns of `rows` under `contract`, which is only read. Indices refer to `rows`."""
    kept = list(range(len(rows)))
    rejected: dict[int, Rejected] = {}
    while True:
        chunk = _Chunk([rows[i] for i in kept] if rejected else rows, contract)
        chunk.run()
        if not chunk.rejected:
            break
        for index, (code, reason) in chunk.rejected.items():
            rejected[kept[index]] = Rejected(kept[index], code, reason)
        kept = [i for i in kept if i not in rejected]
    table = pa.RecordBatch.from_arrays(list(chunk.arrays.values()), names=list(chunk.arrays))
    return Built(table, kept, [rejected[i] for i in sorted(rejected)], chunk.widened, chunk.learned)


class _Chunk:
    """One attempt at a chunk: either every row fits, or `rejected` says which don't, and the attempt is thrown away."""

    def __init__(self, rows: Sequence[Row], contract: Contract) -> None:
        self.rows = rows
        self.contract = contract
        self.arrays: dict[str, pa.Array] = {}
        self.learned: dict[str, Column] = {}
        self.widened: list[tuple[str, str, str]] = []
        self.rejected: dict[int, tuple[str, str]] = {}

    def run(self) -> None:
        if not self.rows:
            return
        for key, values in self._values():
            self.arrays[key] = self._array(key, values)
        for name, rule in self.contract.rules.items():
            self._apply(name, rule)

    def _values(self) -> Iterable[tuple[str, Sequence[Any]]]:
        """The values of each key, row by row, None where a row lacks it; nothing if rows are rejected for their keys."""
        rows = self.rows
        keys = tuple(rows[0])
        if len(keys) > 1 and set(map(len, rows)) == {len(keys)} and self._known(keys):
            try:
                return zip(keys, zip(*map(itemgetter(*keys), rows), strict=True), strict=True)
            except KeyError:
                pass  # as many keys as the first row has, but others
        keys = tuple(dict.fromkeys(key for shape in dict.fromkeys(map(tuple, rows)) for key in shape))
        if not self._known(keys):
            self._reject_keys()
            if self.rejected:
                return ()
        return ((key, [row.get(key) for row in rows]) for key in keys)

    def _known(self, keys: Sequence[str]) -> bool:
        """These keys can't pass the limit on columns, and all have names."""
        return len(self.contract.columns) + len(keys) <= MAX_COLUMNS and "" not in keys

    def _reject_keys(self) -> None:
        known = set(self.contract.columns)
        for index, row in enumerate(self.rows):
            if "" in row:
                self.rejected[index] = ("empty_key", "a key is the empty string; Arize takes no unnamed column")
            elif len(known) + len(row) > MAX_COLUMNS and len(known | row.keys()) > MAX_COLUMNS:
                self.rejected[index] = (
                    "too_many_columns",
                    f"its keys would make more than {MAX_COLUMNS} columns; are the keys data?",
                )
            else:
                known |= row.keys()

    def _array(self, key: str, values: Sequence[Any]) -> pa.Array:
        column = self.contract.columns.get(key)
        try:
            array = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            return self._one_by_one(key, values, column)
        if pa.types.is_null(array.type):
            return array if column is None else pa.nulls(len(array), _TYPES[column.kind])
        if array.type.equals(pa.list_(pa.null())):
            array = array.cast(_STRINGS)
        kind = _KINDS.get(array.type)
        if kind is None:
            return self._one_by_one(key, values, column)
        wide = _count_wide(array) if kind == "integer" else 0
        if column is not None and column.kind != kind:
            rows = len(array) - array.null_count
            if column.kind == "float" and kind == "integer" and not wide:
                array, kind = array.cast(pa.float64()), "float"
            elif not (column.kind == "integer" and kind == "float" and rows >= column.wide):
                return self._one_by_one(key, values, column)
        return self._learn(key, array, kind, column, wide=wide)

    def _learn(self, key: str, array: pa.Array, kind: str, column: Column | None, *, wide: int) -> pa.Array:
        rows = len(array) - array.null_count
        if column is None:
            self.learned[key] = Column(kind, rows, wide)
        elif column.kind == kind:
            self.learned[key] = Column(kind, column.seen + rows, column.wide + wide)
        else:
            # The integers of a column that becomes float go on counting for it: they were exact floats too.
            seen = column.seen - column.wide if (column.kind, kind) == ("integer", "float") else 0
            self.learned[key] = Column(kind, seen + rows, wide)
            self.widened.append((key, column.kind, kind))
        return array

    def _one_by_one(self, key: str, values: Sequence[Any], column: Column | None) -> pa.Array:
        """Decide the column's kind by how many rows each would keep, and reject those that don't fit it."""
        kinds = [kind_of(value) for value in values]
        rule = self.contract.rules.get(key)
        kind = _winner(values, kinds, column, rule.kinds if rule is not None else _TYPES.keys())
        fitted: list[Any] = []
        for index, (value, own) in enumerate(zip(values, kinds, strict=True)):
            fits, exact = _fit(value, own, kind)
            if not fits:
                self.rejected.setdefault(index, _conflict(key, own, kind, rule))
            fitted.append(exact)
        if self.rejected or kind is None:
            return pa.nulls(len(values))
        array = pa.array(fitted, type=_TYPES[kind])
        return self._learn(key, array, kind, column, wide=_count_wide(array) if kind == "integer" else 0)

    def _apply(self, name: str, rule: Rule) -> None:
        array = self.arrays.get(name)
        if rule.required and (array is None or array.null_count):
            missing = pc.indices_nonzero(array.is_null()).to_pylist() if array is not None else range(len(self.rows))
            for index in missing:
                self.rejected.setdefault(
                    index, ("missing_column", f'no value in "{name}", which [schema] {rule.setting} names')
                )
        if array is not None and not pa.types.is_null(array.type) and (kind := _KINDS[array.type]) not in rule.kinds:
            for index in pc.indices_nonzero(array.is_valid()).to_pylist():
                self.rejected.setdefault(index, _conflict(name, kind, None, rule))


def kind_of(value: object) -> str | None:
    """The kind of one JSON value: a key of the column types, None for null, else a name for what has no place."""
    match value:
        case None:
            return None
        case bool():
            return "boolean"
        case int():
            return "integer" if -_INT64 <= value < _INT64 else "integer past 64 bits"
        case float():
            return "float"
        case str():
            return "string"
        case list():
            if all(item is None or isinstance(item, str) for item in value):
                return "list of strings"
            return "list of other values"
        case _:
            return "object"


def _winner(
    values: Sequence[Any], kinds: Sequence[str | None], column: Column | None, allowed: Collection[str]
) -> str | None:
    """The kind that keeps most rows, the column's own history included; None when no value has an allowed one."""
    votes = Counter({kind: count for kind, count in Counter(kinds).items() if kind in allowed})
    floats = votes["float"]
    if column is not None:
        votes[column.kind] += column.seen
    if "float" in allowed and (floats or votes["float"]):
        votes["float"] += sum(own == "integer" and _is_exact(value) for value, own in zip(values, kinds, strict=True))
        if column is not None and column.kind == "integer":
            votes["float"] += column.seen - column.wide
    best = max(votes.values(), default=0)
    winners = [kind for kind, count in votes.items() if count == best and best]
    # On a tie float wins over integer, because it takes both; else the column stays what it is.
    if "float" in winners:
        return "float"
    if column is not None and column.kind in winners:
        return column.kind
    return winners[0] if winners else None


def _fit(value: Any, own: str | None, kind: str | None) -> tuple[bool, Any]:
    """Whether a value of kind `own` stands in a column of `kind`, and as which Python value."""
    if own is None or own == kind:
        return True, value
    if own == "integer" and kind == "float" and _is_exact(value):
        return True, float(value)
    return False, None


def _conflict(key: str, own: str | None, kind: str | None, rule: Rule | None) -> tuple[str, str]:
    """Code and reason of a row that can't join; keys are named, values never."""
    if own == "integer past 64 bits":
        return "integer_past_64_bits", f'"{key}" holds an integer past 64 bits, which Arize has no type for'
    if own == "object":
        return "nested_object", f'"{key}" holds an object; a column is flat'
    if own == "list of other values":
        return "unsupported_list", f'"{key}" holds a list that is not of strings only'
    if rule is not None and own not in rule.kinds:
        wanted = " or ".join(sorted(rule.kinds))
        return "wrong_type", f'"{key}" holds a {own}; [schema] {rule.setting} takes {wanted}'
    return "type_conflict", f'"{key}" holds a {own} where the column is {kind}'


def _is_exact(value: int) -> bool:
    """float64 holds this integer exactly, as it does every smaller one."""
    return -_EXACT_FLOAT <= value <= _EXACT_FLOAT


def _count_wide(array: pa.Array) -> int:
    """How many of an int64 array are beyond what float64 is sure to hold exactly."""
    extremes = pc.min_max(array)
    low, high = extremes["min"].as_py(), extremes["max"].as_py()
    if low is None or (low >= -_EXACT_FLOAT and high <= _EXACT_FLOAT):
        return 0
    return int(pc.sum(pc.or_(pc.less(array, -_EXACT_FLOAT), pc.greater(array, _EXACT_FLOAT))).as_py())
