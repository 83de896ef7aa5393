"""Counts stored rows and duplicates among them, with a bit for each (partition, sequence)."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.sandbox.journal import Ints, Journal, by_partition

MAX_SEQUENCE = 1 << 28


@dataclass(slots=True)
class RowCounter:
    """Rows with the columns `kp` and `seq` (0 <= seq < 2**28) are identified by them; others are `untracked`."""

    batches: int = 0
    rows: int = 0
    distinct: int = 0
    duplicates: int = 0
    untracked: int = 0
    _seen: dict[int, npt.NDArray[np.bool_]] = field(default_factory=dict)

    @classmethod
    def of(cls, journal: Path) -> "RowCounter":
        """The counter of the rows that a journal already holds."""
        counter = cls()
        for request in Journal(journal).requests():
            counter.add(request.table)
        return counter

    def add(self, table: pa.Table) -> None:
        """Count one stored request."""
        self.batches += 1
        self.rows += table.num_rows
        tracked = 0
        for partition, sequences in by_partition(table):
            usable = sequences[(sequences >= 0) & (sequences < MAX_SEQUENCE)]
            if len(usable):
                tracked += len(usable)
                self._mark(partition, usable)
        self.untracked += table.num_rows - tracked

    def _mark(self, partition: int, sequences: Ints) -> None:
        seen = self._seen.get(partition)
        top = int(sequences.max()) + 1
        if seen is None or len(seen) < top:
            grown = np.zeros(max(top, 2 * len(seen) if seen is not None else 4096), dtype=np.bool_)
            if seen is not None:
                grown[: len(seen)] = seen
            self._seen[partition] = seen = grown
        distinct = np.unique(sequences)
        new = len(distinct) - int(np.count_nonzero(seen[distinct]))
        seen[distinct] = True
        self.distinct += new
        self.duplicates += len(sequences) - new
