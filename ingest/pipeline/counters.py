"""Counts of what the configuration takes away from rows, told column by column without flooding anybody.

Rules
1. A column is told at once when it is first counted, and then at most once in `every_s`, with what has come since.
2. At most `MOST` columns are told by name; keys may be data. What others lose is told together, as often as a column.
3. Nothing is told twice and nothing is forgotten: at the end (`last`) what is still untold is told.
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
    """Counts of one kind. Times are monotonic seconds."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._waiting: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    def add(self, counts: Mapping[str, int]) -> None:
        """So many more values of these columns."""
        for column, count in counts.items():
            named = column in self._told or column in self._waiting or len(self._told.keys() | self._waiting) < MOST
            self._waiting[column if named else _OTHERS] += count

    def news(self, now: float, *, last: bool = False) -> DroppedCounts | None:
        """What is due to be told, None if nothing is; it counts as told now."""
        if not self._waiting:
            return None
        due = {
            column: count
            for column, count in self._waiting.items()
            if last or now - self._told.get(column, float("-inf")) >= self._every_s
        }
        if not due:
            return None
        for column in due:
            del self._waiting[column]
            self._told[column] = now
        others = due.pop(_OTHERS, 0)
        return DroppedCounts(due, others)


class DroppedValues:
    """What a worker's rows lose: values that become null, and those of ignored columns."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._nulled = ColumnCounter(every_s)
        self._ignored = ColumnCounter(every_s)

    def add(self, nulled: Mapping[str, int], ignored: Mapping[str, int]) -> None:
        """So many more values, by column."""
        self._nulled.add(nulled)
        self._ignored.add(ignored)

    def news(self, worker: int, now: float, *, last: bool = False) -> Iterator[Event]:
        """What is due to be told; it counts as told now."""
        if (news := self._nulled.news(now, last=last)) is not None:
            yield ValuesNulled(worker=worker, columns=news.columns, other_values=news.others)
        if (news := self._ignored.news(now, last=last)) is not None:
            yield UnknownColumnsIgnored(worker=worker, columns=news.columns, other_values=news.others)
