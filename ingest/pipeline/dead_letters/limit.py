"""The limit on dead letters: past it the worker must stop, instead of draining the topic into the dead letters.

Rules
1. A message counts when it is known to be deliverable or dead. Decoding and Arize's answers have a limit each, as a
   message that was decoded may still be refused by Arize. One that holds several predictions is dead if any of them is,
   and counts once in each batch that has some of them.
2. Too many are dead when their share of the newest `window_events` messages (whole groups, so a little more) exceeds
   `max_share`. The share counts from the first message on; before there are `window_events`, it needs `LEAST_EVENTS`
   messages and `LEAST_DEAD` dead ones among them, as fewer prove nothing. A `max_share` of 1 is never exceeded.
3. Too many are dead, too, when the first `FIRST_EVENTS` messages are all dead, unless `max_share` is 1.
4. Too many are dead, too, when `max_consecutive` of them came in a row; 0 switches this off.
5. Only a group with dead messages can exceed the limit. It is not written then: it stays uncommitted, and so does
   everything after it.
6. Messages that are not to be delivered do not count, neither for a share nor in a row: those that are filtered or were
   settled already, and tombstones, also if they are dead letters. A tombstone is no prediction that failed, and a
   compacted topic may begin with any number of them.

Theory: one bad producer among many makes a share, a deployment that breaks the format makes a run, a configuration that
doesn't fit the topic makes dead letters of all messages from the first one on. The first must be measured over enough
messages to be more than chance, the others show immediately.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

LEAST_EVENTS = 200
LEAST_DEAD = 100
FIRST_EVENTS = 1_000


@dataclass(slots=True)
class DeadLetterLimit:
    """Counts the messages of one step, decoding or uploading. Shares are within 0 and 1.

    `proved`: at least one message could be delivered.
    """

    max_share: float
    window_events: int
    max_consecutive: int
    proved: bool = False
    _groups: deque[tuple[int, int]] = field(default_factory=deque)  # (messages, dead among them)
    _messages: int = 0
    _dead: int = 0
    _run: int = 0  # dead messages since the last good one
    _first: int = 0  # dead messages before the first deliverable one

    def add(self, dead: npt.NDArray[np.bool_], deliverable: int) -> str | None:
        """Count a group of messages in their order. Returns why too many are dead, None if they aren't.

        `dead` is of those that were to be delivered (rule 6); `deliverable` rows of them can be.
        """
        if not len(dead):
            return None
        number = int(np.count_nonzero(dead))
        longest = self._longest_run(dead)
        self._count(len(dead), number)
        self.proved = self.proved or deliverable > 0
        if not number:
            return None
        if not self.proved:
            self._first += number
        if self.max_consecutive and longest >= self.max_consecutive:
            return f"{longest:,} messages in a row ([dead_letters] max_consecutive = {self.max_consecutive:,})"
        if self._share_exceeded():
            if not self.proved:
                return (
                    f"the first {self._first:,} messages to be delivered, every one of them ([dead_letters] max_share)"
                )
            return (
                f"{self._dead:,} of the last {self._messages:,} messages to be delivered "
                f"([dead_letters] max_share = {self.max_share:g} of window_events = {self.window_events:,})"
            )
        return None

    def _share_exceeded(self) -> bool:
        """Rules 2 and 3."""
        if self.max_share >= 1:
            return False
        enough = self._messages >= self.window_events or (self._messages >= LEAST_EVENTS and self._dead >= LEAST_DEAD)
        if enough and self._dead > self.max_share * self._messages:
            return True
        return not self.proved and self._first >= FIRST_EVENTS

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
