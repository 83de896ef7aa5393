"""The two lanes of decoding: the compiled one where it is exact, orjson's for everything else.

Rules
1. The result is what the orjson lane alone would have made of the whole chunk: the same table, the same dead letters,
   the same learned schema. The compiled decoder changes the time only.
2. The compiled decoder (`ingest/fastlane`) is given the columns as they are learned, and takes whole messages: those
   whose every value stands in its column exactly. It hands back all others, malformed ones included.
3. The orjson lane decodes what was handed back: rows, dead letters, new columns. If each known column keeps its type
   then, and the columns of both are not too many, the two parts are put together in order of arrival.
4. Values decide the type of their column by their number, and those that were taken count too when the orjson lane
   decides about the others. Where the type may change (`type_changes`), the orjson lane decodes the whole chunk.
5. Where keys are not columns as they stand ([schema] rename, exclude, hash, unknown), where a column may be one of
   several types of lists, and without the compiled decoder, the orjson lane works alone.

Theory: rows that were taken fit their columns, so among themselves they can neither change a type nor be rejected, and
the type of a column whose values all fit is not decided anew. A column's array is the same whichever lane made it, and
what a chunk teaches is a function of its arrays and of the rejected values. Order of columns: those of the first row as
it has them, then the others by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.config.schema import Schema
from ingest.pipeline.decoding import compiled
from ingest.pipeline.decoding.arrays import arrow_type, has_wide
from ingest.pipeline.decoding.column_types import STRUCTURED, Family
from ingest.pipeline.decoding.columns import Built, columns_learned_from
from ingest.pipeline.decoding.flatten import Row
from ingest.pipeline.decoding.learned_schema import MAX_COLUMNS, LearnedSchema
from ingest.pipeline.decoding.orjson_lane import Decoder
from ingest.pipeline.decoding.parse import Parsed, parse
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.decoding.type_changes import type_may_change
from ingest.records import reindexed

_NULLS = "null"
# Reasons to reject a row before any of its values is examined.
_BEFORE_VALUES = frozenset({"empty_key", "empty_object"})

_BufferRanges = Sequence[tuple[int, int] | None]


class _Compiled(Protocol):
    """`ingest_fastlane.Decoder`; its own documentation says what these are."""

    def decode(
        self, messages: Sequence[bytes | None]
    ) -> tuple[bytes, Sequence[tuple[int, int, _BufferRanges, tuple[int, int, _BufferRanges] | None]], int, bytes]: ...


@dataclass(frozen=True, slots=True)
class _Taken:
    """Rows of the compiled lane: `rows` are their indices in the chunk; the first message has the first `leading`."""

    table: pa.RecordBatch
    rows: npt.NDArray[np.int64]
    leading: int


def installed_lane(choice: Literal["auto", "orjson"]) -> Literal["fast", "orjson"]:
    """The lane that [batch] lane selects; orjson's where the compiled one is not installed."""
    return "fast" if choice == "auto" and not compiled.fault_of_fast_lane() else "orjson"


def switched_off_by(schema: Schema) -> list[str]:
    """The keys of [schema] that switch the fast lane off, because keys are not columns as they stand (rule 5)."""
    keys = {
        "rename": schema.rename,
        "exclude": schema.exclude,
        "hash": schema.hash,
        "unknown": schema.unknown != "send",
    }
    return [key for key, is_set in keys.items() if is_set]


class Lanes:
    """Decodes chunks by `lane`, and keeps the learned schema from chunk to chunk."""

    def __init__(self, schema: LearnedSchema, lane: Literal["fast", "orjson"]) -> None:
        self._schema = schema
        self._orjson = Decoder(schema)
        self._fast = lane == "fast"
        self._nulls: set[str] = set()  # columns of nothing but nulls: their type is not known
        self._known: tuple[tuple[str, str, bool], ...] = ()
        self._numbers: set[str] = set()  # columns of integers that take none past 2**53
        self._compiled: _Compiled | None = None
        self.rows = {"fast": 0, "orjson": 0}  # messages that each of them has decoded, rejected ones too

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """`values` are the raw messages of a chunk, None for a tombstone. Every index is accepted or rejected."""
        taken = self._take(values) if self._fast else None
        decoded = self._joined(values, taken) if taken is not None else None
        if decoded is None:
            decoded, taken = self._orjson.decode(values), None
        by_fast = 0 if taken is None else len(taken.rows)
        self.rows["fast"] += by_fast
        self.rows["orjson"] += len(values) - by_fast
        self._remember_null_columns(decoded.table)
        return decoded

    def build(self, parsed: Parsed) -> Decoded:
        """The columns of what orjson has parsed. Every index is accepted or rejected."""
        self.rows["orjson"] += len(parsed.values)
        return self._orjson.build(parsed)

    def _take(self, values: Sequence[bytes | None]) -> _Taken | None:
        """The rows that the compiled decoder takes; None if there are none, or if it can't be used."""
        decoder = self._compiled_decoder()
        if decoder is None:
            return None
        indices, columns, leading, blob = decoder.decode(values)
        rows = np.frombuffer(indices, dtype=np.int64)
        if not len(rows):
            return None
        buffer = pa.py_buffer(blob)
        arrays, names = [], []
        for column, nulls, ranges, items in columns:
            name, column_type, _ = self._known[column]
            array = _array(arrow_type(column_type), len(rows), nulls, _Buffers(buffer, ranges), items)
            if name in self._numbers and has_wide(array):
                return None  # the compiled decoder takes them, in any column of integers
            names.append(name)
            arrays.append(array)
        return _Taken(pa.RecordBatch.from_arrays(arrays, names=names), rows, leading)

    def _joined(self, values: Sequence[bytes | None], taken: _Taken) -> Decoded | None:
        """The rows taken and what the orjson lane makes of the others; None if it must decode all of them (rule 4)."""
        others = np.ones(len(values), dtype=np.bool_)
        others[taken.rows] = False
        indices = np.flatnonzero(others)
        if not len(indices):
            self._schema.learn(columns_learned_from(taken.table, self._schema))
            return Decoded(taken.table, taken.rows, ())
        parsed = parse([values[index] for index in indices.tolist()])
        counted = replace(
            self._schema,
            columns={**self._schema.columns, **columns_learned_from(taken.table, self._schema)},
            taken=self._times_taken(taken.table),
        )
        rest, built = Decoder(counted).attempt(parsed)
        conflicts = any(fault.reason.code not in _BEFORE_VALUES for fault in built.rejected)
        if (
            self._changes_type(built)
            or built.nulled
            or self._may_pass_limit(taken, parsed, built)
            or (conflicts and type_may_change(parsed.rows, counted, self._schema))
        ):
            return None
        first = parsed.rows[built.kept[0]] if built.kept else {}
        table, accepted, positions = _merged(taken, rest.table, indices[rest.accepted], first)
        odd = {name: {int(positions[row]): value for row, value in own.items()} for name, own in built.odd.items()}
        found = {**counted.columns, **built.learned}
        names = dict.fromkeys((*table.schema.names, *built.learned))
        self._schema.learn({name: found[name] for name in names if name in found})
        return Decoded(table, accepted, reindexed(rest.rejected, indices), odd=odd)

    def _times_taken(self, table: pa.RecordBatch) -> Mapping[str, int]:
        """The number of values in each column of times."""
        columns = zip(table.schema.names, table.columns, strict=True)
        return {name: len(array) - array.null_count for name, array in columns if self._family(name) == "times"}

    def _family(self, name: str) -> Family:
        rule = self._schema.rules.get(name)
        return rule.family if rule is not None else ""

    def _changes_type(self, built: Built) -> bool:
        known = self._schema.columns
        return any(name in known and known[name].type != column.type for name, column in built.learned.items())

    def _may_pass_limit(self, taken: _Taken, parsed: Parsed, built: Built) -> bool:
        """The chunk may have too many columns, those of rejected rows included: all rows decide which ones pay."""
        keys = {*taken.table.schema.names, *built.table.schema.names}
        keys.update(*(parsed.rows[fault.index] for fault in built.rejected))
        return len(keys) > MAX_COLUMNS and len(keys - self._schema.named) > MAX_COLUMNS

    def _compiled_decoder(self) -> _Compiled | None:
        """The compiled decoder for the columns as they are known now; None where orjson works alone (rule 5)."""
        known = self._compiled_columns()
        if known is None:
            return None
        if known != self._known or self._compiled is None:
            self._known, self._compiled = known, compiled.decoder.Decoder(known)
            self._numbers = {
                name for name, column_type, _ in known if column_type == "integer" and self._family(name) == "numbers"
            }
        return self._compiled

    def _compiled_columns(self) -> tuple[tuple[str, str, bool], ...] | None:
        """Each known column's name, its type, and whether a row must have it; None if they are not for this lane."""
        schema = self._schema
        if not schema.plain or not schema.columns:
            return None
        types = {name: column.type for name, column in schema.columns.items()}
        types |= {name: _NULLS for name in self._nulls if name not in types}
        found = []
        for name, column_type in types.items():
            rule = schema.rules.get(name)
            if rule is not None and column_type != _NULLS:
                # The type of a list is decided with every chunk, so there must be only one to choose from.
                settled = rule.types == {column_type} if rule.types & STRUCTURED else column_type in rule.types
                if not settled:
                    return None
            found.append((name, column_type, rule is not None and rule.required))
        if any(rule.required and name not in types for name, rule in schema.rules.items()):
            return None
        return tuple(found) if len(types.keys() - schema.named) <= MAX_COLUMNS else None

    def _remember_null_columns(self, table: pa.RecordBatch) -> None:
        """Remember the columns of nulls only."""
        if len(self._nulls) > MAX_COLUMNS // 2:
            self._nulls.clear()
        self._nulls.update(field.name for field in table.schema if pa.types.is_null(field.type))
        self._nulls -= self._schema.columns.keys()


class _Buffers:
    """The buffers of one column, cut from the blob in turn."""

    def __init__(self, blob: pa.Buffer, ranges: _BufferRanges) -> None:
        self._blob = blob
        self.buffers = [None if each is None else blob.slice(*each) for each in ranges]

    def of(self, ranges: _BufferRanges) -> "_Buffers":
        return _Buffers(self._blob, ranges)


def _array(
    type_: pa.DataType, length: int, nulls: int, buffers: _Buffers, items: tuple[int, int, _BufferRanges] | None
) -> pa.Array:
    if not buffers.buffers:
        return pa.nulls(length, type_)
    children = None
    if items is not None:
        children = [_array(type_.value_type, items[0], items[1], buffers.of(items[2]), None)]
    return pa.Array.from_buffers(type_, length, buffers.buffers, nulls, children=children)


def _merged(
    taken: _Taken, rest: pa.RecordBatch, rows: npt.NDArray[np.int64], first: Row
) -> tuple[pa.RecordBatch, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows taken and the `rest` in order, their indices, and where each row of the rest has come to stand.

    `rows` and `first` are those of the rest.
    """
    if not len(rows):
        return taken.table, taken.rows, rows
    both = np.concatenate((taken.rows, rows))
    order = np.argsort(both)
    names = list(first) if rows[0] < taken.rows[0] else taken.table.schema.names[: taken.leading]
    names += sorted({*taken.table.schema.names, *rest.schema.names}.difference(names))
    schema = pa.schema([(name, _type(name, taken.table.schema, rest.schema)) for name in names])
    table = pa.concat_batches([_widened(taken.table, schema), _widened(rest, schema)])
    return table.take(pa.array(order)), both[order], np.argsort(order)[len(taken.rows) :]


def _type(name: str, one: pa.Schema, other: pa.Schema) -> pa.DataType:
    found = [schema.field(name).type for schema in (one, other) if name in schema.names]
    return next((type_ for type_ in found if not pa.types.is_null(type_)), pa.null())


def _widened(table: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """With all columns of `schema`: nulls in those that `table` lacks or has nothing but nulls in."""
    arrays = [
        table.column(field.name)
        if field.name in table.schema.names and table.schema.field(field.name).type.equals(field.type)
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
