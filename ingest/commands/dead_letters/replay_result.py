"""What becomes of the letters of a replay."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingest.commands.dead_letters.stored import IndexEntry
from ingest.errors import ExitCode

PIPELINE = "pipeline"
TOPIC = "topic"

Advance = Callable[[int], None]  # hears of so many more letters that are done


@dataclass(slots=True)
class ReplayResult:
    """What became of the letters that were meant. `failed` counts by the new reason.

    `gone` counts redacted letters whose messages are not in Kafka any more.
    """

    meant: int
    replayed: int = 0
    held_back: int = 0
    gone: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    to: str = PIPELINE
    dry_run: bool = False
    interrupted: bool = False

    @property
    def left(self) -> int:
        """Letters that were neither replayed nor failed: this run was interrupted before."""
        return self.meant - self.replayed - self.held_back - self.gone - self.failed.total()

    @property
    def exit_code(self) -> ExitCode:
        """DONE when all were replayed, TOO_MANY_DEAD when some failed or were held back, DRAIN_DEADLINE when left."""
        if self.interrupted:
            return ExitCode.DRAIN_DEADLINE
        return ExitCode.TOO_MANY_DEAD if self.failed or self.held_back or self.gone else ExitCode.DONE


def split_by_replays(entries: Sequence[IndexEntry], max_replays: int) -> tuple[list[IndexEntry], int]:
    """Rule 3: the letters that may be replayed, and how many may not."""
    free = [entry for entry in entries if entry.replays < max_replays]
    return free, len(entries) - len(free)
