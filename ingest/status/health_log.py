"""When the log says how a run is: what screens and page show at a glance, for those who only read lines.

Rules
1. Kafka, ingest and Arize have a health each. It is told with the sentence of the same snapshot, as soon as one of the
   three is worse than it was told last.
2. What is better is told once it has been so for `STEADY_S`, so that a fault that comes and goes does not fill the log:
   until then the log says something worse than what is, never something better.
3. A run begins well, and its end is told by others.
"""

from ingest.events import HealthChanged
from ingest.status.snapshot import ORDER, Health, Snapshot

STEADY_S = 10.0
_LEVELS = {Health.OK: "info", Health.DEGRADED: "warning", Health.FAILING: "error"}


class HealthLog:
    """Takes each snapshot of a run. `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._told = (Health.OK, Health.OK, Health.OK)
        self._seen = self._told
        self._since = float("-inf")

    def take(self, snapshot: Snapshot, now: float) -> HealthChanged | None:
        """What is to be told now, if anything."""
        healths = snapshot.healths
        if healths != self._seen:
            self._seen, self._since = healths, now
        if snapshot.ended or healths == self._told:
            return None
        worse = any(ORDER.index(one) > ORDER.index(told) for one, told in zip(healths, self._told, strict=True))
        if not worse and now - self._since < STEADY_S:
            return None
        self._told = healths
        kafka, own, arize = healths
        return HealthChanged(
            level=_LEVELS[snapshot.health],  # type: ignore[arg-type]
            health=snapshot.health,
            kafka=kafka,
            ingest=own,
            arize=arize,
            text=snapshot.sentence,
        )
