"""What a worker is told: its task when it starts, and what the supervisor wants while it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ingest.config.resolve import TopicConfig
from ingest.pipeline.kafka.start_offset import StartPlan


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker is to do: read `partitions` of the configured topic.

    `until` maps each partition to the offset where this run ends; without it the run has no end. `plan` is what the
    supervisor knows of the topic and its partitions.
    """

    worker: int
    partitions: tuple[int, ...]
    config: TopicConfig
    until: Mapping[int, int] | None = None
    plan: StartPlan = field(default_factory=StartPlan)


class Control(Protocol):
    """What the loop asks at each turn: whether to go on. Must be cheap; never blocks."""

    def wish(self) -> Literal["run", "drain"]:
        """`drain`: stop polling, flush, wait for the acknowledgements up to the deadline, commit, leave."""
        ...

    def added(self) -> Sequence[int]:
        """Partitions to read as well, named since the last call."""
        ...

    def confirmed(self) -> int:
        """How many partitions of the topic, from 0 on, have a confirmed commit, as the supervisor knows; 0: unknown."""
        ...
