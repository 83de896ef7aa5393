"""Rows gathered block by block: what the rows by themselves would give, or `RowsNeeded`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.decoding.blocks import Blocks, RowsNeeded

Row = dict[str, Any]

_ROWS = st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.none() | st.integers(), min_size=1), min_size=1)


def gathered(rows: Sequence[Row], block: int, most_columns: int = 100) -> Blocks:
    blocks = Blocks(most_columns)
    for start in range(0, len(rows), block):
        blocks.add(rows[start : start + block])
    return blocks


def columns(blocks: Blocks) -> list[tuple[str, list[Any]]]:
    return [(key, list(values)) for key, values in blocks.columns().items()]


def expected(rows: Sequence[Row]) -> list[tuple[str, list[Any]]]:
    keys = [*rows[0], *sorted(set().union(*rows).difference(rows[0]))]
    return [(key, [row.get(key) for row in rows]) for key in keys]


@given(rows=_ROWS, block=st.integers(1, 5))
def test_columns_are_those_of_the_rows_in_any_order_of_keys(rows: list[Row], block: int) -> None:
    assert columns(gathered(rows, block)) == expected(rows)


@given(rows=_ROWS, block=st.integers(1, 5), data=st.data())
def test_the_rows_that_stay_have_their_own_columns_or_are_needed(
    rows: list[Row], block: int, data: st.DataObject
) -> None:
    stay = np.array([True, *data.draw(st.lists(st.booleans(), min_size=len(rows) - 1, max_size=len(rows) - 1))])
    left = [row for row, stays in zip(rows, stay, strict=True) if stays]
    try:
        chosen = gathered(rows, block).choose(stay)
    except RowsNeeded:
        # Only where a column that the first row lacks has no value left.
        assert any(key not in rows[0] and all(row.get(key) is None for row in left) for key in set().union(*rows))
        return
    assert columns(chosen) == expected(left)


def test_without_its_first_row_nobody_knows_the_order_of_columns() -> None:
    with pytest.raises(RowsNeeded):
        gathered([{"b": 1}, {"a": 1, "b": 2}], 2).choose(np.array([False, True]))


def test_a_column_of_nulls_stays_with_a_first_row_that_has_it() -> None:
    chosen = gathered([{"a": None}, {"a": None, "b": 1}, {"a": 2, "b": 1}], 2).choose(np.array([True, True, False]))
    assert columns(chosen) == [("a", [None, None]), ("b", [None, 1])]


@pytest.mark.parametrize("odd", [{}, {"": 1}])
def test_rows_that_are_rejected_for_their_keys_are_needed(odd: Row) -> None:
    with pytest.raises(RowsNeeded):
        gathered([{"a": 1}, odd], 1)


def test_rows_are_told_apart_where_there_are_too_many_columns() -> None:
    rows = [{f"k{number}": 1} for number in range(5)]
    assert len(gathered(rows, 2, most_columns=5)) == 5
    with pytest.raises(RowsNeeded):
        gathered(rows, 2, most_columns=4)


def test_keys_that_are_data_are_looked_up() -> None:
    rows = [{"id": number, f"k{number % 997}": number} for number in range(1_500)]
    assert columns(gathered(rows, 100, most_columns=2_000)) == expected(rows)
