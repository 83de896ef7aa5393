"""One process: the loop that joins the steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from ingest.config import Config
from ingest.errors import ExitCode
from ingest.events import Emit


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker is to do: `partitions` of the configured topic, until `until` (partition -> end offset) or forever."""

    worker: int
    partitions: tuple[int, ...]
    config: Config
    until: Mapping[int, int] | None = None


class Control(Protocol):
    """What the loop asks at each turn: whether to go on. Must be cheap; never blocks."""

    def wish(self) -> Literal["run", "drain"]:
        """`drain`: stop polling, flush, wait for the acknowledgements up to the deadline, commit, leave."""
        ...


def run(task: Task, emit: Emit, control: Control) -> ExitCode:
    """Run one worker to its end."""
    raise NotImplementedError
