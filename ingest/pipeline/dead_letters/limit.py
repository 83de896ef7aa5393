"""Too many: when dead letters are no longer the exception, and the worker must stop instead of draining the topic.

Rules
1. A message counts when it is judged, as deliverable or dead. Decoding and Arize judge apart, each with a count of its
   own: what decodes well may still be refused later.
2. Too many are dead when their share of the newest `window_events` judged messages (whole lots, so a little more)
   exceeds `max_share`; fewer messages than that prove nothing. A `max_share` of 1 is never exceeded.
3. Too many are dead, too, when `max_consecutive` of them came in a row; 0 switches this off.
4. Only a lot with dead messages can be too many. It is not written any more then: it stays uncommitted, and so does
   all after it.

Theory: one bad producer among many makes a share, a deployment that breaks the format makes a run. The first must be
measured over enough messages to be no accident, the second shows at once.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(slots=True)
class DeadLetterLimit:
    """Counts what one judge says. Shares are within 0 and 1."""

    max_share: float
    window_events: int
    max_consecutive: int
    _lots: deque[tuple[int, int]] = field(default_factory=deque)  # (messages, dead among them)
    _messages: int = 0
    _dead: int = 0
    _run: int = 0  # dead messages since the last good one

    def judged(self, dead: npt.NDArray[np.bool_]) -> str | None:
        """Take in a lot of messages in their order; why these are too many, None if they aren't."""
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
        self._lots.append((messages, dead))
        self._messages += messages
        self._dead += dead
        while self._messages - self._lots[0][0] >= self.window_events:
            old_messages, old_dead = self._lots.popleft()
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
