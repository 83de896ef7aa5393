"""Counts of the values that the configuration drops from rows, reported by column and not too often.

Rules
1. A column is reported immediately when it is first counted, and then at most once in `every_s`, with the values that
   have been counted since.
2. At most `MOST` columns are reported by name, as keys may be data. The values of the others are reported together, as
   often as those of one column.
3. Every value is reported once: at the end (`last`) all that remain are reported.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingest.events import Event, UnknownColumnsIgnored, ValuesNulled

MOST = 200
EVERY_S = 30.0
_OTHERS = ""  # no column has this name


@dataclass(frozen=True, slots=True)
class DroppedCounts:
    """Values by column, and those of columns past the first `MOST`."""

    columns: Mapping[str, int]
    others: int


class ColumnCounter:
    """Counts the dropped values of each column. Times are monotonic seconds."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._waiting: Counter[str] = Counter()
        self._reported_at: dict[str, float] = {}

    def add(self, counts: Mapping[str, int]) -> None:
        """Count more values of these columns."""
        for column, count in counts.items():
            named = (
                column in self._reported_at
                or column in self._waiting
                or len(self._reported_at.keys() | self._waiting) < MOST
            )
            self._waiting[column if named else _OTHERS] += count

    def drain(self, now: float, *, last: bool = False) -> DroppedCounts | None:
        """The counts that are due, None if none are. They are reported with this call, and start again from zero."""
        if not self._waiting:
            return None
        due = {
            column: count
            for column, count in self._waiting.items()
            if last or now - self._reported_at.get(column, float("-inf")) >= self._every_s
        }
        if not due:
            return None
        for column in due:
            del self._waiting[column]
            self._reported_at[column] = now
        others = due.pop(_OTHERS, 0)
        return DroppedCounts(due, others)


class DroppedValues:
    """The values that a worker drops from rows: those that become null, and those of ignored columns."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._nulled = ColumnCounter(every_s)
        self._ignored = ColumnCounter(every_s)

    def add(self, nulled: Mapping[str, int], ignored: Mapping[str, int]) -> None:
        """Count more values, by column."""
        self._nulled.add(nulled)
        self._ignored.add(ignored)

    def drain(self, now: float, *, last: bool = False) -> Iterator[Event]:
        """The events that are due. Their counts start again from zero."""
        if (drained := self._nulled.drain(now, last=last)) is not None:
            yield ValuesNulled(columns=drained.columns, other_values=drained.others)
        if (drained := self._ignored.drain(now, last=last)) is not None:
            yield UnknownColumnsIgnored(columns=drained.columns, other_values=drained.others)
