"""Whether rows that are decoded by themselves may change a column's type, as they could within their whole chunk.

Rules
1. The type of a column whose values all fit can't change: only columns with a misfit matter.
2. In such a column the type must be the most frequent one of the whole chunk: of the history, of the values of the
   other rows (both are in `counted`), and of the values of these.
3. Integers in a float column are counted as floats once they stand there. The type is found both ways, and must be the
   same.
4. The type of a column with a family is found by the rest with the rows taken in mind, so only its misfits count here.
5. In doubt a type may change: a new column beside a conflict, a row with several misfits (one of them may fit among its
   neighbours), a float that may be an integer past 64 bits.
"""

from collections import Counter
from collections.abc import Sequence

from ingest.pipeline.decoding.column_types import (
    PAST_INT64,
    PLAIN_TYPES,
    Column,
    Family,
    Rule,
    most_frequent_type,
    type_of_value,
)
from ingest.pipeline.decoding.families import fits, plain
from ingest.pipeline.decoding.flatten import Row
from ingest.pipeline.decoding.learned_schema import LearnedSchema


def type_may_change(rows: Sequence[Row], counted: LearnedSchema, before: LearnedSchema) -> bool:
    """`rows`, some of them in conflict, might change a type if they were decoded with the rest of their chunk.

    `before` is the learned schema as it was; `counted` counts the values of the rest as well.
    """
    rows = [row for row in rows if row and "" not in row]  # the others are rejected before their values count
    misfits: Counter[int] = Counter()
    for name in set().union(*rows):
        values = [row.get(name) for row in rows]
        if all(value is None for value in values):
            continue
        column = counted.columns.get(name)
        if column is None or any(type(value) is float and abs(value) >= PAST_INT64 for value in values):
            return True
        rule = counted.rules.get(name)
        family: Family = rule.family if rule is not None else ""
        types = [type_of_value(value, rule.types if rule is not None else PLAIN_TYPES) for value in values]
        misfit_rows = [row for row, column_type in enumerate(types) if not _fits(column_type, column.type, rule)]
        misfits.update(misfit_rows)
        if misfit_rows and not family and not _type_is_kept(types, column, before.columns[name], rule):
            return True
    return any(count > 1 for count in misfits.values())


def _fits(own: str | None, column_type: str, rule: Rule | None) -> bool:
    if rule is not None and rule.family == "times":
        return own is None or plain(own) in rule.types
    return fits(own, column_type, rule.family if rule is not None else "")


def _type_is_kept(types: Sequence[str | None], column: Column, before: Column, rule: Rule | None) -> bool:
    if rule is not None and rule.pinned:
        return True
    allowed = rule.types if rule is not None else PLAIN_TYPES
    if most_frequent_type(types, column, allowed) != column.type:
        return False
    if column.type != "float":
        return True
    others = column.type_counts.get("float", 0) - before.type_counts.get("float", 0)
    as_integers = Counter(before.type_counts)
    as_integers["integer"] += others
    return most_frequent_type(types, Column("float", as_integers), allowed) == "float"
