"""The rows of a chunk by column, gathered block by block: cheaper than whole rows, and the usual way.

Rules
1. The result is what whole rows would give (`keys`): the same columns in the same order, the first row's in its order,
   then the others by name; None where a row lacks a key or has null there.
2. A block's objects are read while the processor's cache still holds them, and are freed before the next block is
   parsed; only their values stay.
3. Some cases need whole rows: a row with an empty key or none at all, the limit of columns, and which columns remain in
   which order once the first row, or all values of a column that it lacks, are rejected. Then `RowsNeeded` is raised,
   and the chunk is decoded row by row.

Theory: 5,000 parsed objects of 24 keys are 11 MB, and gathering a column reads each of them; done 24 times, this takes
memory's speed and not the processor's. A block of 500 stays in its cache. And a producer writes its keys in one order,
some left out: so the values of a row are taken in their order, with nulls put into the gaps, and no key is looked up.
The keys alone show what a row lacks, and few combinations of them occur.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.pipeline.decoding.flatten import Row

BLOCK = 500
_MOST_COMBINATIONS = 500  # of keys; with more, the keys are data, and they are looked up


class RowsNeeded(Exception):  # noqa: N818  not an error: another way is taken
    """The chunk must be decoded row by row."""


class Blocks:
    """Rows by column; `len` is their number, and `add` takes more."""

    def __init__(self, most_columns: int) -> None:
        """`most_columns`: with more of them, whole rows are needed."""
        self._most_columns = most_columns
        self._first: tuple[str, ...] = ()
        self._order: list[str] = []  # the order in which producers write the keys, as far as they agree
        # The positions that each combination of keys lacks; None where its keys are not in order.
        self._gaps: dict[tuple[str, ...], list[int] | None] = {}
        self._columns: dict[str, list[Any]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Sequence[Row]) -> None:
        """The next rows, flat. Raises RowsNeeded."""
        if not rows:
            return
        keyed = list(map(tuple, rows))
        if not self._count:
            self._first = keyed[0]
        self._add_combinations(set(keyed).difference(self._gaps))
        flat: list[Any] = []
        for row, keys in zip(rows, keyed, strict=True):
            gaps = self._gaps.get(keys)
            if gaps is None:
                flat += map(row.get, self._order)
            elif gaps:
                values = [*row.values()]
                for gap in gaps:
                    values.insert(gap, None)
                flat += values
            else:
                flat += row.values()
        for position, key in enumerate(self._order):
            self._columns[key] += flat[position :: len(self._order)]
        self._count += len(rows)

    def _add_combinations(self, unseen: AbstractSet[tuple[str, ...]]) -> None:
        """Find the gaps of combinations of keys that come for the first time."""
        known = len(self._order)
        for keys in sorted(unseen):  # a set of strings has another order in every process
            self._extend(keys)
        if len(self._order) > known:
            unseen = unseen | self._gaps.keys()
            self._gaps = {}  # positions have changed
        for keys in unseen if len(self._gaps) + len(unseen) <= _MOST_COMBINATIONS else ():
            there = set(keys)
            in_order = tuple(key for key in self._order if key in there) == keys
            self._gaps[keys] = (
                [position for position, key in enumerate(self._order) if key not in there] if in_order else None
            )

    def _extend(self, keys: tuple[str, ...]) -> None:
        if not keys or "" in keys:
            raise RowsNeeded
        position = 0
        for key in keys:
            if key in self._columns:
                position = self._order.index(key) + 1
                continue
            self._columns[key] = [None] * self._count
            self._order.insert(position, key)
            position += 1
        if len(self._order) > self._most_columns:
            raise RowsNeeded

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """The values of each column, row by row, in the order of rule 1."""
        others = sorted(self._columns.keys() - set(self._first))
        return {key: self._columns[key] for key in (*self._first, *others)}

    def choose(self, stay: npt.NDArray[np.bool_]) -> "Blocks":
        """Only the rows where `stay` is true; to be read, not added to. Raises RowsNeeded."""
        if not stay[0]:
            raise RowsNeeded
        installed_lane = Blocks(self._most_columns)
        mask = stay.tolist()
        first = set(self._first)  # the first row stays, and each of its keys with it
        installed_lane._first, installed_lane._count = self._first, int(np.count_nonzero(stay))
        for key, values in self._columns.items():
            left = list(compress(values, mask))
            if key not in first and left.count(None) == len(left):
                raise RowsNeeded  # do these rows have nulls in it, or lack it?
            installed_lane._columns[key] = left
        return installed_lane
