"""Who watches a run, and how each event and snapshot reaches them: whoever watches can't stop the run.

Rules
1. One `RunState` takes each event once. At most every `PUBLISH_S` it becomes a `Snapshot`, which all others read: a
   reader on another thread takes `Publisher.snapshot()`, one attribute, without a lock.
2. The supervisor's loop calls every watcher itself. One that raises is called again with the next event; its fault is
   told to the others, not more than once in half a minute. So it is with the state itself: then the snapshot before
   stays the newest.
3. A watcher that may block (it writes to a terminal, a pipe, a disk) is wrapped in `Detached`: it runs on a thread of
   its own. While it blocks, events wait for it, at most `MOST_WAITING`; those after that are dropped and counted, and
   of the snapshots it gets the newest only.
4. What a snapshot says of the run's health becomes an event, by the rules of `health_log`: a log has it, too.
5. At the end a detached watcher has `END_S` to finish; then the run ends without it. Its own thread closes what it
   writes to: nobody else can know that it has left its last write.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from ingest.accounting.run_account import RunAccount
from ingest.events import Event, Notice, Throttle
from ingest.status.health_log import HealthLog
from ingest.status.run_state import RunState
from ingest.status.snapshot import Snapshot
from ingest.tracebacks import describe

PUBLISH_S = 0.5
MOST_WAITING = 10_000
END_S = 5.0


class Watcher(Protocol):
    """Sees a run. Both are called by the supervisor's loop: they must be quick and must not block (rule 3)."""

    def emit(self, event: Event, at: float) -> None:
        """`event` has happened at `at` (Unix seconds)."""
        ...

    def tick(self, snapshot: Snapshot) -> None:
        """A new snapshot was published: at least once a second."""
        ...


class Publisher:
    """Passes the events of a run to its state and its watchers, and publishes snapshots.

    `emit` and `tick` are for the supervisor's loop; `snapshot` is for any thread.
    """

    def __init__(
        self,
        run_state: RunState,
        watchers: Sequence[Watcher] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._run_state = run_state
        self._watchers = list(watchers)
        self._clock = clock
        self._wall = wall
        self._throttle = Throttle()
        self._health = HealthLog()
        self._published_at = clock()
        self._snapshot = run_state.snapshot(clock(), wall())

    def add(self, watcher: Watcher) -> None:
        """From now on `watcher` sees the run, too."""
        self._watchers.append(watcher)

    def snapshot(self) -> Snapshot:
        """The newest one. May be called on any thread."""
        return self._snapshot

    def emit(self, event: Event) -> None:
        """Take an event."""
        self._take(event)
        self.tick()

    def _take(self, event: Event) -> None:
        with self._reporting(None):
            self._run_state.take(event, self._clock())
        at = self._wall()
        for watcher in self._watchers:
            with self._reporting(watcher):
                watcher.emit(event, at)

    def tick(self) -> None:
        """Publish a snapshot if it is time."""
        if self._clock() - self._published_at >= PUBLISH_S:
            self._publish()

    def end(self, exit_code: int) -> None:
        """The run has ended: publish the last snapshot."""
        self._run_state.end(exit_code)
        self._publish()

    def _publish(self) -> None:
        now = self._clock()
        self._published_at = now
        with self._reporting(None):
            self._snapshot = snapshot = self._run_state.snapshot(now, self._wall())
            if (changed := self._health.take(snapshot, now)) is not None:
                self._take(changed)
            for watcher in self._watchers:
                with self._reporting(watcher):
                    watcher.tick(snapshot)

    @contextmanager
    def _reporting(self, whose: Watcher | None) -> Iterator[None]:
        """Report an exception of this watcher, or of the state, instead of raising it: rule 2."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  as above
            self._report(whose, error)

    def _report(self, failed: Watcher | None, error: Exception) -> None:
        text = f"{failed or 'the state of the run'}: {describe(error)}"
        now = self._clock()
        if not self._throttle.allow(text, now):
            return
        notice = Notice(text=f"what shows the run has failed, delivery goes on: {text}")
        with suppress(Exception):
            self._run_state.take(notice, now)
        for watcher in self._watchers:
            if watcher is not failed:
                with suppress(Exception):  # its own fault is reported with its next event
                    watcher.emit(notice, self._wall())


class Screen(Watcher, Protocol):
    """A watcher for people or log collectors: a context, and the account at the end."""

    def account(self, account: RunAccount) -> None:
        """Show the final account."""
        ...

    def ending(self, snapshot: Snapshot) -> None:
        """Say why the run has ended, as the last thing."""
        ...

    def dropped(self, events: int, at: float) -> None:
        """Say that this number of events could not be shown, as nobody took what was written."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Detached:
    """Runs a screen on a thread of its own: rule 3. `wanted` says which events it shows, so that others don't wait."""

    def __init__(
        self,
        screen: Screen,
        *,
        wanted: Callable[[Event], bool],
        most: int = MOST_WAITING,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`at_end` is the last that the thread calls: rule 5."""
        self._screen = screen
        self._wanted = wanted
        self._at_end = at_end
        self._most = most
        self._calls: deque[Callable[[], None]] = deque()
        self._newest: Snapshot | None = None
        self._dropped = 0
        self._left = False
        self._ended = False
        self._fault: Exception | None = None
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)

    def __str__(self) -> str:
        return type(self._screen).__name__

    def emit(self, event: Event, at: float) -> None:
        """Queue the event, or count it as dropped. Raises what the screen raised since the last call."""
        if self._wanted(event):
            self._queue(partial(self._screen.emit, event, at))
        self._raise_fault()

    def tick(self, snapshot: Snapshot) -> None:
        """Show this snapshot, instead of an older one that still waits. Raises as `emit` does."""
        with self._condition:
            self._newest = snapshot
            self._condition.notify()
        self._raise_fault()

    def account(self, account: RunAccount) -> None:
        """Queue the account; it is never dropped."""
        self._queue(partial(self._screen.account, account), always=True)

    def ending(self, snapshot: Snapshot) -> None:
        """Queue why the run has ended; it is never dropped."""
        self._queue(partial(self._screen.ending, snapshot), always=True)

    def leave(self) -> None:
        """End the live view; what is still to be shown are lines."""
        if not self._left:
            self._left = True
            self._queue(partial(self._screen.__exit__, None, None, None), always=True)

    def give_back(self, within_s: float) -> None:
        """End the live view for now, and wait until it is gone, for at most `within_s`."""
        gone = threading.Event()

        def leave() -> None:
            self._screen.__exit__(None, None, None)
            gone.set()

        if not self._left:
            self._queue(leave, always=True)
            gone.wait(within_s)

    def take_again(self) -> None:
        """Show the live view again after `give_back`, unless the run has left it."""
        if not self._left:
            self._queue(self._enter, always=True)

    def close(self, within_s: float = END_S) -> bool:
        """Let it finish, for at most `within_s`. Returns whether it has."""
        self.leave()
        with self._condition:
            self._ended = True
            self._condition.notify()
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        self._queue(self._enter, always=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enter(self) -> None:
        self._screen.__enter__()

    def _queue(self, call: Callable[[], None], *, always: bool = False) -> None:
        with self._condition:
            if len(self._calls) >= self._most and not always:
                self._dropped += 1
                return
            if self._dropped:
                self._calls.append(partial(self._screen.dropped, self._dropped, time.time()))
                self._dropped = 0
            self._calls.append(call)
            self._condition.notify()

    def _raise_fault(self) -> None:
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def _run(self) -> None:
        while True:
            with self._condition:
                while not (self._calls or self._newest is not None or self._ended):
                    self._condition.wait()
                if self._calls:
                    call = self._calls.popleft()
                elif self._newest is not None:
                    call, self._newest = partial(self._screen.tick, self._newest), None
                else:
                    break
            try:
                call()
            except Exception as error:  # noqa: BLE001  raised on the loop's side, where it is reported
                self._fault = error
        self._at_end()
