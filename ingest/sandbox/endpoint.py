"""The state of the local Arize endpoint, shared by all its threads: journal, counters and the faults in force."""

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

from ingest.sandbox.fault_injection import Fault, FaultPlan, Measures, Value
from ingest.sandbox.journal import JournalWriter
from ingest.sandbox.row_counter import RowCounter


class ClientDisconnectedError(Exception):
    """The client disconnected in the middle of a request."""


class Endpoint(ThreadingHTTPServer):
    """An endpoint that listens and writes one journal. `lock` guards counters and faults."""

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
        self.row_counter = RowCounter.of(journal)
        self.counters: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.fault_plan = FaultPlan()
        self.random = random.Random(0)
        self._open_uploads = 0

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Count a client that disconnected; print any other error."""
        if isinstance(sys.exception(), ClientDisconnectedError | ConnectionError):
            self.count("broken_off")
        else:
            super().handle_error(request, client_address)

    def count(self, name: str) -> None:
        """Add one to a counter."""
        with self.lock:
            self.counters[name] += 1

    @contextlib.contextmanager
    def open_upload(self) -> Iterator[int]:
        """Count an upload while it is open; yields the number of open uploads, this one included."""
        with self.lock:
            self._open_uploads += 1
            concurrent = self._open_uploads
        try:
            yield concurrent
        finally:
            with self.lock:
                self._open_uploads -= 1

    def control(self, wanted: dict[str, Any]) -> None:
        """Replace the faults, the seed of the dice or the key. Raises `ValueError` or `TypeError`, changing nothing."""
        unknown = wanted.keys() - {"faults", "seed", "api_key"}
        if unknown:
            raise ValueError(f"unknown key {min(unknown)!r}; known: faults, seed, api_key")
        faults = [Fault(**fault) for fault in wanted["faults"]] if "faults" in wanted else None
        with self.lock:
            if faults is not None:
                self.fault_plan = FaultPlan(faults, time.monotonic())
            if "seed" in wanted:
                self.random = random.Random(wanted["seed"])
            if "api_key" in wanted:
                self.api_key = str(wanted["api_key"])

    def stats(self) -> dict[str, Any]:
        """The answer to GET /stats. Its `answers` counts complete answers by status."""
        with self.lock:
            return {
                "requests": self.counters["requests"],
                "stored_batches": self.row_counter.batches,
                "stored_rows": self.row_counter.rows,
                "distinct_rows": self.row_counter.distinct,
                "duplicates": self.row_counter.duplicates,
                "untracked_rows": self.row_counter.untracked,
                "answers": {str(status): count for status, count in sorted(self.answers.items())},
                "elsewhere": self.counters["elsewhere"],
                "broken_off": self.counters["broken_off"],
                "refused": self.counters["refused"],
                "faults": [
                    {**fault.to_json(), "played": played}
                    for fault, played in zip(self.fault_plan.faults, self.fault_plan.played, strict=True)
                ],
            }

    def fault_at_head(self, measures: Measures) -> Fault | None:
        """The fault for a request whose head has arrived."""
        with self.lock:
            return self.fault_plan.at_head(measures, time.monotonic(), self.random.random())

    def fault_by_content(self, table: pa.Table, measures: Measures) -> Fault | None:
        """The fault for a request whose rows are known."""

        def holds(column: str, value: Value) -> bool:
            if column not in table.schema.names:
                return False
            values = table.column(column)
            wanted = pa.scalar(value)
            return wanted.type == values.type and pc.any(pc.equal(values, wanted)).as_py() is True

        with self.lock:
            return self.fault_plan.by_content(holds, measures, time.monotonic(), self.random.random())

    def store(self, part: FileIO, table: pa.Table) -> None:
        """Make a checked request durable, then count it. Raises `OSError`."""
        self.journal.store(part)
        with self.lock:
            self.row_counter.add(table)
