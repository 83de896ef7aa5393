"""A view of a chunk's columns for validation: masks over its rows, and the rows that exceed a limit.

Theory: each check first asks Arrow for an extreme or a count, which is enough for nearly every column; rows are
searched only where it is not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.config.schema import Schema
from ingest.pipeline.arize.geometry import Ints, Mask, numpy_of
from ingest.reasons import Reason

# Rows, and why they can't be sent.
Fault = tuple[Ints, Reason]


@dataclass(frozen=True, slots=True)
class ValidationLimits:
    """Which limits apply: those of this schema for this model. `max_past_years` is the SDK's ARIZE_MAX_PAST_YEARS."""

    schema: Schema
    model_type: str
    environment: str
    max_past_years: int = 5


class ColumnView:
    """The columns of a chunk by name, those of nothing but nulls left out."""

    def __init__(self, table: pa.RecordBatch, limits: ValidationLimits) -> None:
        self.limits = limits
        self.rows = table.num_rows
        self.columns: dict[str, pa.Array] = {
            name: column
            for name, column in zip(table.schema.names, table.columns, strict=True)
            if column.null_count < len(column)
        }

    def valid(self, name: str) -> Mask:
        """The rows with a value in the column; none if there is no such column."""
        column = self.columns.get(name)
        if column is None:
            return np.zeros(self.rows, dtype=np.bool_)
        if not column.null_count:
            return np.ones(self.rows, dtype=np.bool_)
        return np.asarray(numpy_of(column.is_valid()), dtype=np.bool_)

    def any(self, names: Sequence[str]) -> Mask:
        """The rows with a value in one of the columns."""
        return reduce(np.logical_or, map(self.valid, names), np.zeros(self.rows, dtype=np.bool_))

    def value(self, name: str, row: int) -> Any:
        """One value."""
        return self.columns[name][row].as_py()


def where(mask: pa.Array) -> Ints:
    """The rows where `mask` is true."""
    return np.asarray(numpy_of(pc.indices_nonzero(mask)), dtype=np.int64)


def outside(numbers: pa.Array, low: float, high: float) -> Ints:
    """Where a number is not within `low` and `high`; nulls pass."""
    bounds = pc.min_max(numbers).as_py()
    if bounds["min"] is None or (low <= bounds["min"] and bounds["max"] <= high):
        return np.empty(0, dtype=np.int64)
    if pa.types.is_integer(numbers.type):
        # Arrow refuses to compare integers past 2**53 with a float.
        low, high = math.ceil(low), math.floor(high)
    return where(pc.or_(pc.less(numbers, low), pc.greater(numbers, high)))
