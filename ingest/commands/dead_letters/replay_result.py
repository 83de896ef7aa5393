"""The result of a replay."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingest.commands.dead_letters.index_entry import IndexEntry
from ingest.errors import ExitCode

PIPELINE = "pipeline"
TOPIC = "topic"

Advance = Callable[[int], None]  # called with the number of dead letters that have just finished


@dataclass(slots=True)
class ReplayResult:
    """Numbers of the selected dead letters by result. `failed` counts by the new reason.

    `filtered` counts those that the configuration leaves out now: routes that are not delivered, and samples.
    `max_replays_reached` counts those that were replayed too often before, `originals_missing` the redacted ones whose
    messages Kafka does not hold any more.
    """

    selected: int
    replayed: int = 0
    filtered: int = 0
    max_replays_reached: int = 0
    originals_missing: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    to: str = PIPELINE
    dry_run: bool = False
    interrupted: bool = False

    @property
    def remaining(self) -> int:
        """Dead letters that were not tried, because the replay was interrupted."""
        return self.selected - self.replayed - self.filtered - self._skipped - self.failed.total()

    @property
    def _skipped(self) -> int:
        return self.max_replays_reached + self.originals_missing

    @property
    def exit_code(self) -> ExitCode:
        """DONE if all were replayed or filtered, DRAIN_DEADLINE if interrupted.

        TOO_MANY_DEAD if some failed or were skipped, or all were filtered: a replay that delivered nothing is not done.
        """
        if self.interrupted:
            return ExitCode.DRAIN_DEADLINE
        nothing = self.filtered and not self.replayed
        return ExitCode.TOO_MANY_DEAD if self.failed or self._skipped or nothing else ExitCode.DONE


def split_by_replays(entries: Sequence[IndexEntry], max_replays: int) -> tuple[list[IndexEntry], int]:
    """The dead letters that were replayed fewer than `max_replays` times, and the number of the others."""
    allowed = [entry for entry in entries if entry.replays < max_replays]
    return allowed, len(entries) - len(allowed)
