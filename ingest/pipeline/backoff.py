"""Retry decisions: how long to wait before the identical rows go out again.

Rules
1. A retryable fault is retried for as long as it lasts. There is no last attempt: what is not acknowledged stays
   uncommitted, and giving up would lose it.
2. The wait is full jitter: uniform between 0 and min(max_backoff_s, base_backoff_s * 2**failures). Workers that failed
   together don't come back together.
3. What the endpoint asked for (Retry-After) is a lower bound, itself bounded by `MAX_RETRY_AFTER_S`: an endpoint
   can't put a worker to sleep for a day.

Theory: "Exponential Backoff and Jitter" (AWS Architecture Blog): full jitter does the least work in total.
"""

from dataclasses import dataclass

MAX_RETRY_AFTER_S = 300.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds: the first ceiling, and the ceiling of all."""

    base_s: float
    max_s: float

    def wait_s(self, failures: int, chance: float, retry_after_s: float | None = None) -> float:
        """Seconds to wait after `failures` failures in a row; `chance` is a uniform number in [0, 1)."""
        # 2**failures overflows a float after 1,023 doublings, an hour-long outage gets there.
        ceiling = min(self.max_s, self.base_s * 2.0 ** min(failures, 64))
        asked = min(retry_after_s or 0.0, MAX_RETRY_AFTER_S)
        return max(asked, ceiling * chance)
