"""One column's values as an Arrow array, exactly, and the rows whose values don't fit.

Theory: pyarrow's own inference is exact (an integer among floats is only taken up to 2**53, int and str raise) but for
one thing: a boolean after a float becomes 1.0. Typed conversion is not (2.5 becomes 2, unknown keys vanish): measured
with pyarrow 26. So the common case is inference of a whole column, with a search for booleans among floats, and only a
column that does not fit is examined value by value. Lists of strings are the exception, as inference takes
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
    EXACT_FLOAT,
    PAST_64_BITS,
    PAST_INT64,
    PLAIN_TYPES,
    STRUCTURED,
    WIDE,
    Column,
    Family,
    Rule,
    conflict,
    most_frequent_type,
    type_of_value,
)
from ingest.pipeline.decoding.families import family_type, fits, plain
from ingest.reasons import Reason

_STRINGS = pa.list_(pa.string())
_NO_STRINGS = pa.list_(pa.null())  # what pyarrow infers when all lists are empty
_LIST = {list, type(None)}
_NO_COUNTS: Mapping[str, int] = {}
_ARROW_TYPES: dict[str, pa.DataType] = {
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
_CONVERSIONS: dict[tuple[str, str | None], Callable[[Any], Any]] = {
    ("integer", "float"): float,
    ("integer", "string"): str,
}
_TYPE_NAMES = {column_type: name for name, column_type in _ARROW_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Fitted:
    """`array` has a null where a value doesn't fit.

    `misfits` gives the reason of each such row, `misfit_counts` the number of such values by type. `odd` are the values
    of a column of times that are not of its type, by row (`families`).
    """

    array: pa.Array
    misfits: Mapping[int, Reason] = field(default_factory=dict)
    misfit_counts: Counter[str] = field(default_factory=Counter)
    odd: Mapping[int, Any] = field(default_factory=dict)


def fit(
    key: str,
    values: Sequence[Any],
    rule: Rule | None,
    column: Column | None,
    was_integer: Callable[[int], bool],
    *,
    taken: int = 0,
) -> Fitted:
    """The values of column `key`, None for null, under its `rule` and what is known of it as `column`.

    `was_integer(row)` is true if a float past 64 bits was written as an integer. Only where values conflict are
    such floats looked for here; `rows_of_large_floats` finds the others. `taken` is the number of the chunk's values
    that are not among these, and fit the column.
    """
    if rule is not None:
        if rule.pinned:
            column = Column(rule.pinned, _NO_COUNTS)
        elif rule.types & STRUCTURED:
            return _one_by_one(key, values, rule, column, was_integer, taken=taken)
    try:
        array = pa.array(values, type=_STRINGS if _are_lists(values, column) else None)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _one_by_one(key, values, rule, column, was_integer, taken=taken)
    if pa.types.is_null(array.type):
        return Fitted(array if column is None else pa.nulls(len(array), _ARROW_TYPES[column.type]))
    if array.type.equals(_NO_STRINGS):
        array = array.cast(_STRINGS)
    column_type = _TYPE_NAMES.get(array.type)
    if column_type in STRUCTURED or (column_type == "float" and _has_booleans(values, array)):
        column_type = None  # not a column type by itself, or pyarrow made 1.0 of true
    if column is not None and (column.type, column_type) == ("float", "integer") and not _count_wide(array):
        array, column_type = array.cast(pa.float64()), "float"
    if (
        column_type is None
        or (column is not None and column.type != column_type)
        or (rule is not None and column_type not in rule.types)
        or (rule is not None and rule.family == "numbers" and column_type == "integer" and _count_wide(array))
    ):
        return _one_by_one(key, values, rule, column, was_integer, taken=taken)
    return Fitted(array)


def _are_lists(values: Sequence[Any], column: Column | None) -> bool:
    """All of these are lists or null, in a column of lists of strings."""
    return column is not None and column.type == "list of strings" and _LIST.issuperset(map(type, values))


def _has_booleans(values: Sequence[Any], floats: pa.Array) -> bool:
    """`values`, of which pyarrow made `floats`, has a boolean: only then is there a 0.0 or a 1.0."""
    numbers = floats.to_numpy(zero_copy_only=False)
    return bool(((numbers == 0.0) | (numbers == 1.0)).any()) and bool in set(map(type, values))


def _one_by_one(
    key: str,
    values: Sequence[Any],
    rule: Rule | None,
    column: Column | None,
    was_integer: Callable[[int], bool],
    *,
    taken: int,
) -> Fitted:
    """Decide the column's type by its family, or by how many values each type would keep; the others don't fit."""
    allowed = rule.types if rule is not None else PLAIN_TYPES
    types = [type_of_value(value, allowed) for value in values]
    for row, value in enumerate(values):
        if type(value) is float and abs(value) >= PAST_INT64 and was_integer(row):
            types[row] = PAST_64_BITS  # it must not count as a float
    family: Family = rule.family if rule is not None else ""
    if rule is not None and rule.pinned:
        column_type: str | None = rule.pinned
    elif family:
        column_type = family_type(family, types, column, allowed, taken)
    else:
        column_type = most_frequent_type(types, column, allowed)
    fitted: list[Any] = []
    misfits: dict[int, Reason] = {}
    misfit_counts: Counter[str] = Counter()
    odd: dict[int, Any] = {}
    for row, (value, own) in enumerate(zip(values, types, strict=True)):
        if fits(own, column_type, family):
            convert = _CONVERSIONS.get((plain(own), column_type)) if own is not None else None
            fitted.append(value if convert is None else convert(value))
            continue
        fitted.append(None)
        if family == "times" and own is not None and plain(own) in allowed:
            odd[row] = value
        elif own is not None:
            misfit_counts[own] += 1
            misfits[row] = conflict(key, own, column_type, rule, value)
    array = pa.nulls(len(values)) if column_type is None else pa.array(fitted, type=_ARROW_TYPES[column_type])
    return Fitted(array, misfits, misfit_counts, odd)


def arrow_type(column_type: str) -> pa.DataType:
    """The Arrow type of a column type; null for any other word."""
    return _ARROW_TYPES.get(column_type, pa.null())


def has_type(array: pa.Array, column_type: str) -> bool:
    """The array is of this type."""
    return bool(array.type.equals(_ARROW_TYPES[column_type]))


def type_and_counts(array: pa.Array) -> tuple[str, Counter[str]] | None:
    """The array's column type, and its number of values by type; None for an array of nulls without a type."""
    if pa.types.is_null(array.type):
        return None
    column_type = _TYPE_NAMES[array.type]
    wide = _count_wide(array) if column_type == "integer" else 0
    return column_type, Counter({column_type: len(array) - array.null_count - wide, WIDE: wide})


def has_wide(array: pa.Array) -> bool:
    """An int64 array has an integer past 2**53."""
    return _count_wide(array) > 0


def rows_of_large_floats(array: pa.Array) -> list[int]:
    """The rows with a float, within lists too, that may have been written as an integer past 64 bits."""
    values, rows = _floats(array)
    if values is None:
        return []
    extremes = pc.min_max(values)
    if not extremes["min"].is_valid:
        return []
    if extremes["min"].as_py() > -PAST_INT64 and extremes["max"].as_py() < PAST_INT64:
        return []
    found: list[int] = pc.indices_nonzero(pc.greater_equal(pc.abs(values), PAST_INT64)).to_pylist()
    return found if rows is None else sorted({int(rows[index]) for index in found})


def with_nulls_at(array: pa.Array, rows: Sequence[int]) -> pa.Array:
    """`array` with nulls in `rows`."""
    stays = np.ones(len(array), dtype=np.bool_)
    stays[list(rows)] = False
    values = array.to_pylist()
    return pa.array([value if stay else None for value, stay in zip(values, stays, strict=True)], type=array.type)


def _count_wide(array: pa.Array) -> int:
    """The number of values of an int64 array that float64 may not hold exactly."""
    extremes = pc.min_max(array)
    low, high = extremes["min"].as_py(), extremes["max"].as_py()
    if low is None or (low >= -EXACT_FLOAT and high <= EXACT_FLOAT):
        return 0
    return int(pc.sum(pc.or_(pc.less(array, -EXACT_FLOAT), pc.greater(array, EXACT_FLOAT))).as_py())


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
