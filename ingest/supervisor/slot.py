"""One worker's slot: the partitions that are assigned to it, and the process that reads them now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.events import Event
from ingest.supervisor.partition_sets import Assignment


class Worker(Protocol):
    """A running process, as `ingest.supervisor.process.Process` and the tests' fakes implement it."""

    pid: int

    def exit_code(self) -> int | None:
        """None while it runs."""
        ...

    def events(self) -> list[Event]:
        """The events that it has sent since the last call."""
        ...

    def fds(self) -> list[int]:
        """The descriptors that become readable when it sends an event or ends."""
        ...

    def sentinel(self) -> int:
        """The descriptor that becomes readable when it ends."""
        ...

    def drain(self) -> None:
        """Order it to deliver what it has read, commit and exit."""
        ...

    def add(self, partitions: Sequence[int]) -> None:
        """Order it to read these partitions, too."""
        ...

    def keep_paused(self, partitions: Sequence[int]) -> None:
        """Order it to read nothing more of exactly these partitions."""
        ...

    def confirmed(self, partitions: int) -> None:
        """Tell it how many partitions of its topic, from 0 on, have a confirmed commit."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...

    def close(self) -> None:
        """Free the descriptors of an ended process."""
        ...


Spawn = Callable[[int, Assignment], Worker]


@dataclass(slots=True)
class Slot:
    """One worker's slot. Times are monotonic seconds."""

    index: int
    assignment: Assignment
    process: Worker | None = None
    start_at: float | None = 0.0  # None: no process is started here again
    started_at: float = 0.0
    progress_at: float = 0.0  # of the last `Progress`
    drain_until: float | None = None  # once a drain was requested: the deadline that the worker keeps itself
    restart_until: float | None = None  # a drain and a new start were requested: when the drain must be over
    reading: bool = False  # the process has begun to read
    killed: bool = False
    crashes: tuple[float, ...] = ()
    paused: frozenset[int] = frozenset()  # partitions that somebody has paused; whatever becomes of the process

    def reads(self, topic: str, partition: int) -> bool:
        """Whether a process reads this partition, or one will be started that does."""
        assigned = self.assignment.topic == topic and partition in self.assignment.partitions
        return assigned and (self.process is not None or self.start_at is not None)

    def kill(self) -> None:
        """Kill the process, if one runs."""
        if self.process is not None:
            self.killed = True
            self.process.kill()
