"""Adds up frequent events of one kind, so that lines stay readable: dead letters are shown immediately, then as sums.

1. The first `DeadLettersWritten` of a worker passes immediately, so that a person sees when it begins.
2. Those that follow within `QUIET_S` are added up and pass as one event when that time is over.
3. Every other event passes as it is. Counts are never lost: `rest` returns the events still held.
"""

from collections import Counter
from dataclasses import dataclass, field

from ingest.events import DeadLettersWritten, Event

QUIET_S = 10.0


@dataclass(slots=True)
class _Held:
    since: float
    reasons: Counter[str] = field(default_factory=Counter)
    example: str = ""


class EventCoalescer:
    """`take` and `due` return the events to be shown now; `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._held: dict[int | None, _Held] = {}

    def take(self, event: Event, now: float) -> list[Event]:
        """`event` has happened."""
        if not isinstance(event, DeadLettersWritten):
            return [event]
        held = self._held.get(event.worker)
        if held is None:
            self._held[event.worker] = _Held(now)
            return [event]
        held.reasons.update(event.reasons)
        held.example = held.example or event.example
        return []

    def due(self, now: float) -> list[Event]:
        """The events that were held for long enough."""
        over = [worker for worker, held in self._held.items() if now - held.since >= QUIET_S]
        return self._release(over, now)

    def rest(self) -> list[Event]:
        """The events that are still held, at the end."""
        return self._release(list(self._held), None)

    def _release(self, workers: list[int | None], now: float | None) -> list[Event]:
        events: list[Event] = []
        for worker in workers:
            held = self._held.pop(worker)
            if held.reasons:
                events.append(DeadLettersWritten(worker=worker, reasons=dict(held.reasons), example=held.example))
                if now is not None:
                    self._held[worker] = _Held(now)
        return events
