"""`ingest supervise` with every snapshot that it publishes in a file, one JSON object a line.

`python -m tests.harness.snapshots FILE supervise ...` is the command's line; `Snapshots` reads the file.
"""

import json
import sys
import time
from collections.abc import Callable
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
        self._read = 0

    @property
    def launcher(self) -> list[str]:
        """For `Supervise`."""
        return [sys.executable, "-m", "tests.harness.snapshots", str(self.path)]

    def newest(self) -> dict[str, Any]:
        """The last one that is complete; empty before the first."""
        lines = self.path.read_text().split("\n")[:-1] if self.path.exists() else []
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return found

    def until(self, run: Supervise, condition: Callable[[dict[str, Any]], bool], since: float) -> dict[str, Any]:
        """The first new snapshot that meets `condition`; prints how many seconds after `since` (Unix) it was made."""
        found: dict[str, Any] = {}

        def holds() -> bool:
            nonlocal found
            found = self.newest()
            return bool(found) and found["at"] >= since and condition(found)

        try:
            run.until(holds)
        except AssertionError as late:
            raise AssertionError(f"{found.get('sentence')}: {late}") from None
        print(f"{found['at'] - since:.2f} s: {found['sentence']}", time.time() - found["at"])  # noqa: T201
        return found


def main() -> None:
    """Run the command with the watcher."""
    path = Path(sys.argv.pop(1))

    def watched(*given: Any, **named: Any) -> int:
        return _run(*given, watchers=[SnapshotFile(path)], **named)

    supervise.run = watched
    cli.main()


if __name__ == "__main__":
    main()
