"""Adds up events that come again and again, so that lines stay readable: shown immediately, then as sums.

1. The first `DeadLettersWritten` of a worker passes immediately, so that a person sees when it begins. Those that
   follow within `QUIET_S` are added up and pass as one event when that time is over.
2. Of another event the first passes immediately, at every level: an error is never held back the first time.
3. An event of the same kind and worker with the same sentence is counted within `REPEATS_S` of the first. When that
   time is over, one `Repeated` has their number and the event's level, and the time begins again. Without a repeat in
   it the sentence is forgotten.
4. Events of level debug pass as they are: whoever asks for them wants each.
5. At most `MOST_SENTENCES` are remembered; one more ends the time of the oldest. Counts are never lost: `rest` returns
   what is still held.
"""

from collections import Counter
from dataclasses import dataclass, field

from ingest.events import DeadLettersWritten, Event, Repeated
from ingest.status.lines import sentence

QUIET_S = 10.0
REPEATS_S = 30.0
MOST_SENTENCES = 1000

_Key = tuple[type[Event], int | None, str]


@dataclass(slots=True)
class _DeadLetters:
    since: float
    reasons: Counter[str] = field(default_factory=Counter)
    example: str = ""


@dataclass(slots=True)
class _Same:
    event: Event
    since: float
    times: int = 0


class EventCoalescer:
    """`take` and `due` return the events to be shown now; `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._dead_letters: dict[int | None, _DeadLetters] = {}
        self._same: dict[_Key, _Same] = {}  # the longest remembered first

    def take(self, event: Event, now: float) -> list[Event]:
        """`event` has happened."""
        if isinstance(event, DeadLettersWritten):
            return self._take_dead_letters(event, now)
        if event.level == "debug":
            return [event]
        key = (type(event), event.worker, sentence(event))
        same = self._same.get(key)
        if same is not None and now - same.since < REPEATS_S:
            same.times += 1
            return []
        shown = self._end(key, now)
        if len(self._same) >= MOST_SENTENCES:
            shown += self._end(next(iter(self._same)), now)
        self._same[key] = _Same(event, now)
        return [*shown, event]

    def due(self, now: float) -> list[Event]:
        """The events that were held for long enough."""
        over = [worker for worker, held in self._dead_letters.items() if now - held.since >= QUIET_S]
        shown = self._release(over, now)
        for key, same in list(self._same.items()):
            if now - same.since < REPEATS_S:
                break
            shown += self._end(key, now)
            if same.times:  # it goes on: the next ones are counted, too
                self._same[key] = _Same(same.event, now)
        return shown

    def rest(self, now: float) -> list[Event]:
        """The events that are still held, at the end."""
        shown = self._release(list(self._dead_letters), None)
        for key in list(self._same):
            shown += self._end(key, now)
        return shown

    def _end(self, key: _Key, now: float) -> list[Event]:
        same = self._same.pop(key, None)
        if same is None or not same.times:
            return []
        repeated = Repeated(
            worker=same.event.worker, level=same.event.level, text=key[2], times=same.times, within_s=now - same.since
        )
        return [repeated]

    def _take_dead_letters(self, event: DeadLettersWritten, now: float) -> list[Event]:
        held = self._dead_letters.get(event.worker)
        if held is None:
            self._dead_letters[event.worker] = _DeadLetters(now)
            return [event]
        held.reasons.update(event.reasons)
        held.example = held.example or event.example
        return []

    def _release(self, workers: list[int | None], now: float | None) -> list[Event]:
        events: list[Event] = []
        for worker in workers:
            held = self._dead_letters.pop(worker)
            if held.reasons:
                events.append(DeadLettersWritten(worker=worker, reasons=dict(held.reasons), example=held.example))
                if now is not None:
                    self._dead_letters[worker] = _DeadLetters(now)
        return events
