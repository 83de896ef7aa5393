"""From a chunk's rows to Arrow columns, exactly.

Rules
1. No value changes and no key is dropped: a row whose values can't all stand in their columns exactly is rejected as a
   whole, and its neighbours are not touched. An absent key and a null are the same thing to Arize: null. Only [schema]
   conflicts and unknown make exceptions, and these are counted.
2. A column holds one type of value; `column_types` decides which one where values conflict, `families` where Arize
   takes several types for one meaning. Objects and other lists can't stand in a flat column and reject their row;
   vectors, boxes and class scores can, where the schema gives the column that role.
3. A column's type is pinned ([schema.types], `rules`), or learned and kept. It widens from null to anything, and from
   integer to float. A pinned one never changes.
4. What a rejected row would have made of a column does not stay; its types are only counted.
5. When a column's type changes from one chunk to the next, `widened` says so, and the two chunks must not share a
   batch.
6. Where [schema.conflicts] says "null", the value that doesn't fit becomes null, and the row goes on.
7. Of several values that don't fit, the reason names the one whose column comes first by name: no neighbour decides.

`keys` finds the columns of the rows, `arrays` makes an array of each.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.errors import DecodeError
from ingest.pipeline.decoding import arrays
from ingest.pipeline.decoding.blocks import Blocks
from ingest.pipeline.decoding.column_types import PAST_64_BITS, Column, Rule, conflict, type_of_value
from ingest.pipeline.decoding.flatten import Row
from ingest.pipeline.decoding.keys import NOTHING_LEFT, Keys
from ingest.pipeline.decoding.learned_schema import MAX_COLUMNS, LearnedSchema
from ingest.pipeline.decoding.look_alikes import LookAlikes
from ingest.pipeline.decoding.raw_text import RawText
from ingest.reasons import Reason
from ingest.records import Rejected

__all__ = ["MAX_COLUMNS", "Built", "LearnedSchema", "build", "columns_learned_from"]


@dataclass(frozen=True, slots=True)
class Built:
    """`table` has one row per index in `kept`; `rejected` are the others; `learned` is the new state of each column.

    `nulled` counts the kept rows' values that became null, `ignored` those of ignored columns, by column. `odd` has the
    values that are carried beside their column (`families`), by column and row of `table`.
    """

    table: pa.RecordBatch
    kept: Sequence[int]
    rejected: Sequence[Rejected]
    widened: Sequence[tuple[str, str, str]]
    learned: Mapping[str, Column]
    nulled: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)
    odd: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)


def build(rows: Sequence[Row] | Blocks, schema: LearnedSchema, raw: Callable[[int], bytes]) -> Built:
    """Columns of `rows` under `schema`, which is only read. Indices refer to `rows`.

    `raw(index)` is the message of a row: parsing loses the text of numbers, and makes floats of integers past 64 bits.
    Raises RowsNeeded where `rows` are blocks and only whole rows can decide.
    """
    raw_text = RawText(raw)
    kept = np.arange(len(rows))
    rejected: dict[int, Rejected] = {}
    misfit_counts: dict[str, Counter[str]] = {}
    chunk = _Pass(rows, schema, raw_text, kept)
    while chunk.run() or chunk.reject_large_integers():
        faults, stay = chunk.rejected, np.ones(len(kept), dtype=np.bool_)
        stay[list(faults)] = False
        for row, reason in faults.items():
            rejected[int(kept[row])] = Rejected(int(kept[row]), reason)
        for key in chunk.misfit_counts.keys() - chunk.nulled:  # those are seen again
            misfit_counts.setdefault(key, Counter()).update(chunk.misfit_counts[key])
        kept = kept[stay]
        chunk = chunk.without(stay)
    for key, types in chunk.misfit_counts.items():
        misfit_counts.setdefault(key, Counter()).update(types)
    learned, widened = chunk.learned_columns(misfit_counts)
    table = pa.RecordBatch.from_arrays(list(chunk.arrays.values()), names=list(chunk.arrays))
    return Built(
        table,
        kept.tolist(),
        [rejected[index] for index in sorted(rejected)],
        widened,
        learned,
        {key: len(found) for key, found in chunk.nulled.items()},
        dict(chunk.ignored),
        chunk.odd,
    )


def columns_learned_from(table: pa.RecordBatch, schema: LearnedSchema) -> Mapping[str, Column]:
    """The state of the columns after these rows, all of whose values fit; each has its learned type, or is new."""
    nothing = RawText(lambda _: b"")
    chunk = _Pass((), schema, nothing, np.arange(0), dict(zip(table.schema.names, table.columns, strict=True)))
    return chunk.learned_columns({})[0]


class _Pass:
    """One pass over a chunk's rows. If it rejects some, the next pass goes over the others.

    `misfit_counts` counts the values that did not fit, by column and type; `nulled` has the rows whose value became
    null, `odd` the values beside their column.
    """

    def __init__(
        self,
        rows: Sequence[Row] | Blocks,
        schema: LearnedSchema,
        raw_text: RawText,
        indices: npt.NDArray[np.int64],
        built: Mapping[str, pa.Array] | None = None,
    ) -> None:
        self.rows = rows
        self.schema = schema
        self.raw_text = raw_text
        self.indices = indices
        self.arrays = dict(built or {})
        self.rejected: dict[int, Reason] = {}
        self.misfits: dict[str, Mapping[int, Reason]] = {}
        self.misfit_counts: dict[str, Counter[str]] = {}
        self.nulled: dict[str, set[int]] = {}
        self.odd: dict[str, Mapping[int, Any]] = {}
        self.ignored: Mapping[str, int] = {}

    def run(self) -> bool:
        """Build what is missing; True when rows were rejected and another pass is needed."""
        if not self.rows:
            self.arrays = {}
            return False
        keys = Keys(self.rows, self.schema, self.raw_text, self.indices.tolist(), self.arrays)
        keyed = keys.columns()
        self.rejected = keys.rejected
        if self.rejected:
            return True  # there are no columns yet that the others could lack
        found = {}
        for key, values in keyed:
            found[key] = self.arrays[key] if values is None else self._fit(key, values)
        self.arrays, self.ignored = found, keys.ignored
        for key in sorted(self.misfits):
            self._apply_misfits(key, self.misfits[key])
        if not found:
            self.rejected = dict.fromkeys(range(len(self.rows)), NOTHING_LEFT)
        for name in self.schema.rules:
            if (rule := self.schema.rules.get(name)) is not None and rule.required:
                self._require(name, rule)
        return bool(self.rejected)

    def reject_large_integers(self) -> bool:
        """Find the floats that were written as integers past 64 bits; True if rows are rejected for them."""
        for key in sorted(self.arrays):
            found = [row for row in arrays.rows_of_large_floats(self.arrays[key]) if self._was_integer(key, row)]
            self._apply_misfits(key, {row: conflict(key, PAST_64_BITS, None, None) for row in found})
        return bool(self.rejected)

    def without(self, stay: npt.NDArray[np.bool_]) -> "_Pass":
        """The next pass, over the rows where `stay` is true.

        A column that keeps its learned type is only filtered. One that is new or changed is built again: what a
        rejected row would have made of it must not stay. So is one with nulled values: they are counted anew.
        """
        columns = self.schema.columns
        mask = pa.array(stay)
        settled = {
            key: array.filter(mask)
            for key, array in self.arrays.items()
            if key in columns and key not in self.nulled and arrays.has_type(array, columns[key].type)
        }
        rows = self.rows.choose(stay) if isinstance(self.rows, Blocks) else list(compress(self.rows, stay.tolist()))
        following = _Pass(rows, self.schema, self.raw_text, self.indices[stay], settled)
        position = np.cumsum(stay) - 1
        for key in self.odd.keys() & settled.keys():
            following.odd[key] = {int(position[row]): value for row, value in self.odd[key].items() if stay[row]}
        return following

    def learned_columns(
        self, misfit_counts: Mapping[str, Counter[str]]
    ) -> tuple[dict[str, Column], list[tuple[str, str, str]]]:
        """The new state of each column, and the columns whose type changed (column, old type, new type).

        `misfit_counts` counts the values that did not fit, by column and type.
        """
        learned: dict[str, Column] = {}
        widened = []
        for key, array in self.arrays.items():
            if (own := arrays.type_and_counts(array)) is None:
                continue
            column_type, type_counts = own
            column = self.schema.columns.get(key)
            if column is not None:
                type_counts.update(column.type_counts)
                if column.type != column_type and not self._is_time(key):
                    widened.append((key, column.type, column_type))
            type_counts.update(misfit_counts.get(key, {}))
            if key in self.odd:
                type_counts.update(type_of_value(value) or "" for value in self.odd[key].values())
            learned[key] = Column(column_type, type_counts)
        for key in misfit_counts.keys() - learned.keys():
            if (column := self.schema.columns.get(key)) is not None:
                learned[key] = Column(column.type, Counter(column.type_counts) + misfit_counts[key])
        return learned, widened

    def _fit(self, key: str, values: Sequence[object]) -> pa.Array:
        rule, column = self.schema.rules.get(key), self.schema.columns.get(key)
        taken = self.schema.taken.get(key, 0)
        fitted = arrays.fit(key, values, rule, column, partial(self._was_integer, key), taken=taken)
        if fitted.misfits:
            self.misfit_counts[key] = fitted.misfit_counts
            self.misfits[key] = fitted.misfits
        if fitted.odd:
            self.odd[key] = fitted.odd
        return fitted.array

    def _is_time(self, key: str) -> bool:
        """The column's Arrow type follows from the units of its values, not from its type."""
        rule = self.schema.rules.get(key)
        return rule is not None and rule.family == "times"

    def _apply_misfits(self, key: str, misfits: Mapping[int, Reason]) -> None:
        """Null these rows' values in the column, or reject the rows, as [schema.conflicts] says."""
        rule = self.schema.rules.get(key)
        if misfits and rule is not None and rule.on_conflict == "null":
            self.nulled.setdefault(key, set()).update(misfits)
            if key in self.arrays:
                self.arrays[key] = arrays.with_nulls_at(self.arrays[key], list(misfits))
            return
        for row, reason in misfits.items():
            self.rejected.setdefault(row, reason)

    def _was_integer(self, key: str, row: int) -> bool:
        """The row has an integer past 64 bits in this column. A row that can't be examined is rejected."""
        try:
            paths = self.raw_text.past_64_bits(int(self.indices[row]))
        except DecodeError as fault:
            self.rejected.setdefault(row, fault.reason)
            return False
        return any(self.schema.renamer.column_of(path) == key for path in paths)

    def _require(self, name: str, rule: Rule) -> None:
        array = self.arrays.get(name)
        if array is None or array.null_count:
            missing = range(len(self.rows)) if array is None else pc.indices_nonzero(array.is_null()).to_pylist()
            look_alikes = LookAlikes(self.arrays, [name], [rule.setting])
            for words, rows in look_alikes.reasons(row for row in missing if row not in self.rejected):
                detail = f'no value in "{name}", which [schema] {rule.setting} names{words}'
                self.rejected.update(dict.fromkeys(rows, Reason("missing_column", detail)))
