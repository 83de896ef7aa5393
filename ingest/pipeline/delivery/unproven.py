"""When a batch that gets no proof of an acknowledgement is named.

Rules
1. A batch goes unproven from its first ambiguous answer on: a 2xx that is no acknowledgement, an answer that is not
   whole, silence. A status that says why (5xx, 429) is of another kind; it does not end it either.
2. An answer that settles what was asked, be it taken or refused, ends it.
3. It is named when it has lasted for LASTS_S and the next ambiguous answer is there; once in EVERY_S for a route.
"""

LASTS_S = 60.0
EVERY_S = 300.0


class Unproven:
    """The batches of one route that are without proof. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}
        self._named_at = float("-inf")

    def ambiguous(self, batch: int, now: float) -> float | None:
        """An ambiguous answer to `batch` is there: for how many seconds it lasts, if it is to be named now."""
        lasts_s = now - self._since.setdefault(batch, now)
        if lasts_s < LASTS_S or now - self._named_at < EVERY_S:
            return None
        self._named_at = now
        return lasts_s

    def settled(self, batch: int) -> None:
        """What was asked of `batch` is taken or refused."""
        self._since.pop(batch, None)
