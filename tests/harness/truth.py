"""What is on the topic, and what has become of it: the ground that every check stands on.

`Truth` is what was produced. `Evidence` is what the endpoint's journal and the dead letters' files hold, read as far as
they have come: both only grow, and only by what is durable, so what was read once stays true.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.sandbox.arize_schema import decode
from ingest.sandbox.generate import Generator
from ingest.sandbox.journal import Ints, Journal, by_partition

Bools = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Truth:
    """The messages of a topic as a reader of committed messages gets them.

    `offsets` gives, per partition, the offset of each event by its sequence number (`seq`), -1 where that event must
    never be delivered (its transaction was aborted). `bad` lists (partition, offset) of the messages that belong in the
    dead letters. What lies below `removed` of its partition is gone from the topic: it may be missing.
    """

    row: Callable[[int, int], Mapping[str, Any]]
    offsets: dict[int, Ints] = field(default_factory=dict)
    bad: set[tuple[int, int]] = field(default_factory=set)
    removed: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of_generator(cls, generator: Generator, ends: Mapping[int, int]) -> "Truth":
        """A topic that only the generator's events were produced to: sequence and offset are the same."""
        truth = cls(generator.row)
        truth.grow(generator, ends)
        return truth

    def grow(self, generator: Generator, ends: Mapping[int, int]) -> None:
        """More of the generator's events were produced, up to `ends`."""
        for partition, end in ends.items():
            known = len(self.offsets.get(partition, ()))
            self.offsets[partition] = np.arange(end, dtype=np.int64)
            if generator.bad_share:
                fresh = range(known, end)
                self.bad.update((partition, sequence) for sequence in fresh if generator.bad(partition, sequence))

    def visible(self, partition: int) -> Ints:
        """All offsets that hold a message, ascending."""
        own = self.offsets.get(partition, np.zeros(0, np.int64))
        extra = [offset for place, offset in self.bad if place == partition]
        present = np.unique(np.concatenate([own[own >= 0], np.array(extra, dtype=np.int64)]))
        return present[present >= self.removed.get(partition, 0)]


class JournalOf(Journal):
    """What the endpoint has stored for one model, where several share it."""

    def __init__(self, path: Path, model: str) -> None:
        super().__init__(path)
        self._model = model
        self._models: dict[Path, str] = {}

    def files(self) -> list[Path]:
        """The model's requests in the order they were stored."""
        for file in super().files():
            if file not in self._models:
                with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
                    self._models[file] = decode(stream.schema).constants.model_id
        return [file for file, model in sorted(self._models.items()) if model == self._model]


@dataclass(slots=True)
class Evidence:
    """Where each event was found so far. `update` reads on; it is cheap to call again and again, from any thread."""

    truth: Truth
    journal: Journal
    dead_letters: Path
    letters: str = "*.jsonl"  # which files in there
    stored: dict[int, Ints] = field(default_factory=dict)  # partition -> times stored, by offset
    dead: dict[tuple[int, int], str] = field(default_factory=dict)  # (partition, offset) -> reason
    strangers: list[tuple[int, int]] = field(default_factory=list)  # stored (partition, sequence) that nobody produced
    _files: set[Path] = field(default_factory=set)
    _read: dict[Path, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def update(self) -> None:
        """Read what is new. Returns when all of it is counted, also what another thread has begun to read."""
        with self._lock:
            self._read_on()

    def _read_on(self) -> None:
        for file in self.journal.files():
            if file not in self._files:
                self._files.add(file)
                with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
                    table = stream.read_all()
                for partition, sequences in by_partition(table):
                    self._add(partition, sequences)
        for letters in self.dead_letters.glob(self.letters):
            with letters.open("rb") as lines:
                lines.seek(self._read.get(letters, 0))
                for line in lines:
                    if not line.endswith(b"\n"):
                        break  # torn by a kill, or being written
                    self._read[letters] = self._read.get(letters, 0) + len(line)
                    letter = json.loads(line)
                    self.dead[int(letter["partition"]), int(letter["offset"])] = letter["reason"]

    def _add(self, partition: int, sequences: Ints) -> None:
        offset_of = self.truth.offsets.get(partition, np.zeros(0, np.int64))
        known = (sequences >= 0) & (sequences < len(offset_of))
        offsets = np.where(known, offset_of[np.where(known, sequences, 0)] if len(offset_of) else -1, -1)
        self.strangers.extend((partition, int(sequence)) for sequence in sequences[offsets < 0])
        counts = self.stored.get(partition, np.zeros(0, np.int64))
        kept = offsets[offsets >= 0]
        size = max(len(counts), int(kept.max()) + 1 if len(kept) else 0)
        grown = np.zeros(size, np.int64)
        grown[: len(counts)] = counts
        np.add.at(grown, kept, 1)
        self.stored[partition] = grown

    def acknowledged(self, partition: int, offsets: Ints) -> Bools:
        """Which of `offsets` are in the journal."""
        counts = self.stored.get(partition, np.zeros(0, np.int64))
        inside = offsets < len(counts)
        found = np.zeros(len(offsets), np.bool_)
        found[inside] = counts[offsets[inside]] > 0
        return found

    def lettered(self, partition: int, offsets: Ints) -> Bools:
        """Which of `offsets` are in the dead letters."""
        own = np.array([offset for place, offset in self.dead if place == partition], dtype=np.int64)
        return np.isin(offsets, own)

    @property
    def stored_rows(self) -> int:
        """All rows in the journal, duplicates too. Another thread may be reading on."""
        return len(self.strangers) + sum(int(counts.sum()) for counts in [*self.stored.values()])

    def twice(self) -> list[tuple[int, int]]:
        """The (partition, offset) of each event that is in the journal more than once."""
        return [
            (partition, int(offset))
            for partition, counts in self.stored.items()
            for offset in np.flatnonzero(counts > 1)
        ]

    @property
    def duplicates(self) -> int:
        """Rows in the journal beyond the first of each event."""
        return sum(int(counts.sum() - np.count_nonzero(counts)) for counts in self.stored.values())
