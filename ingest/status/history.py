"""What a run was like in the last hour, and its last events.

Rules
1. A sample is kept every `EVERY_S`, `SAMPLES` of them: the newest ones. Where the supervisor did not run for longer
   (it was stopped, or the machine slept), the samples that are missing are None, or as the one before in sums.
2. Of the events only those are kept that a log of level info shows, the last `MOST_EVENTS`.
"""

from collections import deque
from dataclasses import dataclass, field

from ingest.status.snapshot import History, LogLine, Totals

EVERY_S = 10.0
SAMPLES = 360
MOST_EVENTS = 50


def _ring() -> "deque[float | None]":
    return deque(maxlen=SAMPLES)


def _sums() -> "deque[int]":
    return deque(maxlen=SAMPLES)


@dataclass(slots=True)
class HistoryRing:
    """The samples of an hour. Times are monotonic seconds."""

    read_per_s: "deque[float | None]" = field(default_factory=_ring)
    acknowledged_per_s: "deque[float | None]" = field(default_factory=_ring)
    oldest_age_s: "deque[float | None]" = field(default_factory=_ring)
    dead_lettered: "deque[int]" = field(default_factory=_sums)
    restarts: "deque[int]" = field(default_factory=_sums)
    _sampled_at: float | None = None
    _value: History = field(default_factory=History)

    def take(self, totals: Totals, now: float) -> History:
        """The history with `totals`, if a sample is due."""
        if self._sampled_at is not None and now - self._sampled_at < EVERY_S:
            return self._value
        missed = 0 if self._sampled_at is None else int((now - self._sampled_at) / EVERY_S) - 1
        for _ in range(min(missed, SAMPLES)):
            self._append(None, None, None, self.dead_lettered[-1], self.restarts[-1])
        # On the grid of the first sample, so that their number says how long ago each was.
        self._sampled_at = now if self._sampled_at is None else self._sampled_at + (missed + 1) * EVERY_S
        self._append(
            totals.read_per_s, totals.acknowledged_per_s, totals.oldest_age_s, totals.dead_lettered, totals.restarts
        )
        self._value = History(
            every_s=EVERY_S,
            read_per_s=tuple(self.read_per_s),
            acknowledged_per_s=tuple(self.acknowledged_per_s),
            oldest_age_s=tuple(self.oldest_age_s),
            dead_lettered=tuple(self.dead_lettered),
            restarts=tuple(self.restarts),
        )
        return self._value

    def _append(
        self, read: float | None, acknowledged: float | None, age: float | None, dead: int, restarts: int
    ) -> None:
        self.read_per_s.append(read)
        self.acknowledged_per_s.append(acknowledged)
        self.oldest_age_s.append(age)
        self.dead_lettered.append(dead)
        self.restarts.append(restarts)


class EventRing:
    """The last events as log lines, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[LogLine] = deque(maxlen=MOST_EVENTS)
        self._lines: tuple[LogLine, ...] | None = ()

    def add(self, line: LogLine) -> None:
        """One more line."""
        self._kept.append(line)
        self._lines = None

    def lines(self) -> tuple[LogLine, ...]:
        """The value, made anew only after a change."""
        if self._lines is None:
            self._lines = tuple(self._kept)
        return self._lines
