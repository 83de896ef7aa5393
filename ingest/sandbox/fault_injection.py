"""Fault injection in the local Arize endpoint: a list of faults, decided request by request.

Rules
1. The first fault whose conditions all hold is played; without one the endpoint answers as usual.
2. Conditions: after `skip` requests, for at most `count` requests, each with `probability`, within `for_s` seconds
   after the fault was set; at least `min_rows` rows and `min_bytes` bytes; at least `min_concurrent` open uploads, this
   one included; a row in which `column` equals `value`.
3. `stored` says whether the rows are in the journal before the fault is played: the answer is ambiguous then.

Pure: the clock, the dice and the request's measures are arguments.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

Kind = Literal[
    "status",
    "redirect",
    "latency",
    "stall",
    "drip",
    "reset",
    "truncate",
    "cut",
    "portal",
    "interim",
    "length",
    "leftover",
]
Ending = Literal["close", "reset", "open"]
Value = str | int | float | bool | None
Holds = Callable[[str, Value], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    status: answers `status`, with `Retry-After: retry_after_s` if given and `text` as its message.
    redirect: answers `status` (301, 302, 303, 307, 308) to `location`; by default the endpoint's own /elsewhere,
        which answers 200 to any request and stores nothing.
    latency: waits `seconds`, then stores and answers as usual.
    stall: reads the request and waits `seconds`, or without them until the client disconnects; after `seconds` it
        answers 200 (the rows are stored, unless `stored` is false: then the answer is wrong).
    drip: answers 200 a byte each `seconds`.
    reset: resets the connection after `after_bytes` bytes of the request, or, when `stored`, after all of it.
    truncate: answers 200 with a Content-Length longer than its body.
    cut: answers only the first `after_bytes` bytes of a 200, then closes, resets or keeps the connection (`ending`).
    portal: answers `status` (200 without one) with a page of HTML, as a proxy or a portal does.
    interim: answers 100, `status` (102 or 103), then 200 as usual.
    length: answers 200 with `length` as its Content-Length.
    leftover: answers 200 as usual, followed by a second 200 without a request.
    """

    kind: Kind
    status: int = 0
    retry_after_s: float | None = None
    text: str = "injected fault"
    location: str = ""
    seconds: float | None = None
    after_bytes: int = 0
    ending: Ending = "close"
    length: str = ""
    stored: bool | None = None

    skip: int = 0
    count: int | None = None
    probability: float = 1.0
    for_s: float | None = None
    min_rows: int = 0
    min_bytes: int = 0
    min_concurrent: int = 0
    column: str | None = None
    value: Value = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown kind of fault {self.kind!r}; known: {', '.join(get_args(Kind))}")
        if self.kind in ("latency", "drip") and self.seconds is None:
            raise ValueError(f"{self.kind} needs seconds")
        if self.kind == "status" and not self.status:
            raise ValueError("status needs a status")
        if self.ending not in get_args(Ending):
            raise ValueError(f"unknown ending {self.ending!r}; known: {', '.join(get_args(Ending))}")
        if self.kind == "redirect" and self.status not in (301, 302, 303, 307, 308):
            raise ValueError("redirect needs a status of 301, 302, 303, 307 or 308")

    @property
    def stores(self) -> bool:
        """Whether the rows are stored first. By default only for faults that answer 200 themselves."""
        if self.stored is not None:
            return self.stored
        return self.kind in ("latency", "drip", "truncate", "interim", "length", "leftover") or (
            self.kind == "stall" and self.seconds is not None
        )

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults."""
        defaults = {item.name: item.default for item in fields(self)}
        return {name: value for name, value in asdict(self).items() if name == "kind" or value != defaults[name]}


@dataclass(frozen=True, slots=True)
class Measures:
    """A request before its body is read. `nbytes` is 0 for a chunked body.

    `concurrent` counts the open uploads, this one included.
    """

    rows: int
    nbytes: int
    concurrent: int = 1


@dataclass(slots=True)
class _Played:
    skipped: int = 0
    played: int = 0


@dataclass(slots=True)
class FaultPlan:
    """The faults in force since `since_s` (monotonic seconds) and how often each was played."""

    faults: Sequence[Fault] = ()
    since_s: float = 0.0
    _played: list[_Played] = field(init=False)

    def __post_init__(self) -> None:
        self._played = [_Played() for _ in self.faults]

    @property
    def played(self) -> list[int]:
        """How often each fault was played, in the order of the faults."""
        return [state.played for state in self._played]

    def at_head(self, measures: Measures, now_s: float, dice: float) -> Fault | None:
        """The fault for a request whose head has arrived, or None. `dice` is uniform in [0, 1)."""
        for fault, state in zip(self.faults, self._played, strict=True):
            if fault.column is None and self._applies(fault, state, measures, now_s, dice):
                return fault
        return None

    def by_content(self, holds: Holds, measures: Measures, now_s: float, dice: float) -> Fault | None:
        """The fault for a request whose rows are known, or None. `holds(column, value)`: a row has that value."""
        for fault, state in zip(self.faults, self._played, strict=True):
            if (
                fault.column is not None
                and holds(fault.column, fault.value)
                and self._applies(fault, state, measures, now_s, dice)
            ):
                return fault
        return None

    def _applies(self, fault: Fault, state: _Played, measures: Measures, now_s: float, dice: float) -> bool:
        least = (fault.min_rows, fault.min_bytes, fault.min_concurrent)
        if any(map(operator.lt, (measures.rows, measures.nbytes, measures.concurrent), least)):
            return False
        if fault.for_s is not None and now_s - self.since_s >= fault.for_s:
            return False
        if fault.count is not None and state.played >= fault.count:
            return False
        if state.skipped < fault.skip:
            state.skipped += 1
            return False
        if dice >= fault.probability:
            return False
        state.played += 1
        return True
