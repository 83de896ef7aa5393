"""From a chunk's rows to Arrow columns, exactly.

Rules
1. No value changes and no key is dropped: a row whose values can't all stand in their columns exactly is rejected as a
   whole, its neighbours are not touched. An absent key and a null are the same thing to Arize: null.
2. A column holds one kind of value: booleans, integers (64 bits), floats, strings, or lists of strings.
   What else JSON has (objects, other lists) has no place in a flat column and rejects its row.
3. A column's type is learned and kept. It widens from null to anything, and from integer to float; an integer past
   2**53 can't stand in a float column and rejects its row.
4. Where kinds conflict, the kind that keeps most rows wins, counted over all chunks: one bad message, even the first,
   can't turn a column against all that follow.
5. When a column's type changes from one chunk to the next, `widened` says so, and the two chunks must not share a
   batch.
6. A worker knows at most `MAX_COLUMNS` columns; a row that would bring more is rejected (keys that are data would
   otherwise grow without end).

Theory: pyarrow's own inference is exact (an int among floats is only taken below 2**53, int and str raise), while typed
conversion is not (2.5 becomes 2, True becomes 1.0, unknown keys vanish): measured with pyarrow 26. So the common
case is inference of a whole column at once, and only a column that does not fit is looked at value by value.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.records import Rejected

MAX_COLUMNS = 2_000
_EXACT_FLOAT = 2**53
_INT64 = 2**63
_PAST_INT64 = 2.0**63
_BIG = "integer past 64 bits"

Row = dict[str, Any]

_STRINGS = pa.list_(pa.string())
_NO_STRINGS = pa.list_(pa.null())  # what pyarrow infers when all lists are empty
_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "list of strings": _STRINGS,
}
_PYTHON_KINDS: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    list: "list of strings",
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


def build(rows: Sequence[Row], contract: Contract, was_integer: Callable[[int], bool]) -> Built:
    """Columns of `rows` under `contract`, which is only read. Indices refer to `rows`.

    `was_integer(index)` tells whether a row with a float of 2**63 or more has an integer past 64 bits in its text,
    which the parser made that float of.
    """
    kept = np.arange(len(rows))
    rejected: dict[int, Rejected] = {}
    chunk = _Chunk(rows, contract)
    while chunk.run() or chunk.unmask(was_integer, kept):
        faults, stay = chunk.rejected, np.ones(len(kept), dtype=np.bool_)
        stay[list(faults)] = False
        for row, (code, reason) in faults.items():
            rejected[int(kept[row])] = Rejected(int(kept[row]), code, reason)
        kept = kept[stay]
        chunk = chunk.without(stay)
    learned, widened = chunk.taught()
    table = pa.RecordBatch.from_arrays(list(chunk.arrays.values()), names=list(chunk.arrays))
    return Built(table, kept.tolist(), [rejected[index] for index in sorted(rejected)], widened, learned)


class _Chunk:
    """One pass over a chunk's rows. If some must be rejected, the next pass goes over the others."""

    def __init__(self, rows: Sequence[Row], contract: Contract, arrays: dict[str, pa.Array] | None = None) -> None:
        self.rows = rows
        self.contract = contract
        self.arrays = arrays if arrays is not None else {}
        self.rejected: dict[int, tuple[str, str]] = {}

    def run(self) -> bool:
        """Build what is missing; True when rows were rejected and another pass is needed."""
        if not self.rows:
            self.arrays = {}
            return False
        arrays = {}
        for key, values in self._values():
            arrays[key] = self.arrays[key] if values is None else self._array(key, values)
        self.arrays = arrays
        for name, rule in self.contract.rules.items():
            self._apply(name, rule)
        return bool(self.rejected)

    def unmask(self, was_integer: Callable[[int], bool], indices: npt.NDArray[np.int64]) -> bool:
        """Reject the rows with a float that was written as an integer past 64 bits; True if there were any."""
        for key, array in self.arrays.items():
            if pa.types.is_float64(array.type) and (extremes := pc.min_max(array))["min"].is_valid:
                if extremes["min"].as_py() > -_PAST_INT64 and extremes["max"].as_py() < _PAST_INT64:
                    continue
                for row in pc.indices_nonzero(pc.greater_equal(pc.abs(array), _PAST_INT64)).to_pylist():
                    if was_integer(int(indices[row])):
                        self.rejected.setdefault(row, _conflict(key, _BIG, None, None))
        return bool(self.rejected)

    def without(self, stay: npt.NDArray[np.bool_]) -> "_Chunk":
        """The next pass, over the rows where `stay` is true.

        A column whose kind the contract already had is only filtered. One that is new or changed is built again: what
        a rejected row would have made of it must not stay.
        """
        columns = self.contract.columns
        mask = pa.array(stay)
        settled = {
            key: array.filter(mask)
            for key, array in self.arrays.items()
            if key in columns and array.type.equals(_TYPES[columns[key].kind])
        }
        rows = [self.rows[row] for row in np.flatnonzero(stay).tolist()]
        return _Chunk(rows, self.contract, settled)

    def taught(self) -> tuple[dict[str, Column], list[tuple[str, str, str]]]:
        """What these columns teach: each one's new state, and those that changed their kind (column, old, new)."""
        learned: dict[str, Column] = {}
        widened = []
        for key, array in self.arrays.items():
            if pa.types.is_null(array.type):
                continue
            kind = _KINDS[array.type]
            rows = len(array) - array.null_count
            wide = _count_wide(array) if kind == "integer" else 0
            column = self.contract.columns.get(key)
            if column is None:
                learned[key] = Column(kind, rows, wide)
            elif column.kind == kind:
                learned[key] = Column(kind, column.seen + rows, column.wide + wide)
            else:
                # The integers of a column that becomes float go on counting for it: they were exact floats too.
                seen = column.seen - column.wide if (column.kind, kind) == ("integer", "float") else 0
                learned[key] = Column(kind, seen + rows, wide)
                widened.append((key, column.kind, kind))
        return learned, widened

    def _values(self) -> Iterable[tuple[str, Sequence[Any] | None]]:
        """The values of each key, row by row, None where a row lacks it; None for all of a key that is built already.

        Nothing if rows are rejected for their keys.
        """
        rows, first = self.rows, self.rows[0]
        keys: list[str] = list(first)
        if len(keys) > 1 and set(map(len, rows)) == {len(keys)} and self._known(keys) and not self.arrays:
            try:
                return zip(keys, zip(*map(itemgetter(*keys), rows), strict=True), strict=True)
            except KeyError:
                pass  # as many keys as the first row has, but others
        keys.extend(sorted(set().union(*rows).difference(first)))
        if not self._known(keys):
            self._reject_keys()
            if self.rejected:
                return ()
        return ((key, None if key in self.arrays else [row.get(key) for row in rows]) for key in keys)

    def _known(self, keys: Sequence[str]) -> bool:
        """These keys can't pass the limit on columns, and all have names."""
        return len(self.contract.columns) + len(keys) <= MAX_COLUMNS and "" not in keys

    def _reject_keys(self) -> None:
        known = set(self.contract.columns)
        for row, values in enumerate(self.rows):
            if "" in values:
                self.rejected[row] = ("empty_key", "a key is the empty string; Arize takes no unnamed column")
            elif len(known) + len(values) > MAX_COLUMNS and len(known | values.keys()) > MAX_COLUMNS:
                self.rejected[row] = (
                    "too_many_columns",
                    f"its keys would make more than {MAX_COLUMNS} columns; are the keys data?",
                )
            else:
                known |= values.keys()

    def _array(self, key: str, values: Sequence[Any]) -> pa.Array:
        column = self.contract.columns.get(key)
        try:
            array = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            return self._one_by_one(key, values, column)
        if pa.types.is_null(array.type):
            return array if column is None else pa.nulls(len(array), _TYPES[column.kind])
        if array.type.equals(_NO_STRINGS):
            array = array.cast(_STRINGS)
        kind = _KINDS.get(array.type)
        if kind is None:
            return self._one_by_one(key, values, column)
        if column is not None and column.kind != kind:
            if (column.kind, kind) == ("float", "integer") and not _count_wide(array):
                return array.cast(pa.float64())
            if (column.kind, kind) != ("integer", "float") or len(array) - array.null_count < column.wide:
                return self._one_by_one(key, values, column)
        return array

    def _one_by_one(self, key: str, values: Sequence[Any], column: Column | None) -> pa.Array:
        """Decide the column's kind by how many rows each would keep, and reject those that don't fit it."""
        kinds = [kind_of(value) for value in values]
        rule = self.contract.rules.get(key)
        kind = _winner(values, kinds, column, rule.kinds if rule is not None else _TYPES.keys())
        fitted: list[Any] = []
        for row, (value, own) in enumerate(zip(values, kinds, strict=True)):
            fits, exact = _fit(value, own, kind)
            if not fits:
                self.rejected.setdefault(row, _conflict(key, own, kind, rule))
            fitted.append(exact)
        return pa.nulls(len(values)) if kind is None else pa.array(fitted, type=_TYPES[kind])

    def _apply(self, name: str, rule: Rule) -> None:
        array = self.arrays.get(name)
        if rule.required and (array is None or array.null_count):
            missing = range(len(self.rows)) if array is None else pc.indices_nonzero(array.is_null()).to_pylist()
            for row in missing:
                self.rejected.setdefault(
                    row, ("missing_column", f'no value in "{name}", which [schema] {rule.setting} names')
                )
        if array is not None and not pa.types.is_null(array.type) and (kind := _KINDS[array.type]) not in rule.kinds:
            for row in pc.indices_nonzero(array.is_valid()).to_pylist():
                self.rejected.setdefault(row, _conflict(name, kind, None, rule))


def kind_of(value: object) -> str | None:
    """The kind of one JSON value: a key of the column types, None for null, else a name for what has no place."""
    if value is None:
        return None
    kind = _PYTHON_KINDS.get(type(value), "object")
    if kind == "integer" and not -_INT64 <= cast("int", value) < _INT64:
        return _BIG
    if kind == "list of strings" and not all(
        item is None or isinstance(item, str) for item in cast("list[object]", value)
    ):
        return "list of other values"
    return kind


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
    if own == _BIG:
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
