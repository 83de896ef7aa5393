"""One column's values as an Arrow array, exactly, and those that don't fit by their rows.

Theory: pyarrow's own inference is exact (an integer among floats is only taken up to 2**53, int and str raise) but for
one thing: a boolean after a float becomes 1.0. Typed conversion is not (2.5 becomes 2, unknown keys vanish): measured
with pyarrow 26. So the common case is inference of a whole column at once, with a look for booleans among floats, and
only a column that does not fit is looked at value by value. Lists of strings are the exception, as inference takes
twice the time there: of lists and nulls, the typed conversion refuses all but these (a string would be taken for the
list of its characters).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.pipeline.decoding.column_types import (
    KINDS,
    PAST_64_BITS,
    STRUCTURED,
    WIDE,
    Column,
    Rule,
    conflict,
    kind_of,
    winner,
)
from ingest.reasons import Reason

_EXACT_FLOAT = 2**53
_PAST_INT64 = 2.0**63
_STRINGS = pa.list_(pa.string())
_NO_STRINGS = pa.list_(pa.null())  # what pyarrow infers when all lists are empty
_LIST = {list, type(None)}
_NO_VOTES: Mapping[str, int] = {}
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


@dataclass(frozen=True, slots=True)
class Fitted:
    """`array` has a null where a value doesn't fit.

    `misfits` gives the reason of each such row, `against` how many of them were of which kind.
    """

    array: pa.Array
    misfits: Mapping[int, Reason] = field(default_factory=dict)
    against: Counter[str] = field(default_factory=Counter)


def fit(
    key: str, values: Sequence[Any], rule: Rule | None, column: Column | None, was_integer: Callable[[int], bool]
) -> Fitted:
    """The values of column `key`, None for null, under its `rule` and what is known of it as `column`.

    `was_integer(row)` tells whether a float past 64 bits was written as an integer. Only where values conflict are
    such floats looked for here; `beyond_integers` finds the others.
    """
    if rule is not None:
        if rule.pinned:
            column = Column(rule.pinned, _NO_VOTES)
        elif rule.kinds & STRUCTURED:
            return _one_by_one(key, values, rule, column, was_integer)
    try:
        array = pa.array(values, type=_STRINGS if _are_lists(values, column) else None)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _one_by_one(key, values, rule, column, was_integer)
    if pa.types.is_null(array.type):
        return Fitted(array if column is None else pa.nulls(len(array), _TYPES[column.kind]))
    if array.type.equals(_NO_STRINGS):
        array = array.cast(_STRINGS)
    kind = _KINDS.get(array.type)
    if kind in STRUCTURED or (kind == "float" and _has_booleans(values, array)):
        kind = None  # no column of its own, or pyarrow made 1.0 of true
    if column is not None and (column.kind, kind) == ("float", "integer") and not _count_wide(array):
        array, kind = array.cast(pa.float64()), "float"
    if kind is None or (column is not None and column.kind != kind) or (rule is not None and kind not in rule.kinds):
        return _one_by_one(key, values, rule, column, was_integer)
    return Fitted(array)


def _are_lists(values: Sequence[Any], column: Column | None) -> bool:
    """All of these are lists or null, in a column of lists of strings."""
    return column is not None and column.kind == "list of strings" and _LIST.issuperset(map(type, values))


def _has_booleans(values: Sequence[Any], floats: pa.Array) -> bool:
    """There is one among `values`, of which pyarrow made `floats`: only then is there a 0.0 or a 1.0."""
    numbers = floats.to_numpy(zero_copy_only=False)
    return bool(((numbers == 0.0) | (numbers == 1.0)).any()) and bool in set(map(type, values))


def _one_by_one(
    key: str, values: Sequence[Any], rule: Rule | None, column: Column | None, was_integer: Callable[[int], bool]
) -> Fitted:
    """Decide the column's kind by how many rows each would keep; the others don't fit it."""
    allowed = rule.kinds if rule is not None else KINDS
    kinds = [kind_of(value, allowed) for value in values]
    for row, value in enumerate(values):
        if type(value) is float and abs(value) >= _PAST_INT64 and was_integer(row):
            kinds[row] = PAST_64_BITS  # it must not vote for float, nor be told as one
    kind = rule.pinned if rule is not None and rule.pinned else winner(kinds, column, allowed)
    fitted: list[Any] = []
    misfits: dict[int, Reason] = {}
    against: Counter[str] = Counter()
    for row, (value, own) in enumerate(zip(values, kinds, strict=True)):
        if own is None or own == kind or (own == WIDE and kind == "integer"):
            fitted.append(value)
        elif own == "integer" and kind == "float":
            fitted.append(float(value))
        else:
            fitted.append(None)
            against[own] += 1
            misfits[row] = conflict(key, own, kind, rule)
    array = pa.nulls(len(values)) if kind is None else pa.array(fitted, type=_TYPES[kind])
    return Fitted(array, misfits, against)


def type_of(kind: str) -> pa.DataType:
    """The Arrow type of a column's kind; null for any other word."""
    return _TYPES.get(kind, pa.null())


def has_kind(array: pa.Array, kind: str) -> bool:
    """The array is of this kind."""
    return bool(array.type.equals(_TYPES[kind]))


def votes(array: pa.Array) -> tuple[str, Counter[str]] | None:
    """The array's kind and how many values of which kind it holds; None for one of nulls without a type."""
    if pa.types.is_null(array.type):
        return None
    kind = _KINDS[array.type]
    wide = _count_wide(array) if kind == "integer" else 0
    return kind, Counter({kind: len(array) - array.null_count - wide, WIDE: wide})


def beyond_integers(array: pa.Array) -> list[int]:
    """The rows with a float, within lists too, that may have been written as an integer past 64 bits."""
    values, rows = _floats(array)
    if values is None:
        return []
    extremes = pc.min_max(values)
    if not extremes["min"].is_valid:
        return []
    if extremes["min"].as_py() > -_PAST_INT64 and extremes["max"].as_py() < _PAST_INT64:
        return []
    found: list[int] = pc.indices_nonzero(pc.greater_equal(pc.abs(values), _PAST_INT64)).to_pylist()
    return found if rows is None else sorted({int(rows[index]) for index in found})


def without(array: pa.Array, rows: Sequence[int]) -> pa.Array:
    """The same with nulls in `rows`."""
    stays = np.ones(len(array), dtype=np.bool_)
    stays[list(rows)] = False
    values = array.to_pylist()
    return pa.array([value if stay else None for value, stay in zip(values, stays, strict=True)], type=array.type)


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
