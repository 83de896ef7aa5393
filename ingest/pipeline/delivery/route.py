"""One route's way to Arize: its batches are sent, their answers taken, and the rows that Arize refuses dead-lettered.

Rules
1. At most `in_flight` batches are under way; one whose refused rows are being read again is not settled, so it counts:
   a crash would repeat it, too. Within that the uploads' own limit says how many attempts run concurrently.
2. Connections, retries and the limit belong to this route alone: a route that fails does not hold up the others.
3. The tickets of a batch are released when each of its rows is acknowledged; those with refused rows when the dead
   letters are durable. While Arize has taken no row of it, dead letters are held back (`dead_letters.gate`).
"""

from collections.abc import Callable
from functools import partial

from ingest.config.resolve import RouteConfig
from ingest.config.sections import Arize
from ingest.errors import ExitCode, FatalError
from ingest.events import Emit
from ingest.pipeline.arize.uploader import ArizeUploader
from ingest.pipeline.backoff import Backoff
from ingest.pipeline.dead_letters.gate import DeadLetterGate
from ingest.pipeline.dead_letters.queue import DeadLetterQueue
from ingest.pipeline.delivery.answers import AnswerState
from ingest.pipeline.delivery.batch import Batches
from ingest.pipeline.delivery.concurrency import Concurrency
from ingest.pipeline.delivery.refused import RefusedBatches
from ingest.pipeline.delivery.uploads import Send, SettledBatch, Uploads
from ingest.pipeline.kafka.reread import refetch
from ingest.pipeline.offsets.segment import Ticket


class RouteDelivery:
    """The batches of one route in flight. Times are monotonic seconds.

    `on_answer` is called on another thread when an attempt has ended, `on_acknowledged` from within `poll` for each
    batch of which Arize has acknowledged rows.
    """

    def __init__(
        self,
        route: RouteConfig,
        batches: Batches,
        dead_letters: DeadLetterQueue,
        *,
        emit: Emit,
        on_answer: Callable[[], None],
        on_acknowledged: Callable[[], None],
        send: Send | None = None,
    ) -> None:
        """`send` hands a batch to Arize; by default the SDK does.

        Raises ConfigError when the space or the key is missing, or the SDK refuses its settings.
        """
        backoff = Backoff(route.delivery.base_backoff_s, route.delivery.max_backoff_s)
        self.name = route.name
        self.batches = batches
        self._on_acknowledged = on_acknowledged
        self._topic = route.kafka.topic
        self._in_flight = route.arize.in_flight
        self.endpoint = ""
        if send is None:
            uploader = ArizeUploader(route)
            self.endpoint, send = uploader.endpoint, uploader.send
        self._uploads = Uploads(
            send,
            concurrency=concurrency(route.arize),
            timeout_s=route.arize.timeout_s,
            backoff=backoff,
            emit=emit,
            on_answer=on_answer,
        )
        self._refused = RefusedBatches(partial(refetch, route.kafka), backoff, route.kafka.topic)
        self._gate = DeadLetterGate(route.dead_letters, dead_letters, route.batch.max_bytes)

    @property
    def in_flight(self) -> int:
        """Batches that are sent and not settled."""
        return len(self._uploads) + len(self._refused)

    @property
    def limit(self) -> int:
        """Attempts that may run concurrently."""
        return self._uploads.limit

    def answers(self, now: float) -> AnswerState:
        """What is known of Arize's answers."""
        return self._uploads.answers(now)

    @property
    def oldest_since(self) -> float | None:
        """When the oldest of the batches in flight was first sent; None without one."""
        return self._uploads.oldest_since

    @property
    def failing(self) -> bool:
        """A batch waits for its next attempt."""
        return self._uploads.failing

    @property
    def busy(self) -> bool:
        """There is something to send, or to wait for."""
        return bool(self.batches.rows or self.in_flight)

    @property
    def slow_because(self) -> str:
        """Why it may be slower than the others, in words."""
        return (
            "as Arize does not take its batches" if self._uploads.failing else "as its batches come faster than answers"
        )

    def poll(self, now: float) -> None:
        """Take the answers that have come.

        Raises FatalError for an answer that halts the worker, and for too many refused rows; all other answers are
        taken before that.
        """
        halt: FatalError | None = None
        for settled in self._uploads.poll(now):
            halt = self._too_many(settled) or halt
            if settled.refused_rows < settled.batch.rows:
                self._on_acknowledged()
            for ticket in self._without_refused_rows(settled):
                ticket.release()
        for batch in self._refused.poll(now):
            self._gate.put(batch, now)
        self._gate.poll(now)
        if halt is not None:
            raise halt

    def flush(self, now: float, *, draining: bool) -> None:
        """Send what is due. While no upload is free, the open batches go on filling up to their limits."""
        if not self._full and not self.batches.ready:
            self.batches.close(now, draining=draining)
        while self.batches.ready and not self._full:
            self._uploads.start(self.batches.ready.popleft(), now)
        if not self.batches.room() or self.batches.due_in_s(now) == 0.0 or (draining and self.batches.rows):
            self._uploads.limit_reached()

    def room(self) -> int:
        """Messages that may be polled for it now."""
        # Refused rows that are being read again need memory, too.
        return 0 if len(self._refused) else self.batches.room()

    def end(self) -> None:
        """Reading has ended: hold no dead letter back any more."""
        self._gate.open()

    def close(self) -> None:
        """Cut what is in flight; it stays uncommitted."""
        self._uploads.close()
        self._refused.close()

    @property
    def _full(self) -> bool:
        return self.in_flight >= self._in_flight or self._uploads.full

    def _without_refused_rows(self, settled: SettledBatch) -> list[Ticket]:
        """The tickets of a settled batch that wait for no dead letter."""
        if settled.refused:
            return self._refused.add(settled.batch, settled.refused)
        return [ticket for part in settled.batch.parts for ticket in part.tickets]

    def _too_many(self, settled: SettledBatch) -> FatalError | None:
        exceeded = self._gate.count(settled.dead_messages(), settled.batch.rows - settled.refused_rows)
        if exceeded is None:
            return None
        what = f"Arize refuses {exceeded}, the last with {settled.refused[-1].error}"
        return too_many(self._topic, f"route {self.name}: {what}" if self.name else what)


def concurrency(arize: Arize) -> Concurrency:
    """How many uploads the configuration lets run concurrently."""
    return Concurrency(arize.in_flight, least=1 if arize.adaptive else arize.in_flight)


def too_many(topic: str, what: str) -> FatalError:
    """The end of a worker that would drain a topic into the dead letters."""
    return FatalError(
        f"topic {topic}: {what}. They are not written to the dead letters and stay uncommitted. See what is wrong "
        "(ingest check, ingest debug, ingest dead-letters list), then start again; to let them pass set the limit "
        "higher or off",
        exit_code=ExitCode.TOO_MANY_DEAD,
    )
