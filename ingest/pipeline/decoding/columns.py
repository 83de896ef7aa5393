"""From a chunk's rows to Arrow columns, exactly.

Rules
1. No value changes and no key is dropped: a row whose values can't all stand in their columns exactly is rejected as a
   whole, its neighbours are not touched. An absent key and a null are the same thing to Arize: null. Only what the
   configuration asks for in so many words differs ([schema] conflicts, unknown), and it is counted.
2. A column holds one kind of value (`kinds` says which there are, and which one wins where they conflict). What else
   JSON has, objects and other lists, has no place in a flat column and rejects its row; vectors, boxes and class scores
   have one where the schema says so.
3. A column's type is pinned ([schema.types], `rules`), or learned and kept. It widens from null to anything, and from
   integer to float. A pinned one never changes.
4. What a rejected row would have made of a column does not stay; its kinds are only counted.
5. When a column's type changes from one chunk to the next, `widened` says so, and the two chunks must not share a
   batch.
6. Where [schema.conflicts] says "null", the value that doesn't fit becomes null, and the row goes on.

`keys` says which columns rows have, `arrays` makes an array of each.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.errors import DecodeError
from ingest.pipeline.decoding import arrays
from ingest.pipeline.decoding.blocks import Blocks
from ingest.pipeline.decoding.column_types import PAST_64_BITS, Column, Rule, conflict
from ingest.pipeline.decoding.flatten import Row
from ingest.pipeline.decoding.keys import NOTHING_LEFT, Keys
from ingest.pipeline.decoding.learned_schema import MAX_COLUMNS, LearnedSchema
from ingest.pipeline.decoding.raw_text import RawText
from ingest.reasons import Reason
from ingest.records import Rejected

__all__ = ["MAX_COLUMNS", "Built", "LearnedSchema", "build", "taught"]


@dataclass(frozen=True, slots=True)
class Built:
    """`table` has one row per index in `kept`; `rejected` are the others; `learned` is what the kept rows teach.

    `nulled` counts the kept rows' values that became null, `ignored` those of ignored columns, by column.
    """

    table: pa.RecordBatch
    kept: Sequence[int]
    rejected: Sequence[Rejected]
    widened: Sequence[tuple[str, str, str]]
    learned: Mapping[str, Column]
    nulled: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)


def build(rows: Sequence[Row] | Blocks, contract: LearnedSchema, raw: Callable[[int], bytes]) -> Built:
    """Columns of `rows` under `contract`, which is only read. Indices refer to `rows`.

    `raw(index)` is the message of a row: parsing loses the text of numbers, and makes floats of integers past 64 bits.
    Raises RowsNeeded where `rows` are blocks and can't tell.
    """
    source = RawText(raw)
    kept = np.arange(len(rows))
    rejected: dict[int, Rejected] = {}
    against: dict[str, Counter[str]] = {}
    chunk = _Chunk(rows, contract, source, kept)
    while chunk.run() or chunk.unmask():
        faults, stay = chunk.rejected, np.ones(len(kept), dtype=np.bool_)
        stay[list(faults)] = False
        for row, reason in faults.items():
            rejected[int(kept[row])] = Rejected(int(kept[row]), reason)
        for key in chunk.against.keys() - chunk.nulled:  # those are seen again
            against.setdefault(key, Counter()).update(chunk.against[key])
        kept = kept[stay]
        chunk = chunk.without(stay)
    for key, kinds in chunk.against.items():
        against.setdefault(key, Counter()).update(kinds)
    learned, widened = chunk.taught(against)
    table = pa.RecordBatch.from_arrays(list(chunk.arrays.values()), names=list(chunk.arrays))
    return Built(
        table,
        kept.tolist(),
        [rejected[index] for index in sorted(rejected)],
        widened,
        learned,
        {key: len(found) for key, found in chunk.nulled.items()},
        dict(chunk.ignored),
    )


def taught(table: pa.RecordBatch, contract: LearnedSchema) -> Mapping[str, Column]:
    """What rows teach of which every value was kept; each column has the kind that the contract knows, or is new."""
    nothing = RawText(lambda _: b"")
    chunk = _Chunk((), contract, nothing, np.arange(0), dict(zip(table.schema.names, table.columns, strict=True)))
    return chunk.taught({})[0]


class _Chunk:
    """One pass over a chunk's rows. If some must be rejected, the next pass goes over the others.

    `against` has the kinds of the values that did not fit, by column; `nulled` the rows whose value became null.
    """

    def __init__(
        self,
        rows: Sequence[Row] | Blocks,
        contract: LearnedSchema,
        source: RawText,
        indices: npt.NDArray[np.int64],
        built: Mapping[str, pa.Array] | None = None,
    ) -> None:
        self.rows = rows
        self.contract = contract
        self.source = source
        self.indices = indices
        self.arrays = dict(built or {})
        self.rejected: dict[int, Reason] = {}
        self.against: dict[str, Counter[str]] = {}
        self.nulled: dict[str, set[int]] = {}
        self.ignored: Mapping[str, int] = {}

    def run(self) -> bool:
        """Build what is missing; True when rows were rejected and another pass is needed."""
        if not self.rows:
            self.arrays = {}
            return False
        keys = Keys(self.rows, self.contract, self.source, self.indices.tolist(), self.arrays)
        keyed = keys.columns()
        self.rejected = keys.rejected
        if self.rejected:
            return True  # there are no columns yet that the others could lack
        found = {}
        for key, values in keyed:
            found[key] = self.arrays[key] if values is None else self._fit(key, values)
        self.arrays, self.ignored = found, keys.ignored
        if not found:
            self.rejected = dict.fromkeys(range(len(self.rows)), NOTHING_LEFT)
        for name in self.contract.rules:
            if (rule := self.contract.rules.get(name)) is not None and rule.required:
                self._require(name, rule)
        return bool(self.rejected)

    def unmask(self) -> bool:
        """Find the floats that were written as integers past 64 bits; True if that rejects rows."""
        for key in list(self.arrays):
            found = [row for row in arrays.beyond_integers(self.arrays[key]) if self._was_integer(key, row)]
            self._misfit(key, {row: conflict(key, PAST_64_BITS, None, None) for row in found})
        return bool(self.rejected)

    def without(self, stay: npt.NDArray[np.bool_]) -> "_Chunk":
        """The next pass, over the rows where `stay` is true.

        A column whose kind the contract already had is only filtered. One that is new or changed is built again: what
        a rejected row would have made of it must not stay. So is one with nulled values: they are counted anew.
        """
        columns = self.contract.columns
        mask = pa.array(stay)
        settled = {
            key: array.filter(mask)
            for key, array in self.arrays.items()
            if key in columns and key not in self.nulled and arrays.has_kind(array, columns[key].kind)
        }
        rows = self.rows.choose(stay) if isinstance(self.rows, Blocks) else list(compress(self.rows, stay.tolist()))
        return _Chunk(rows, self.contract, self.source, self.indices[stay], settled)

    def taught(self, against: Mapping[str, Counter[str]]) -> tuple[dict[str, Column], list[tuple[str, str, str]]]:
        """What these columns teach: each one's new state, and those that changed their kind (column, old, new).

        `against` holds the kinds of the values that did not fit, by column.
        """
        learned: dict[str, Column] = {}
        widened = []
        for key, array in self.arrays.items():
            if (own := arrays.votes(array)) is None:
                continue
            kind, votes = own
            column = self.contract.columns.get(key)
            if column is not None:
                votes.update(column.votes)
                if column.kind != kind:
                    widened.append((key, column.kind, kind))
            votes.update(against.get(key, {}))
            learned[key] = Column(kind, votes)
        for key in against.keys() - learned.keys():
            if (column := self.contract.columns.get(key)) is not None:
                learned[key] = Column(column.kind, Counter(column.votes) + against[key])
        return learned, widened

    def _fit(self, key: str, values: Sequence[object]) -> pa.Array:
        rule, column = self.contract.rules.get(key), self.contract.columns.get(key)
        fitted = arrays.fit(key, values, rule, column, partial(self._was_integer, key))
        if fitted.misfits:
            self.against[key] = fitted.against
            self._misfit(key, fitted.misfits)
        return fitted.array

    def _misfit(self, key: str, misfits: Mapping[int, Reason]) -> None:
        """These rows hold something in the column that it can't hold."""
        rule = self.contract.rules.get(key)
        if misfits and rule is not None and rule.on_conflict == "null":
            self.nulled.setdefault(key, set()).update(misfits)
            if key in self.arrays:
                self.arrays[key] = arrays.without(self.arrays[key], list(misfits))
            return
        for row, reason in misfits.items():
            self.rejected.setdefault(row, reason)

    def _was_integer(self, key: str, row: int) -> bool:
        """The row has an integer past 64 bits in this column. One that can't be looked into is rejected."""
        try:
            paths = self.source.past_64_bits(int(self.indices[row]))
        except DecodeError as fault:
            self.rejected.setdefault(row, fault.reason)
            return False
        return any(self.contract.names.of(path) == key for path in paths)

    def _require(self, name: str, rule: Rule) -> None:
        array = self.arrays.get(name)
        if array is None or array.null_count:
            missing = range(len(self.rows)) if array is None else pc.indices_nonzero(array.is_null()).to_pylist()
            reason = Reason("missing_column", f'no value in "{name}", which [schema] {rule.setting} names')
            for row in missing:
                self.rejected.setdefault(row, reason)
