"""The journal of the local Arize endpoint: a directory with one file per stored request.

Rules
1. A request's body is written to `incoming-*.part`, synced, and then renamed to `NNNNNNNNNN.arrow`, in the order of
   storing. The answer is sent after the rename. A crash may leave parts, but never an incomplete request.
2. A stored file is the unchanged body: an Arrow stream with the `arize-schema` in its metadata. So storing is only a
   copy, and the reader has every row, value and type.
3. Numbers continue after those of an earlier endpoint on the same directory.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.sandbox.arize_schema import decode, environment

PARTITION = "kp"
SEQUENCE = "seq"

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """One stored request with its unchanged rows. `stored_at` is in seconds since the epoch."""

    number: int
    table: pa.Table
    schema: Any
    stored_at: float

    @property
    def model_name(self) -> str:
        """The model's name in the upload."""
        return str(self.schema.constants.model_id)

    @property
    def model_version(self) -> str:
        """The model's version in the upload."""
        return str(self.schema.constants.model_version)

    @property
    def environment(self) -> str:
        """PRODUCTION, TRAINING or VALIDATION."""
        return environment(self.schema)


class Journal:
    """Reads a journal, also while an endpoint writes it. Tables are memory-mapped: they need memory only when used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self) -> list[Path]:
        """The stored requests in the order they were stored."""
        return sorted(self.path.glob("*.arrow"))

    def requests(self) -> Iterator[StoredRequest]:
        """Every stored request."""
        for file in self.files():
            with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
                table = stream.read_all()
            yield StoredRequest(int(file.stem), table, decode(table.schema), file.stat().st_mtime)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row as Python values, without its nulls: a null and an absent key are the same to Arize."""
        for request in self.requests():
            for batch in request.table.to_batches(max_chunksize=5_000):
                for row in batch.to_pylist():
                    yield {name: value for name, value in row.items() if value is not None}

    def counts(self) -> dict[int, Ints]:
        """Per partition (column `kp`) how often each sequence number (column `seq`) is stored, indexed by it."""
        found: dict[int, list[Ints]] = {}
        for request in self.requests():
            for partition, sequences in by_partition(request.table):
                found.setdefault(partition, []).append(sequences)
        return {partition: np.bincount(np.concatenate(parts)) for partition, parts in sorted(found.items())}

    def received(self) -> dict[tuple[int, int], int]:
        """(partition, sequence) -> how often it is stored. For a million rows `counts` needs less memory."""
        return {
            (partition, int(sequence)): int(counts[sequence])
            for partition, counts in self.counts().items()
            for sequence in np.flatnonzero(counts)
        }


class JournalWriter:
    """Stores requests. Any number of threads may spool concurrently."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        for part in path.glob("incoming-*.part"):
            part.unlink()
        self._path = path
        self._directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        files = Journal(path).files()
        self._next_number = int(files[-1].stem) + 1 if files else 0
        self._next_part = 0
        self._lock = threading.Lock()

    def spool(self) -> FileIO:
        """Create a file for a request's body. Pass it to `store` or `drop` afterwards."""
        with self._lock:
            self._next_part += 1
            number = self._next_part
        return FileIO(self._path / f"incoming-{number:010d}.part", "x+")

    def store(self, part: FileIO) -> None:
        """Make a spooled request durable: when this returns it survives a crash of the machine. Raises `OSError`."""
        os.fdatasync(part.fileno())
        part.close()
        with self._lock:
            number = self._next_number
            self._next_number += 1
            Path(str(part.name)).rename(self._path / f"{number:010d}.arrow")
        os.fsync(self._directory)

    def drop(self, part: FileIO) -> None:
        """Delete a spooled request."""
        part.close()
        Path(str(part.name)).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the directory; stored requests stay."""
        os.close(self._directory)


def by_partition(table: pa.Table | pa.RecordBatch) -> Iterator[tuple[int, Ints]]:
    """(partition, sequence numbers) for each partition in `table`; nothing if a row lacks one of the columns."""
    if PARTITION not in table.schema.names or SEQUENCE not in table.schema.names:
        return
    partition_column, sequence_column = table.column(PARTITION), table.column(SEQUENCE)
    for column in (partition_column, sequence_column):
        if column.null_count or not pa.types.is_integer(column.type):
            return
    partitions = np.asarray(partition_column.to_numpy(), dtype=np.int64)
    sequences = np.asarray(sequence_column.to_numpy(), dtype=np.int64)
    for partition in np.unique(partitions):
        yield int(partition), sequences[partitions == partition]
