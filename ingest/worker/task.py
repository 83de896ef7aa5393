"""What a worker is told: its task when it starts, and what the supervisor wants while it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ingest.config.resolve import TopicConfig
from ingest.pipeline.kafka.start_offset import StartPlan


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker is to do: read `partitions` of the configured topic.

    `until` maps each partition to the offset where this run ends; without it the run has no end. `plan` is what the
    supervisor knows of the topic and its partitions; `paused` are the partitions that begin paused by request.
    """

    worker: int
    partitions: tuple[int, ...]
    config: TopicConfig
    until: Mapping[int, int] | None = None
    plan: StartPlan = field(default_factory=StartPlan)
    paused: frozenset[int] = frozenset()


class Control(Protocol):
    """What the supervisor requests of the loop, asked at each turn. Must be cheap; never blocks."""

    def drain_requested(self) -> bool:
        """Whether to stop polling, flush, wait for the acknowledgements up to the deadline, commit and exit."""
        ...

    def added(self) -> Sequence[int]:
        """Partitions to read in addition, since the last call."""
        ...

    def confirmed(self) -> int:
        """How many partitions of the topic, from 0 on, have a confirmed commit, as the supervisor knows; 0: unknown."""
        ...

    def paused(self) -> frozenset[int]:
        """The partitions that are paused by request; those that the worker does not read don't matter."""
        ...
