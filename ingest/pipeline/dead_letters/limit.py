"""The limit on dead letters: past it the worker must stop, instead of draining the topic into the dead letters.

Rules
1. A message counts when it is known to be deliverable or dead. Decoding and Arize's answers have a limit each, as a
   message that was decoded may still be refused by Arize. One that holds several predictions is dead if any of them is,
   and counts once in each batch that has some of them.
2. Too many are dead when their share of the newest `window_events` messages (whole groups, so a little more) exceeds
   `max_share`; fewer messages than that prove nothing. A `max_share` of 1 is never exceeded.
3. Too many are dead, too, when `max_consecutive` of them came in a row; 0 switches this off.
4. Only a group with dead messages can exceed the limit. It is not written then: it stays uncommitted, and so does
   everything after it.

Theory: one bad producer among many makes a share, a deployment that breaks the format makes a run. The first must be
measured over enough messages to be more than chance, the second shows immediately.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(slots=True)
class DeadLetterLimit:
    """Counts the messages of one step, decoding or uploading. Shares are within 0 and 1."""

    max_share: float
    window_events: int
    max_consecutive: int
    _groups: deque[tuple[int, int]] = field(default_factory=deque)  # (messages, dead among them)
    _messages: int = 0
    _dead: int = 0
    _run: int = 0  # dead messages since the last good one

    def add(self, dead: npt.NDArray[np.bool_]) -> str | None:
        """Count a group of messages in their order. Returns why too many are dead, None if they aren't."""
        if not len(dead):
            return None
        longest = self._longest_run(dead)
        self._count(len(dead), int(np.count_nonzero(dead)))
        if not dead.any():
            return None
        if self.max_consecutive and longest >= self.max_consecutive:
            return f"{longest:,} messages in a row ([dead_letters] max_consecutive = {self.max_consecutive:,})"
        if self._messages >= self.window_events and self._dead > self.max_share * self._messages:
            return (
                f"{self._dead:,} of the last {self._messages:,} messages "
                f"([dead_letters] max_share = {self.max_share:g} of window_events = {self.window_events:,})"
            )
        return None

    def _count(self, messages: int, dead: int) -> None:
        self._groups.append((messages, dead))
        self._messages += messages
        self._dead += dead
        while self._messages - self._groups[0][0] >= self.window_events:
            old_messages, old_dead = self._groups.popleft()
            self._messages -= old_messages
            self._dead -= old_dead

    def _longest_run(self, dead: npt.NDArray[np.bool_]) -> int:
        good = np.flatnonzero(~dead)
        if not len(good):
            self._run += len(dead)
            return self._run
        first = self._run + int(good[0]) if good[0] else 0
        self._run = len(dead) - 1 - int(good[-1])
        between = int(np.diff(good).max()) - 1 if len(good) > 1 else 0
        return max(first, between, self._run)
