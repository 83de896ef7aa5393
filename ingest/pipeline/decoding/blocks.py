"""The rows of a chunk by column, taken in a block at a time: the usual way, and the cheaper one.

Rules
1. What comes out is what the rows by themselves would give (`keys`): the same columns in the same order, the first
   row's as it has them, then the others by name; None where a row lacks a key or has null there.
2. A block's objects are looked through while the processor's cache still holds them, and die before the next block is
   parsed; only their values stay.
3. Some things only whole rows can tell: a row with an empty key or none at all, the limit of columns, what columns and
   in which order are left once the first row, or all values of a column that it lacks, are rejected. Then `RowsNeeded`
   is raised, and the chunk goes by rows.

Theory: 5,000 parsed objects of 24 keys are 11 MB, and to gather a column touches each of them; twenty-four times over,
that is memory's speed and not the processor's. A block of 500 stays in its cache (blocks of 250 to 500 alike, 1,000 do
half of it, 2,500 next to nothing). And a producer writes its keys in one order, some left out: so the values of a row
are taken as they stand, with nulls put into the gaps, and no key is looked up. What a row lacks is known from its keys
alone, and few combinations of them occur.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.pipeline.decoding.flatten import Row

BLOCK = 500
_MOST_COMBINATIONS = 500  # of keys; with more the keys are data, and looked up


class RowsNeeded(Exception):  # noqa: N818  no error: another way is taken
    """Only the rows can tell."""


class Blocks:
    """`len` rows by column; `add` takes in more."""

    def __init__(self, most_columns: int) -> None:
        """`most_columns`: with more, rows have to be told apart by their keys."""
        self._most_columns = most_columns
        self._first: tuple[str, ...] = ()
        self._order: list[str] = []  # as producers write the keys, as far as they agree
        self._gaps: dict[tuple[str, ...], list[int] | None] = {}  # what such rows lack, by its place in the order
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
        self._meet(set(keyed).difference(self._gaps))
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
        for place, key in enumerate(self._order):
            self._columns[key] += flat[place :: len(self._order)]
        self._count += len(rows)

    def _meet(self, strange: AbstractSet[tuple[str, ...]]) -> None:
        """Rows of these keys come for the first time."""
        known = len(self._order)
        for keys in sorted(strange):  # a set of strings has another order in each process
            self._extend(keys)
        if len(self._order) > known:
            strange = strange | self._gaps.keys()
            self._gaps = {}  # places have moved
        for keys in strange if len(self._gaps) + len(strange) <= _MOST_COMBINATIONS else ():
            there = set(keys)
            in_order = tuple(key for key in self._order if key in there) == keys
            self._gaps[keys] = (
                [place for place, key in enumerate(self._order) if key not in there] if in_order else None
            )

    def _extend(self, keys: tuple[str, ...]) -> None:
        if not keys or "" in keys:
            raise RowsNeeded
        place = 0
        for key in keys:
            if key in self._columns:
                place = self._order.index(key) + 1
                continue
            self._columns[key] = [None] * self._count
            self._order.insert(place, key)
            place += 1
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
                raise RowsNeeded  # is it null in them, or are they without it?
            installed_lane._columns[key] = left
        return installed_lane
