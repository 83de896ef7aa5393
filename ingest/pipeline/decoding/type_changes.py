"""Whether rows that are looked at apart may turn a column's kind, as they could within their whole chunk.

Rules
1. A column of which every value fits is not put to the vote: only those with a misfit matter.
2. In such a column the kind must win the vote that the whole chunk would hold: the history, the values of the other
   rows (both are in `counted`), and the values of these.
3. Integers in a float column are counted as floats once they stand there. The vote is held both ways, and must come out
   the same.
4. In doubt a kind is at stake: a new column beside a conflict, a row with several misfits (which of them is named
   depends on its neighbours' keys), a float that may be an integer past 64 bits.
"""

from collections import Counter
from collections.abc import Sequence

from ingest.pipeline.decoding.column_types import KINDS, WIDE, Column, Rule, kind_of, winner
from ingest.pipeline.decoding.flatten import Row
from ingest.pipeline.decoding.learned_schema import LearnedSchema

_PAST_INT64 = 2.0**63


def kind_at_stake(rows: Sequence[Row], counted: LearnedSchema, before: LearnedSchema) -> bool:
    """`rows`, some of them in conflict, might change a kind if they were looked at with the rest of their chunk.

    `before` is the contract as it was, `counted` has the votes of the rest as well.
    """
    rows = [row for row in rows if row and "" not in row]  # the others are rejected before they could vote
    misfits: Counter[int] = Counter()
    for name in set().union(*rows):
        values = [row.get(name) for row in rows]
        if all(value is None for value in values):
            continue
        column = counted.columns.get(name)
        if column is None or any(type(value) is float and abs(value) >= _PAST_INT64 for value in values):
            return True
        rule = counted.rules.get(name)
        kinds = [kind_of(value, rule.kinds if rule is not None else KINDS) for value in values]
        odd = [row for row, kind in enumerate(kinds) if not _fits(kind, column.kind)]
        misfits.update(odd)
        if odd and not _holds(kinds, column, before.columns[name], rule):
            return True
    return any(count > 1 for count in misfits.values())


def _fits(kind: str | None, column: str) -> bool:
    return kind is None or kind == column or (column, kind) in {("integer", WIDE), ("float", "integer")}


def _holds(kinds: Sequence[str | None], column: Column, before: Column, rule: Rule | None) -> bool:
    if rule is not None and rule.pinned:
        return True
    allowed = rule.kinds if rule is not None else KINDS
    if winner(kinds, column, allowed) != column.kind:
        return False
    if column.kind != "float":
        return True
    others = column.votes.get("float", 0) - before.votes.get("float", 0)
    as_integers = Counter(before.votes)
    as_integers["integer"] += others
    return winner(kinds, Column("float", as_integers), allowed) == "float"
