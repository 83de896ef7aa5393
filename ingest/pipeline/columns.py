"""From a chunk's rows to Arrow columns, exactly.

Rules
1. No value changes and no key is dropped: a row whose values can't all stand in their columns exactly is rejected as a
   whole, its neighbours are not touched. An absent key and a null are the same thing to Arize: null.
2. A column holds one kind of value (`kinds` says which there are, and which one wins where they conflict). What else
   JSON has, objects and other lists, has no place in a flat column and rejects its row; vectors, boxes and class scores
   have one where the schema says so.
3. A column's type is learned and kept. It widens from null to anything, and from integer to float.
4. What a rejected row would have made of a column does not stay; its kinds are only counted.
5. When a column's type changes from one chunk to the next, `widened` says so, and the two chunks must not share a
   batch.
6. A chunk has at most `MAX_COLUMNS` columns; a row that would bring more is rejected (keys that are data would
   otherwise grow without end). A worker remembers the half of that many that most rows have had.

Theory: pyarrow's own inference is exact (an integer among floats is only taken up to 2**53, int and str raise) but for
one thing: a boolean after a float becomes 1.0. Typed conversion is not (2.5 becomes 2, unknown keys vanish): measured
with pyarrow 26. So the common case is inference of a whole column at once, with a look for booleans among floats, and
only a column that does not fit is looked at value by value.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.pipeline.flatten import Row
from ingest.pipeline.kinds import KINDS, PAST_64_BITS, STRUCTURED, WIDE, Column, Rule, conflict, kind_of, winner
from ingest.pipeline.names import Names
from ingest.pipeline.privacy import Privacy
from ingest.records import Rejected

MAX_COLUMNS = 2_000
_EXACT_FLOAT = 2**53
_PAST_INT64 = 2.0**63


_STRINGS = pa.list_(pa.string())
_NO_STRINGS = pa.list_(pa.null())  # what pyarrow infers when all lists are empty
_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "list of strings": _STRINGS,
    "list of numbers": pa.list_(pa.float64()),
    "list of lists of numbers": pa.list_(pa.list_(pa.float64())),
    # The SDK's only form of a class and its score (batch_validation/validator.py).
    "list of class scores": pa.list_(pa.struct([("class_name", pa.string()), ("score", pa.float64())])),
}
_KINDS = {kind: name for name, kind in _TYPES.items()}


@dataclass(slots=True)
class Contract:
    """The columns a worker has learned, by name. A column seen only with nulls is not in it yet."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    privacy: Privacy = field(default_factory=Privacy)

    @property
    def plain(self) -> bool:
        """Keys are columns as they stand: nothing is renamed, excluded or hashed."""
        return self.names.plain and not self.privacy.hashes

    def learn(self, built: "Built") -> None:
        """Keep what these rows taught; without this call they were only tried."""
        self.columns.update(built.learned)
        if len(self.columns) > MAX_COLUMNS // 2:
            # Columns that hardly any row had make room: a single message whose keys are data must not use up the limit.
            often = sorted(self.columns, key=lambda name: -sum(self.columns[name].votes.values()))
            self.columns = {name: self.columns[name] for name in often[: MAX_COLUMNS // 2]}


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
    against: dict[str, Counter[str]] = {}
    chunk = _Chunk(rows, contract, was_integer)
    while chunk.run() or chunk.unmask():
        faults, stay = chunk.rejected, np.ones(len(kept), dtype=np.bool_)
        stay[list(faults)] = False
        for row, (code, reason) in faults.items():
            rejected[int(kept[row])] = Rejected(int(kept[row]), code, reason)
        for key, kinds in chunk.against.items():
            against.setdefault(key, Counter()).update(kinds)
        kept = kept[stay]
        chunk = chunk.without(stay, _renumbered(was_integer, kept))
    learned, widened = chunk.taught(against)
    table = pa.RecordBatch.from_arrays(list(chunk.arrays.values()), names=list(chunk.arrays))
    return Built(table, kept.tolist(), [rejected[index] for index in sorted(rejected)], widened, learned)


class _Chunk:
    """One pass over a chunk's rows. If some must be rejected, the next pass goes over the others."""

    def __init__(
        self,
        rows: Sequence[Row],
        contract: Contract,
        was_integer: Callable[[int], bool],
        arrays: dict[str, pa.Array] | None = None,
    ) -> None:
        self.rows = rows
        self.contract = contract
        self.was_integer = was_integer
        self.arrays = arrays if arrays is not None else {}
        self.rejected: dict[int, tuple[str, str]] = {}
        self.against: dict[str, Counter[str]] = {}

    def run(self) -> bool:
        """Build what is missing; True when rows were rejected and another pass is needed."""
        if not self.rows:
            self.arrays = {}
            return False
        keyed = self._values()
        if self.rejected:
            return True  # for their keys: there are no columns yet that the others could lack
        arrays = {}
        for key, values in keyed if self.contract.plain else self._named(keyed):
            arrays[key] = self.arrays[key] if values is None else self._array(key, values)
        self.arrays = arrays
        for name in dict.fromkeys((*self.contract.rules, *self.arrays)):
            if (rule := self.contract.rules.get(name)) is not None:
                self._apply(name, rule)
        return bool(self.rejected)

    def unmask(self) -> bool:
        """Reject the rows with a float that was written as an integer past 64 bits; True if there were any."""
        for key, array in self.arrays.items():
            values, rows = _floats(array)
            if values is not None and (extremes := pc.min_max(values))["min"].is_valid:
                if extremes["min"].as_py() > -_PAST_INT64 and extremes["max"].as_py() < _PAST_INT64:
                    continue
                for found in pc.indices_nonzero(pc.greater_equal(pc.abs(values), _PAST_INT64)).to_pylist():
                    row = found if rows is None else int(rows[found])
                    if self.was_integer(row):
                        self.rejected.setdefault(row, conflict(key, PAST_64_BITS, None, None))
        return bool(self.rejected)

    def without(self, stay: npt.NDArray[np.bool_], was_integer: Callable[[int], bool]) -> "_Chunk":
        """The next pass, over the rows where `stay` is true; `was_integer` goes by their new numbers.

        A column whose kind the contract already had is only filtered. One that is new or changed is built again: what
        a rejected row would have made of it must not stay.
        """
        columns = self.contract.columns if self.contract.plain else {}
        mask = pa.array(stay)
        settled = {
            key: array.filter(mask)
            for key, array in self.arrays.items()
            if key in columns and array.type.equals(_TYPES[columns[key].kind])
        }
        rows = [self.rows[row] for row in np.flatnonzero(stay).tolist()]
        return _Chunk(rows, self.contract, was_integer, settled)

    def taught(self, against: Mapping[str, Counter[str]]) -> tuple[dict[str, Column], list[tuple[str, str, str]]]:
        """What these columns teach: each one's new state, and those that changed their kind (column, old, new).

        `against` holds the kinds of the values that were rejected, by column.
        """
        learned: dict[str, Column] = {}
        widened = []
        for key, array in self.arrays.items():
            column = self.contract.columns.get(key)
            votes = Counter(column.votes) if column is not None else Counter[str]()
            votes.update(against.get(key, {}))
            if pa.types.is_null(array.type):
                continue
            kind = _KINDS[array.type]
            wide = _count_wide(array) if kind == "integer" else 0
            votes[kind] += len(array) - array.null_count - wide
            votes[WIDE] += wide
            learned[key] = Column(kind, votes)
            if column is not None and column.kind != kind:
                widened.append((key, column.kind, kind))
        for key in against.keys() - learned.keys():
            if (column := self.contract.columns.get(key)) is not None:
                learned[key] = Column(column.kind, Counter(column.votes) + against[key])
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
        if not self._known(keys) or not all(rows):
            self._reject_keys()
            if self.rejected:
                return ()
        return ((key, None if key in self.arrays else [row.get(key) for row in rows]) for key in keys)

    def _named(self, keyed: Iterable[tuple[str, Sequence[Any] | None]]) -> Iterable[tuple[str, Sequence[Any]]]:
        """The columns under their names, without the excluded ones, hashed where the configuration says so."""
        columns: dict[str, Sequence[Any]] = {}
        for key, values in keyed:
            name = self.contract.names.of(key)
            if name is None or values is None:
                continue
            found = values
            if self.contract.privacy.replaces(key):
                found = [self.contract.privacy.digest(value) for value in values]
            columns[name] = found if name not in columns else self._merged(name, columns[name], found)
        return columns.items()

    def _merged(self, name: str, ones: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        for row, (one, other) in enumerate(zip(ones, others, strict=True)):
            if one is not None and other is not None:
                reason = f'two of its keys are called "{name}" ([schema] rename)'
                self.rejected.setdefault(row, ("ambiguous_key", reason))
        return [one if one is not None else other for one, other in zip(ones, others, strict=True)]

    def _known(self, keys: Sequence[str]) -> bool:
        """These keys can't pass the limit on columns, and all have names."""
        return len(self.contract.columns) + len(keys) <= MAX_COLUMNS and "" not in keys

    def _reject_keys(self) -> None:
        known = set(self.contract.columns)
        for row, values in enumerate(self.rows):
            if "" in values:
                self.rejected[row] = ("empty_key", "a key is the empty string; Arize takes no unnamed column")
            elif not values:
                self.rejected[row] = ("empty_object", "the object has no key; there is no prediction in it")
            elif len(known) + len(values) > MAX_COLUMNS and len(known | values.keys()) > MAX_COLUMNS:
                self.rejected[row] = (
                    "too_many_columns",
                    f"its keys would make more than {MAX_COLUMNS} columns; are the keys data?",
                )
            else:
                known |= values.keys()

    def _array(self, key: str, values: Sequence[Any]) -> pa.Array:
        column = self.contract.columns.get(key)
        if (rule := self.contract.rules.get(key)) is not None and rule.kinds & STRUCTURED:
            return self._one_by_one(key, values, column)
        try:
            array = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            return self._one_by_one(key, values, column)
        if pa.types.is_null(array.type):
            return array if column is None else pa.nulls(len(array), _TYPES[column.kind])
        if array.type.equals(_NO_STRINGS):
            array = array.cast(_STRINGS)
        kind = _KINDS.get(array.type)
        if kind in STRUCTURED or (kind == "float" and bool in set(map(type, values))):
            kind = None  # no column of its own, or pyarrow made 1.0 of true
        if column is not None and (column.kind, kind) == ("float", "integer") and not _count_wide(array):
            array, kind = array.cast(pa.float64()), "float"
        if (
            kind is None
            or (column is not None and column.kind != kind)
            or (rule is not None and kind not in rule.kinds)
        ):
            return self._one_by_one(key, values, column)
        return array

    def _one_by_one(self, key: str, values: Sequence[Any], column: Column | None) -> pa.Array:
        """Decide the column's kind by how many rows each would keep, and reject those that don't fit it."""
        rule = self.contract.rules.get(key)
        allowed = rule.kinds if rule is not None else KINDS
        kinds = [kind_of(value, allowed) for value in values]
        for row, value in enumerate(values):
            if type(value) is float and abs(value) >= _PAST_INT64 and self.was_integer(row):
                kinds[row] = PAST_64_BITS  # it must not vote for float, nor be told as one
        kind = winner(kinds, column, allowed)
        fitted: list[Any] = []
        against: Counter[str] = Counter()
        for row, (value, own) in enumerate(zip(values, kinds, strict=True)):
            if own is None or own == kind or (own == WIDE and kind == "integer"):
                fitted.append(value)
            elif own == "integer" and kind == "float":
                fitted.append(float(value))
            else:
                fitted.append(None)
                against[own] += 1
                self.rejected.setdefault(row, conflict(key, own, kind, rule))
        if against:
            self.against[key] = against
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
                self.rejected.setdefault(row, conflict(name, kind, None, rule))


def _renumbered(was_integer: Callable[[int], bool], kept: npt.NDArray[np.int64]) -> Callable[[int], bool]:
    return lambda row: was_integer(int(kept[row]))


def _count_wide(array: pa.Array) -> int:
    """How many of an int64 array are beyond what float64 is sure to hold exactly."""
    extremes = pc.min_max(array)
    low, high = extremes["min"].as_py(), extremes["max"].as_py()
    if low is None or (low >= -_EXACT_FLOAT and high <= _EXACT_FLOAT):
        return 0
    return int(pc.sum(pc.or_(pc.less(array, -_EXACT_FLOAT), pc.greater(array, _EXACT_FLOAT))).as_py())


def _floats(array: pa.Array) -> tuple[pa.Array | None, npt.NDArray[np.int64] | None]:
    """The floats of a column, those within lists too, and each one's row; None for rows if it is its own."""
    rows: npt.NDArray[np.int64] | None = None
    while pa.types.is_list(array.type):
        parents = pc.list_parent_indices(array).to_numpy(zero_copy_only=False)
        rows = parents if rows is None else rows[parents]
        array = pc.list_flatten(array)
    if pa.types.is_struct(array.type):
        array = pc.struct_field(array, "score")
    return (array if pa.types.is_float64(array.type) else None), rows
