"""What is known of Arize's answers on one route: since when there is none, and whether that is longer than usual.

Rules
1. An answer is a whole one with an HTTP status, whatever it is. A connection that fails and a deadline that passes are
   none.
2. A route is unanswered from the first attempt on that was sent after the last answer, or from that answer on if
   others were out then. It stays so between two attempts.
3. Usual is the longest of the last `RECENT` acknowledgements; from `ENOUGH` on without the longest of all, as the first
   one makes connections. For a batch that is larger by a power of two it is as much longer. An attempt is late when it
   is out for `SLOW` times what is usual, and `NOISE_S` on top; before anything is known, after `FIRST_S`.
4. A route fails from the first attempt on that failed after the last one that Arize took or refused. It is late once
   that lasts for `FAILING_S`: one failure among successes is none.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

RECENT = 32
ENOUGH = 4
SLOW = 2.0
NOISE_S = 0.5
FIRST_S = 5.0
FAILING_S = 1.0


@dataclass(frozen=True, slots=True)
class AnswerState:
    """One route, or several as one. Moments are monotonic seconds, None if there is none."""

    unanswered_since: float | None = None
    answered_at: float | None = None
    usual_s: float | None = None
    late: bool = False
    failing_since: float | None = None
    error: str = ""


class Answers:
    """One route's answers. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, float]] = deque(maxlen=RECENT)
        self._unanswered_since: float | None = None
        self._answered_at: float | None = None
        self._failing_since: float | None = None
        self._error = ""

    def sent(self, now: float) -> None:
        """An attempt was sent."""
        if self._unanswered_since is None:
            self._unanswered_since = now

    def answered(self, now: float, *, others_out: bool) -> None:
        """An answer came; `others_out`: further attempts wait for theirs."""
        self._answered_at = now
        self._unanswered_since = now if others_out else None

    def failed(self, error: str, now: float) -> None:
        """An attempt will be repeated."""
        self._error = error
        if self._failing_since is None:
            self._failing_since = now

    def taken(self) -> None:
        """Arize took rows, or refused them for good."""
        self._failing_since, self._error = None, ""

    def acknowledged(self, size_bytes: int, seconds: float) -> None:
        """A batch of this size was acknowledged after `seconds`."""
        self._recent.append((size_bytes.bit_length(), seconds))

    def late_s(self, size_bytes: int) -> float:
        """Rule 3: how long a batch of this size may be out before it is late."""
        size = size_bytes.bit_length()
        usual = _usual(seconds * 2.0 ** max(size - known, 0) for known, seconds in self._recent)
        return FIRST_S if usual is None else SLOW * usual + NOISE_S

    def state(self, late_at: float | None, now: float) -> AnswerState:
        """The state, where the first of the attempts that are out becomes late at `late_at`."""
        failing = self._failing_since is not None and now - self._failing_since >= FAILING_S
        return AnswerState(
            unanswered_since=self._unanswered_since,
            answered_at=self._answered_at,
            usual_s=_usual(seconds for _, seconds in self._recent),
            late=failing or (late_at is not None and now >= late_at),
            failing_since=self._failing_since,
            error=self._error,
        )


def _usual(seconds: Iterable[float]) -> float | None:
    longest = sorted(seconds)
    if not longest:
        return None
    return longest[-2] if len(longest) >= ENOUGH else longest[-1]


def together(states: Iterable[AnswerState]) -> AnswerState:
    """All routes of a worker: late if one is, unanswered only for as long as none has had an answer."""
    found = list(states)
    answered = [state.answered_at for state in found if state.answered_at is not None]
    unanswered = [state.unanswered_since for state in found if state.unanswered_since is not None]
    failing = [state for state in found if state.failing_since is not None]
    longest = min(failing, key=lambda state: state.failing_since or 0.0, default=None)
    answered_at = max(answered, default=None)
    since = min(unanswered, default=None)
    return AnswerState(
        unanswered_since=since if since is None or answered_at is None else max(since, answered_at),
        answered_at=answered_at,
        usual_s=max((state.usual_s for state in found if state.usual_s is not None), default=None),
        late=any(state.late for state in found),
        failing_since=None if longest is None else longest.failing_since,
        error="" if longest is None else longest.error,
    )
