"""Which rows pay where the rows of a chunk have more columns together than one table may hold.

Rules
1. Columns that the configuration names exactly are not counted, so a row with no others never pays.
2. The chunk's learned columns have their place.
3. The other rows are admitted in this order while their columns fit: those whose further columns are all claimed by a
   wildcard, then those whose rarest column is the more frequent in the chunk, then those with fewer such columns.
4. So one message of 2,000 keys pays for itself. Its neighbours, whose columns are many messages' columns, do not.
"""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from ingest.pipeline.decoding.learned_schema import MAX_COLUMNS, LearnedSchema


def rows_past_limit(counted: Mapping[int, AbstractSet[str]], schema: LearnedSchema) -> list[int]:
    """The rows to reject; `counted` are the columns of each row that the limit counts, none of them too many."""
    frequencies = Counter(column for columns in counted.values() for column in columns)
    if len(frequencies) <= MAX_COLUMNS:
        return []
    chosen = frequencies.keys() & schema.columns.keys()

    def order(row: int) -> tuple[bool, int, int]:
        further = counted[row] - chosen
        unclaimed = any(schema.rules.get(column) is None for column in further)
        return unclaimed, -min(map(frequencies.__getitem__, further)), len(further)

    rejected = []
    for row in sorted((row for row, columns in counted.items() if not columns <= chosen), key=order):
        if len(chosen | counted[row]) <= MAX_COLUMNS:
            chosen |= counted[row]
        else:
            rejected.append(row)
    return sorted(rejected)
