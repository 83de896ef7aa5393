"""The result of decoding a chunk. It is not in `ingest.records`, which the supervisor imports without loading Arrow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.records import Rejected, reindexed


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded chunk: `table` has one row per accepted message, in arrival order.

    `accepted` gives the chunk's index of each row, `filtered` those of good rows that a sample leaves out; `accepted`,
    `rejected` and `filtered` together are the whole chunk. Where messages hold several predictions, each is a row: then
    an index is in `accepted` once for each, `numbers` has the prediction's index within its message, a message of which
    some can't be sent is in `rejected` too, and one of which some are sent is not in `filtered`.
    `widened` lists (column, old type, new type) whose earlier rows can't share a batch with these. `nulled` counts the
    values that became null by column, `ignored` those of columns that are not sent, as the configuration wants it.
    `odd` has, by column and row of `table`, the values that are not of their column's type and are null there; none
    once the table is enriched.
    `late` counts the actuals among the rows that come too late to be joined (see `join_window`).
    """

    table: pa.RecordBatch
    accepted: npt.NDArray[np.int64]
    rejected: Sequence[Rejected]
    widened: Sequence[tuple[str, str, str]] = ()
    nulled: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    odd: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)
    numbers: npt.NDArray[np.int64] | None = None
    filtered: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def without(self, faults: Sequence[Rejected]) -> "Decoded":
        """With the rows of `faults`, whose indices are rows of `table`, among the rejected ones."""
        if not faults:
            return self
        stay = np.ones(self.table.num_rows, dtype=np.bool_)
        stay[[fault.index for fault in faults]] = False
        rejected = sorted((*self.rejected, *reindexed(faults, self.accepted)), key=lambda fault: fault.index)
        return replace(self, table=self.table.filter(pa.array(stay)), accepted=self.accepted[stay], rejected=rejected)

    def sampled(self, chosen: npt.NDArray[np.bool_]) -> "Decoded":
        """With only the `chosen` rows; the others are filtered."""
        if chosen.all():
            return self
        table, filtered = self.table.filter(pa.array(chosen)), self.accepted[~chosen]
        return replace(self, table=table, accepted=self.accepted[chosen], filtered=filtered)
