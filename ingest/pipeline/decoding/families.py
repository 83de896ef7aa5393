"""Columns that take several types of values for one meaning: which type the column has, and what fits it.

Rules
1. No value of such a column is refused for its neighbours' sake. Each fits, or doesn't, by itself.
2. `numbers` (scores, SHAP values, labels of numeric models): integers, and floats once there is one. An integer past
   2**53 fits in neither case, as no float holds it; a pin to integer takes it.
3. `ids`: integers, and strings once there is one. Arize's ids are strings (arize 8.61, `_convert_prediction_id` in
   ml/stream_validation.py), so an integer becomes its digits.
4. `times`: integers, floats and strings side by side, as each has a unit of its own (`timestamps`). The array has the
   values of the column's type; the others are `odd`, and carried beside it. The column keeps its type until a chunk has
   more values of another type than of those that fit.
5. A column of numbers or ids that has widened stays as it is.

Theory: the compiled lane takes values of the column's type only. What the other rows decide by themselves is the same
as with the whole chunk: rules 2 and 3 ask whether there is such a value, and for rule 4 the values taken are counted
(`taken`).
"""

from collections import Counter
from collections.abc import Collection, Sequence

from ingest.pipeline.decoding.column_types import WIDE, Column, Family, most_frequent_type

_WIDER: dict[Family, tuple[str, str]] = {"numbers": ("integer", "float"), "ids": ("integer", "string")}


def family_type(
    family: Family, types: Sequence[str | None], column: Column | None, allowed: Collection[str], taken: int
) -> str | None:
    """The type of a column of `family`; `types` are those of the values, `taken` the number of others that fit it."""
    if family == "times":
        return _time_type(types, column, allowed, taken)
    present = set(types)
    narrow, wide = _WIDER[family]
    if wide in present or (column is not None and column.type == wide):
        return wide
    integers = {narrow, WIDE} if family == "ids" else {narrow}
    return narrow if column is not None or integers & present else None


def _time_type(types: Sequence[str | None], column: Column | None, allowed: Collection[str], taken: int) -> str | None:
    if column is None:
        return most_frequent_type(types, None, allowed)
    counts = Counter(own for own in types if own is not None and plain(own) in allowed)
    fitting = taken + sum(count for own, count in counts.items() if fits(own, column.type, "times"))
    others: Counter[str] = Counter()
    for own, count in counts.items():
        if not fits(own, column.type, "times"):
            others[plain(own)] += count
    for other, count in others.most_common(1):
        if count > fitting:
            return other
    return column.type


def plain(own: str) -> str:
    """The type that a column of such values has."""
    return "integer" if own == WIDE else own


def fits(own: str | None, column_type: str | None, family: Family) -> bool:
    """A value of type `own` stands in a column of this type and family, possibly as another type of value."""
    if own is None or own == column_type:
        return True
    if family == "ids" and column_type == "string":
        return plain(own) == "integer"
    if own == WIDE:
        return column_type == "integer" and family != "numbers"
    return own == "integer" and column_type == "float"
