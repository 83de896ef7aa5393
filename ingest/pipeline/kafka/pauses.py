"""Which partitions of a consumer are paused: those that somebody has asked for, and all while the loop has no room.

Rules
1. A partition is paused while one of the two reasons holds. Neither ends the other: what was asked for outlives a
   stall, and what is asked for during one does not end it.
2. An assignment begins without pauses in the client, so they are made again: all of them if the whole consumer is
   assigned anew, except that such an assignment ends the stall.
3. The client is told of changes only: each pause discards what was fetched ahead, and each resume begins to fetch anew.
4. What was asked for holds for partitions that are assigned later, too.
"""

from collections.abc import Callable, Iterable

Tell = Callable[[list[int]], None]


class Pauses:
    """The pauses of one consumer; `pause` and `resume` tell its client about partitions that are assigned to it."""

    def __init__(self, pause: Tell, resume: Tell) -> None:
        self._pause = pause
        self._resume = resume
        self._assigned: set[int] = set()
        self._paused: set[int] = set()  # in the client
        self._stalled = False
        self.requested: frozenset[int] = frozenset()

    def assign(self, partitions: Iterable[int]) -> None:
        """The client has been assigned exactly these partitions, and the stall is over."""
        self._assigned, self._paused, self._stalled = set(partitions), set(), False
        self._settle()

    def add(self, partition: int) -> None:
        """The client has been assigned this partition as well, or once more."""
        self._assigned.add(partition)
        self._paused.discard(partition)
        self._settle()

    def drop(self, partition: int) -> None:
        """The client does not have this partition any more."""
        self._assigned.discard(partition)
        self._paused.discard(partition)

    def stall(self, *, stalled: bool) -> None:
        """There is no room for messages of any partition, or there is again."""
        if stalled != self._stalled:
            self._stalled = stalled
            self._settle()

    def request(self, partitions: frozenset[int]) -> None:
        """Exactly these partitions are to be paused, room or not."""
        self.requested = partitions
        self._settle()

    def _settle(self) -> None:
        wanted = set(self._assigned) if self._stalled else self._assigned & self.requested
        pause, resume = wanted - self._paused, self._paused - wanted
        self._paused = wanted
        if pause:
            self._pause(sorted(pause))
        if resume:
            self._resume(sorted(resume))
