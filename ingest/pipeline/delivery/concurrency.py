"""How many uploads may be on their way at once, decided by what the answers say.

Rules
1. The limit lies between `least` and `most` and begins at `least`. With both the same it is fixed.
2. It rises by one when a round is over (as many acknowledgements in time as the limit says) in which a batch had to
   wait for it. Where none waited, something else was in the way, and a higher limit would be a guess.
3. It is halved when an attempt fails in a way that passes (408, 429, 5xx, a reset, no answer by the deadline), or when
   the answers have become slow.
4. It is halved once a round trip: what was sent before it was last halved says nothing of what it is now, and is not
   heard.
5. Answers are slow when the last ones took more than three times what is usual for batches of about their size (within
   a power of two, in bytes), and a tenth of a second on top: below that it is our own threads that wait for each other.
   The last ones are a smoothed mean, in which a further answer counts an eighth, and at most twice what is slow: a
   single late one, however late, is no slowdown.
6. What is usual falls with the fastest pace seen. It rises only while the limit is 1, which it stays until the answers
   are no longer slow for that: with one upload at a time there is no queue that could be of our own making, so it is
   the endpoint that has another pace now.

Theory: additive increase, multiplicative decrease (Chiu and Jain, 1989), as TCP does it (RFC 5681), slow answers as a
sign of congestion before anything is lost (Brakmo and Peterson, TCP Vegas, 1995). By Little's law an endpoint that
serves `n` batches at once answers as fast with `n` uploads as with one, and later in proportion beyond: three times the
time is a queue of twice what is being served, and the half of that still keeps it busy.
"""

from dataclasses import dataclass

_SLOW = 3.0
_NOISE_S = 0.1
_WEIGHT = 0.125  # of a further answer, as in TCP's smoothed round-trip time (RFC 6298)


@dataclass(frozen=True, slots=True)
class Slowdown:
    """Why the limit was halved: what the last answers took and what is usual, in seconds."""

    recent_s: float
    usual_s: float


@dataclass(slots=True)
class _Pace:
    """What answers to batches of about one size take, in seconds."""

    usual_s: float
    recent_s: float

    @property
    def slow_s(self) -> float:
        """What takes longer is slow."""
        return _SLOW * self.usual_s + _NOISE_S

    def take(self, seconds: float) -> None:
        """One more answer."""
        self.recent_s += _WEIGHT * (min(seconds, 2 * self.slow_s) - self.recent_s)
        self.usual_s = min(self.usual_s, self.recent_s)

    def relearn(self, seconds: float) -> None:
        """One more answer, and it is the endpoint's own pace."""
        self.usual_s += _WEIGHT * (seconds - self.usual_s)
        self.recent_s = self.usual_s


class Concurrency:
    """The limit on uploads at once. Times are monotonic seconds, `began` is when an attempt was sent."""

    def __init__(self, most: int, *, least: int = 1) -> None:
        """Raises ValueError unless 1 <= least <= most."""
        if not 1 <= least <= most:
            raise ValueError(f"from {least} to {most} uploads at once is no range")
        self.least = least
        self.most = most
        self.limit = least
        self._answers = 0  # in time, in this round
        self._waited = False  # in this round
        self._halved_at = float("-inf")
        self._paces: dict[int, _Pace] = {}

    def limit_reached(self) -> None:
        """A batch waits, and it is the limit that it waits for."""
        self._waited = True

    def acknowledged(self, size_bytes: int, *, began: float, seconds: float, now: float) -> Slowdown | None:
        """A batch of this size was acknowledged after `seconds`. Says why, if that has halved the limit."""
        if began < self._halved_at:
            return None
        pace = self._paces.setdefault(size_bytes.bit_length(), _Pace(seconds, seconds))
        if self.limit == 1 and seconds > pace.slow_s:
            pace.relearn(seconds)
            return None
        pace.take(seconds)
        if pace.recent_s > pace.slow_s:
            slowdown = Slowdown(pace.recent_s, pace.usual_s)
            return slowdown if self._halve(now) else None
        self._answers += 1
        if self._answers >= self.limit:
            self._rise()
        return None

    def failed(self, *, began: float, now: float) -> bool:
        """An attempt has failed in a way that passes. Whether that has halved the limit."""
        return began >= self._halved_at and self._halve(now)

    def _rise(self) -> None:
        if self._waited:
            self.limit = min(self.limit + 1, self.most)
        self._answers = 0
        self._waited = False

    def _halve(self, now: float) -> bool:
        before = self.limit
        self.limit = max(self.limit // 2, self.least)
        self._halved_at = now
        self._answers = 0
        self._waited = False
        for pace in self._paces.values():
            pace.recent_s = pace.usual_s  # the answers to come show what the new limit is worth
        return self.limit < before
