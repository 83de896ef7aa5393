"""What became of replayed dead letters, each of which may be several rows: one outcome each.

Rules
1. A dead letter has its outcome when each of its rows is acknowledged or refused, and its chunk is decoded. Before that
   nothing is written about it: a new dead letter supersedes the former one, and would hide what is still in flight.
2. It is replayed if all of its rows are acknowledged. Else it has failed, for the reason of its first prediction that
   has, and the new dead letter names all predictions that have, so that a further replay leaves out the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingest.pipeline.formats.by_message import reason_of
from ingest.reasons import Reason


@dataclass(frozen=True, slots=True)
class Failed:
    """The dead letter `number` can't be delivered; `parts` as in `DeadLetter`."""

    number: int
    reason: Reason
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """Dead letters by outcome. `filtered` ones were neither sent nor rejected: their route or its sample omits them."""

    replayed: list[int]
    failed: list[Failed]
    filtered: list[int]


@dataclass(slots=True)
class _Open:
    rows: int = 0
    sent: bool = False
    decoded: bool = False
    rejected: Failed | None = None
    refused: dict[int, Reason] = field(default_factory=dict)

    def outcome(self, number: int) -> Failed | None:
        """None if all of it was acknowledged."""
        if self.rejected is None:
            if not self.refused:
                return None
            return Failed(number, reason_of(self.refused), tuple(sorted(self.refused)))
        parts = tuple(sorted({*self.rejected.parts, *self.refused})) if self.rejected.parts else ()
        return Failed(number, self.rejected.reason, parts)


class Outcomes:
    """Collects the outcomes of dead letters, which are known by their number."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    def rows(self, number: int, rows: int) -> None:
        """The dead letter has this many more rows to be sent."""
        self._of(number).rows += rows
        self._of(number).sent = True

    def decoded(self, numbers: Iterable[int], rejected: Sequence[Failed]) -> None:
        """The chunk with the dead letters `numbers` is decoded; these of them are rejected, with all or some parts."""
        for number in numbers:
            self._of(number).decoded = True
        for each in rejected:
            self._of(each.number).rejected = each

    def acknowledged(self, number: int, rows: int) -> None:
        """Rows of it were acknowledged."""
        self._of(number).rows -= rows

    def refused(self, number: int, part: int | None, reason: Reason) -> None:
        """One row of it was refused: its prediction with the index `part`, None if it is the whole message."""
        self._of(number).rows -= 1
        if part is None:
            self._of(number).rejected = Failed(number, reason, ())
        else:
            self._of(number).refused[part] = reason

    def settled(self) -> Settled:
        """The dead letters that have their outcome since the last call."""
        ended = [number for number, each in self._open.items() if each.decoded and not each.rows]
        found = Settled([], [], [])
        for number in ended:
            each = self._open.pop(number)
            outcome = each.outcome(number)
            if outcome is not None:
                found.failed.append(outcome)
            elif each.sent:
                found.replayed.append(number)
            else:
                found.filtered.append(number)
        return found

    def _of(self, number: int) -> _Open:
        return self._open.setdefault(number, _Open())
