"""What a run knows of the three it depends on: Kafka, Arize, and the dead letters.

Rules
1. Times are monotonic seconds; `Moment.at` too.
2. Counts are sums over all processes of the run: a worker that starts again goes on where the one before it ended.
3. Percentiles are of the answers of the last `RECENT_S`, at most `MOST_ANSWERS` of them: the newest.
4. Which fault is shown, and whether it lasts, is decided in `faults`. A commit that failed is no fault of the next
   process, which may have nothing to commit.
"""

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest import events
from ingest.events import Event

RECENT_S = 300.0
MOST_ANSWERS = 2_000


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that was reported at a time, in one line."""

    text: str
    at: float


@dataclass(slots=True)
class KafkaView:
    """Kafka's side."""

    fault: Moment | None = None
    commit_fault: Moment | None = None
    committed_at: float | None = None
    commit_failures: int = 0
    ends_at: float | None = None
    failing: set[int | None] = field(default_factory=set)  # workers whose last commit failed
    expired: int = 0

    def take(self, event: Event, now: float) -> None:
        """Note what `event` says of Kafka."""
        match event:
            case events.Committed():
                self.committed_at = now
                self.failing.discard(event.worker)
            case events.CommitFailed():
                self.commit_failures += 1
                self.failing.add(event.worker)
                self.commit_fault = Moment(f"a commit failed: {event.error}", now)
            case events.WorkerStarted():
                self.failing.discard(event.worker)
            case events.KafkaWarning():
                self.fault = Moment(event.error, now)
            case events.PartitionEnds() if event.end_offsets:
                self.ends_at = now
            case events.OffsetsExpired():
                self.expired += event.next_offset - event.first
            case _:
                pass


@dataclass(slots=True)
class ArizeView:
    """Arize's side."""

    fault: Moment | None = None
    acknowledged_at: float | None = None
    retries: int = 0
    answers: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MOST_ANSWERS))

    def take(self, event: Event, now: float) -> None:
        """Note what `event` says of Arize."""
        match event:
            case events.UploadAcknowledged():
                self.acknowledged_at = now
                self.answers.append((now, event.last_attempt_s))
            case events.UploadRetried():
                self.retries += 1
                self.fault = Moment(event.error, now)
            case events.UploadRejected():
                self.fault = Moment(f"HTTP status {event.http_status}: {event.error}", now)
            case _:
                pass

    def percentiles(self, now: float, shares: Sequence[float]) -> list[float | None]:
        """Rule 3: by nearest rank, None without an answer."""
        while self.answers and now - self.answers[0][0] > RECENT_S:
            self.answers.popleft()
        if not self.answers:
            return [None] * len(shares)
        taken = sorted(seconds for _, seconds in self.answers)
        return [taken[max(math.ceil(share * len(taken)), 1) - 1] for share in shares]


@dataclass(slots=True)
class DeadLetterView:
    """The dead letters by topic and reason, and the last fault in writing them."""

    fault: Moment | None = None
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, event: Event, topic: str, now: float) -> None:
        """Note what `event`, of a worker of `topic`, says of dead letters."""
        match event:
            case events.DeadLettersWritten():
                for reason, number in event.reasons.items():
                    self.counts[topic, reason] += number
            case events.DeadLettersBlocked():
                self.fault = Moment(f"dead letters can't be written: {event.error}", now)
            case _:
                pass
