"""Asks a run again and again, on a thread of its own, so that keys and the window never wait for the network.

Rules
1. The newest answer replaces the one before. A failure keeps the last answer, with since when there is none newer.
2. After a failure of a run that was found by its file, it is looked for again: a supervisor that was started again may
   have another address. Only one of the same group and topics takes its place.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from ingest.status import remote
from ingest.status.snapshot import Snapshot
from ingest.status.web.runtime_file import Running

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the run. `failed_since` is monotonic; None while it answers."""

    base: str
    snapshot: Snapshot | None = None
    reason: str = ""
    failed_since: float | None = None


class Feed:
    """A context: asks from its beginning to its end. `seen` may be read on any thread."""

    def __init__(
        self,
        base: str,
        *,
        found: bool,
        ask: Callable[[str], remote.Answer] = remote.ask,
        running: Callable[[], tuple[Running, ...]] = remote.running,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seen = Seen(base)
        self._found = found
        self._ask = ask
        self._running = running
        self._clock = clock
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="top-feed", daemon=True)

    def poll(self) -> None:
        """Ask once."""
        seen = self.seen
        try:
            self.seen = Seen(seen.base, self._ask(seen.base).snapshot)
        except remote.NoAnswerError as error:
            since = self._clock() if seen.failed_since is None else seen.failed_since
            self.seen = Seen(self._base(seen), seen.snapshot, str(error), since)

    def _base(self, seen: Seen) -> str:
        if not self._found or seen.snapshot is None:
            return seen.base
        last = seen.snapshot
        same = (one for one in self._running() if (one.group, one.topics) == (last.group, last.topics))
        newest = max(same, key=lambda one: one.started, default=None)
        return seen.base if newest is None else remote.address(newest.url)

    def _run(self) -> None:
        while not self._ended.is_set():
            self.poll()
            self._ended.wait(EVERY_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
