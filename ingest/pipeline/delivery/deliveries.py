"""The deliveries of all routes of a worker, as one.

Rules
1. Only routes that deliver are here; a route is known by its number among all routes of the topic.
2. The answers of every route are taken before one of them halts the worker, so that no acknowledgement is lost with it.
3. The worker's loop waits here for the next answer; whatever happens on another thread ends the wait by `wake`.
"""

import threading
from collections.abc import Callable, ItemsView, Sequence

from ingest.config.resolve import RouteConfig
from ingest.errors import FatalError
from ingest.events import Emitter
from ingest.pipeline.dead_letters.queue import DeadLetterQueue
from ingest.pipeline.delivery.answers import AnswerState, together
from ingest.pipeline.delivery.batch import Batches
from ingest.pipeline.delivery.route import RouteDelivery


class Deliveries:
    """One delivery a route. Times are monotonic seconds.

    `on_acknowledged` is called for each batch of which Arize has acknowledged rows.
    """

    def __init__(
        self,
        routes: Sequence[RouteConfig],
        batches: Sequence[Batches],
        dead_letters: DeadLetterQueue,
        *,
        emit: Emitter,
        on_acknowledged: Callable[[], None],
    ) -> None:
        """`batches` are those of `routes`, in their order. Raises ConfigError as `RouteDelivery` does."""
        self._woken = threading.Event()
        self._by_route = {
            number: RouteDelivery(
                route,
                batches[number],
                dead_letters,
                emit=emit.for_route(route.name),
                on_answer=self.wake,
                on_acknowledged=on_acknowledged,
            )
            for number, route in enumerate(routes)
            if route.deliver
        }

    def __getitem__(self, route: int) -> RouteDelivery:
        return self._by_route[route]

    def items(self) -> ItemsView[int, RouteDelivery]:
        """Each route's number and delivery."""
        return self._by_route.items()

    @property
    def in_flight(self) -> int:
        """Batches that are sent and not settled."""
        return sum(delivery.in_flight for delivery in self._by_route.values())

    @property
    def limit(self) -> int:
        """Upload attempts that may run concurrently."""
        return sum(delivery.limit for delivery in self._by_route.values())

    @property
    def endpoint(self) -> str:
        """The address that batches are sent to; "" if nothing is delivered."""
        return next((delivery.endpoint for delivery in self._by_route.values()), "")

    def answers(self, now: float) -> AnswerState:
        """What is known of Arize's answers, over all routes."""
        return together(delivery.answers(now) for delivery in self._by_route.values())

    @property
    def oldest_since(self) -> float | None:
        """When the oldest of the batches in flight was first sent; None without one."""
        found = (delivery.oldest_since for delivery in self._by_route.values())
        return min((since for since in found if since is not None), default=None)

    @property
    def busy(self) -> bool:
        """There is something to send, or to wait for."""
        return any(delivery.busy for delivery in self._by_route.values())

    def poll(self, now: float) -> None:
        """Take the answers that have come. Raises FatalError when one of them halts the worker."""
        halt: FatalError | None = None
        for delivery in self._by_route.values():
            try:
                delivery.poll(now)
            except FatalError as fatal:
                halt = fatal
        if halt is not None:
            raise halt

    def flush(self, now: float, *, draining: bool) -> None:
        """Send what is due."""
        for delivery in self._by_route.values():
            delivery.flush(now, draining=draining)

    def end(self) -> None:
        """Reading has ended: hold no dead letters back any more."""
        for delivery in self._by_route.values():
            delivery.end()

    def wait(self, timeout_s: float) -> None:
        """Return when something has happened since the last wait, or after `timeout_s`."""
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        """End the wait. May be called on any thread."""
        self._woken.set()

    def close(self) -> None:
        """Cut what is in flight; it stays uncommitted."""
        for delivery in self._by_route.values():
            delivery.close()
