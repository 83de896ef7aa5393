"""`ingest supervise` with every snapshot that it publishes in a file, one JSON object a line.

`python -m tests.harness.snapshots FILE supervise ...` is the command's line; `Snapshots` reads the file.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingest import cli
from ingest.commands.supervise import run as supervise
from ingest.events import Event
from ingest.status.snapshot import Snapshot, as_json
from tests.harness.supervise import Supervise

_run = supervise.run


class SnapshotFile:
    """A watcher that writes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")

    def emit(self, event: Event, at: float) -> None:
        """Nothing: snapshots have what follows from it."""

    def tick(self, snapshot: Snapshot) -> None:
        """One line."""
        self._file.write(json.dumps(as_json(snapshot)) + "\n")
        self._file.flush()


class Snapshots:
    """The snapshots of one run, as JSON."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0  # bytes
        self._newest: dict[str, Any] = {}

    @property
    def launcher(self) -> list[str]:
        """For `Supervise`."""
        return [sys.executable, "-m", "tests.harness.snapshots", str(self.path)]

    def _new(self) -> Iterator[dict[str, Any]]:
        """Those that are complete and were not returned before."""
        if self.path.exists():
            with self.path.open() as file:
                file.seek(self._read)
                while (line := file.readline()).endswith("\n"):
                    self._read = file.tell()
                    self._newest = json.loads(line)
                    yield self._newest

    def until(self, run: Supervise, condition: Callable[[dict[str, Any]], bool], since: float) -> dict[str, Any]:
        """The first new snapshot that meets `condition`; prints how many seconds after `since` (Unix) it was made.

        Each snapshot is looked at once, also those that were published while the test slept.
        """
        try:
            run.until(lambda: any(found["at"] >= since and condition(found) for found in self._new()))
        except AssertionError as late:
            raise AssertionError(f"{self._newest.get('sentence')}: {late}") from None
        found = self._newest
        print(f"{found['at'] - since:.2f} s: {found['sentence']}", time.time() - found["at"])  # noqa: T201
        return found


def main() -> None:
    """Run the command with the watcher."""
    path = Path(sys.argv.pop(1))

    def watched(*given: Any, **named: Any) -> int:
        random.random = lambda: 0.99  # the longest backoffs: a state that ends before the next snapshot is in none
        return _run(*given, watchers=[SnapshotFile(path)], **named)

    supervise.run = watched
    cli.main()


if __name__ == "__main__":
    main()
