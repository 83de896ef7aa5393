"""What the local Arize endpoint knows: its journal, its counters and the faults in force. All threads share it."""

import contextlib
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import FileIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.sandbox.fault_injection import Fault, Measures, Misbehaviour, Value
from ingest.sandbox.journal import JournalWriter
from ingest.sandbox.tally import Tally


class BrokenOffError(Exception):
    """The client went away in the middle of a request."""


class Endpoint(ThreadingHTTPServer):
    """One listening endpoint on one journal. Counters and faults are guarded by `lock`."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[BaseHTTPRequestHandler],
        *,
        journal: Path,
        api_key: str,
        space_id: str,
    ) -> None:
        super().__init__(address, handler)
        self.lock = threading.Lock()
        self.api_key = api_key
        self.space_id = space_id
        self.journal = JournalWriter(journal)
        self.tally = Tally.of(journal)
        self.counters: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.misbehaviour = Misbehaviour()
        self.random = random.Random(0)
        self._in_hand = 0

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Count a client that left; show anything else."""
        if isinstance(sys.exception(), BrokenOffError | ConnectionError):
            self.count("broken_off")
        else:
            super().handle_error(request, client_address)

    def count(self, name: str) -> None:
        """One more of these."""
        with self.lock:
            self.counters[name] += 1

    @contextlib.contextmanager
    def in_hand(self) -> Iterator[int]:
        """One more upload in its hands: how many it has, this one included."""
        with self.lock:
            self._in_hand += 1
            at_once = self._in_hand
        try:
            yield at_once
        finally:
            with self.lock:
                self._in_hand -= 1

    def control(self, wanted: dict[str, Any]) -> None:
        """Replace the faults, the seed of the dice or the key. Raises `ValueError` or `TypeError`, changing nothing."""
        unknown = wanted.keys() - {"faults", "seed", "api_key"}
        if unknown:
            raise ValueError(f"unknown key {min(unknown)!r}; known: faults, seed, api_key")
        faults = [Fault(**fault) for fault in wanted["faults"]] if "faults" in wanted else None
        with self.lock:
            if faults is not None:
                self.misbehaviour = Misbehaviour(faults, time.monotonic())
            if "seed" in wanted:
                self.random = random.Random(wanted["seed"])
            if "api_key" in wanted:
                self.api_key = str(wanted["api_key"])

    def stats(self) -> dict[str, Any]:
        """What GET /stats answers. `answers` counts complete answers by status."""
        with self.lock:
            return {
                "requests": self.counters["requests"],
                "stored_batches": self.tally.batches,
                "stored_rows": self.tally.rows,
                "distinct_rows": self.tally.distinct,
                "duplicates": self.tally.duplicates,
                "untracked_rows": self.tally.untracked,
                "answers": {str(status): count for status, count in sorted(self.answers.items())},
                "elsewhere": self.counters["elsewhere"],
                "broken_off": self.counters["broken_off"],
                "refused": self.counters["refused"],
                "faults": [
                    {**fault.to_json(), "played": played}
                    for fault, played in zip(self.misbehaviour.faults, self.misbehaviour.played, strict=True)
                ],
            }

    def fault_at_head(self, measures: Measures) -> Fault | None:
        """The fault for a request whose head has arrived."""
        with self.lock:
            return self.misbehaviour.at_head(measures, time.monotonic(), self.random.random())

    def fault_by_content(self, table: pa.Table, measures: Measures) -> Fault | None:
        """The fault for a request whose rows are known."""

        def holds(column: str, value: Value) -> bool:
            if column not in table.schema.names:
                return False
            values = table.column(column)
            wanted = pa.scalar(value)
            return wanted.type == values.type and pc.any(pc.equal(values, wanted)).as_py() is True

        with self.lock:
            return self.misbehaviour.by_content(holds, measures, time.monotonic(), self.random.random())

    def store(self, part: FileIO, table: pa.Table) -> None:
        """Make a checked request durable, then count it. Raises `OSError`."""
        self.journal.store(part)
        with self.lock:
            self.tally.add(table)
