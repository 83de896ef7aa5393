"""One route's way to Arize: its closed batches sent, their answers taken, what Arize refuses made dead letters.

Rules
1. At most `in_flight` batches are under way at once; one whose refused rows are being read again is not settled, so it
   counts: a crash would repeat it too. Within that the uploads' own limit says how many go out together.
2. A route has all of this to itself: its connections, its retries, its limit. What goes wrong in it is its own affair.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ingest.config.load import Route
from ingest.config.sections import Arize
from ingest.errors import ExitCode, FatalError
from ingest.events import Emit
from ingest.pipeline.arize.uploader import ArizeUploader
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.limit import DeadLetterLimit
from ingest.pipeline.dead_letters.queue import DeadLetterBatch
from ingest.pipeline.delivery.batch import Batches
from ingest.pipeline.delivery.concurrency import Concurrency
from ingest.pipeline.delivery.refused import RefusedBatches
from ingest.pipeline.delivery.uploads import Send, Uploads
from ingest.pipeline.kafka.reread import refetch
from ingest.pipeline.offsets.segment import Ticket


@dataclass(frozen=True, slots=True)
class Answers:
    """What a turn brought: how many batches Arize has taken rows of, the tickets that are free, and dead letters.

    `halt` is why the worker must stop after all that, if it must.
    """

    acknowledged: int
    free: Sequence[Ticket]
    letters: Sequence[DeadLetterBatch]
    halt: FatalError | None = None


class RouteDelivery:
    """The batches of one route on their way. Times are monotonic seconds; `answer` is set when one was answered."""

    def __init__(
        self,
        route: Route,
        batches: Batches,
        *,
        emit: Emit,
        worker: int,
        answer: threading.Event,
        send: Send | None = None,
    ) -> None:
        """`send` hands a batch to Arize; by default the SDK does.

        Raises ConfigError when the space or the key is missing, or the SDK refuses its settings.
        """
        config = route.config
        backoff = Backoff(config.delivery.base_backoff_s, config.delivery.max_backoff_s)
        self.name = route.name
        self.batches = batches
        self._topic = config.kafka.topic
        self._in_flight = config.arize.in_flight
        self._uploads = Uploads(
            send if send is not None else ArizeUploader(config).send,
            concurrency=concurrency(config.arize),
            timeout_s=config.arize.timeout_s,
            backoff=backoff,
            emit=emit,
            worker=worker,
            route=route.name,
            answer=answer,
        )
        self._refused = RefusedBatches(partial(refetch, config.kafka), backoff, config.kafka.topic)
        dead = config.dead_letters
        self._refusals = DeadLetterLimit(dead.max_share, dead.share_events, dead.max_consecutive)

    @property
    def in_flight(self) -> int:
        """Batches that are sent and not settled."""
        return len(self._uploads) + len(self._refused)

    @property
    def limit(self) -> int:
        """Uploads that may be on their way at once."""
        return self._uploads.limit

    @property
    def failing(self) -> bool:
        """A batch waits for its next attempt."""
        return self._uploads.failing

    @property
    def busy(self) -> bool:
        """There is something to send, or to wait for."""
        return bool(self.batches.rows or self.in_flight)

    @property
    def trouble(self) -> str:
        """Why it may be slower than the others, in words."""
        return (
            "as Arize does not take its batches" if self._uploads.failing else "as its batches come faster than answers"
        )

    def turn(self, now: float) -> Answers:
        """Take in the answers. Raises FatalError for one that halts the worker."""
        acknowledged = 0
        free: list[Ticket] = []
        halt: FatalError | None = None
        for settled in self._uploads.turn(now):
            if too_many := self._refusals.add(settled.dead()):
                halt = self._too_many(f"Arize refuses {too_many}, the last with {settled.refused[-1].error}")
            acknowledged += settled.refused_rows < settled.batch.rows
            if settled.refused:
                free += self._refused.add(settled.batch, settled.refused)
            else:
                free += (ticket for part in settled.batch.parts for ticket in part.tickets)
        return Answers(acknowledged, free, self._refused.turn(now), halt)

    def flush(self, now: float, *, leaving: bool) -> None:
        """Send what is due. While no upload is free, the open batches go on filling up to their limits."""
        if not self._full and not self.batches.ready:
            self.batches.close(now, leaving=leaving)
        while self.batches.ready and not self._full:
            self._uploads.start(self.batches.ready.popleft(), now)
        if not self.batches.room() or self.batches.due_in_s(now) == 0.0 or (leaving and self.batches.rows):
            self._uploads.limit_reached()

    @property
    def _full(self) -> bool:
        return self.in_flight >= self._in_flight or self._uploads.full

    def room(self) -> int:
        """Messages that may be polled for it now."""
        # Refused rows that are being read again need memory too.
        return 0 if len(self._refused) else self.batches.room()

    def close(self) -> None:
        """Leave: what is open stays uncommitted."""
        self._uploads.close()
        self._refused.close()

    def _too_many(self, what: str) -> FatalError:
        return too_many(self._topic, f"route {self.name}: {what}" if self.name else what)


def concurrency(arize: Arize) -> Concurrency:
    """How many uploads the configuration lets go out together."""
    return Concurrency(arize.in_flight, least=1 if arize.adaptive else arize.in_flight)


def too_many(topic: str, what: str) -> FatalError:
    """The end of a worker that would drain a topic into the dead letters."""
    return FatalError(
        f"topic {topic}: {what}. They are not written to the dead letters and stay "
        "uncommitted. See what is wrong (ingest debug, ingest dead-letters list), then start again; to let them "
        "pass set the limit higher or off",
        exit_code=ExitCode.TOO_MANY_DEAD,
    )
