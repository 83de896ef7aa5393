"""A range of time, as a backfill is asked for it, and times for people. Imports nothing heavy."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `from_ms` to before `until_ms`, epoch milliseconds; None means earliest and the ends of now.

    `named_group`: the user has named the group, so that nothing but its offsets shows whether it is of this range.
    """

    from_ms: int | None
    until_ms: int | None
    named_group: bool = False

    def __str__(self) -> str:
        begin = "earliest" if self.from_ms is None else text_of(self.from_ms)
        return f"{begin} to {'the end' if self.until_ms is None else text_of(self.until_ms)}"

    def options(self) -> str:
        """The options that name the same range at any time."""
        begin = "earliest" if self.from_ms is None else text_of(self.from_ms)
        return f"--from {begin} --until {'latest' if self.until_ms is None else text_of(self.until_ms)}"


def text_of(at_ms: int) -> str:
    """A time for people: 2026-11-01T03:00:00Z, with milliseconds if it has some."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    fraction = f".{at_ms % 1000:03d}" if at_ms % 1000 else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"
