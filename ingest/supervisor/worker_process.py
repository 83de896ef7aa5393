"""The first and the last steps of a worker's process, around the loop of `ingest.worker.loop`.

1. A worker never outlives its supervisor. The end of the orders' pipe is seen at each turn of the loop; should the
   loop be stuck in a C call, the kernel kills the worker when the forkserver goes (PR_SET_PDEATHSIG), and the
   forkserver goes because its workers have let go of the pipe that keeps it alive.
2. SIGINT is ignored: a Ctrl-C reaches the whole group of the terminal, and the supervisor decides about it.
3. SIGTERM is the wish to drain; another one, a second or more later, leaves at once with exit code 7. Sooner it is
   the same stop, told twice (a service manager tells every process of its group, and the supervisor does too).
4. What fails is reported without an event's values and without a secret: see `ingest.tracebacks`.
5. No core dumps: the memory holds payloads and the key.
"""

import ctypes
import faulthandler
import os
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Literal, Protocol

from ingest.config.resolve import TopicConfig
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.events import Emit, Event, WorkerFailed
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.supervisor.channel import EventSender
from ingest.tracebacks import describe, keep_texts_out
from ingest.worker.loop import run
from ingest.worker.task import Control, Task

SAME_STOP_S = 1.0
FLUSH_S = 2.0

_ORDERS_BYTES = 4096
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_NAME = 15


class End(Protocol):
    """One end of a pipe that this process inherited."""

    def fileno(self) -> int:
        """Its file descriptor."""
        ...


Body = Callable[[Task, Emit, Control], ExitCode]


class Orders:
    """The worker's side of `ingest.worker.loop.Control`: what the supervisor or a signal wishes.

    An order is a line: `drain`, `add` and partitions, or `confirmed` and their number.
    """

    def __init__(self, orders: End) -> None:
        self._end = orders  # kept: closing it is what its death means
        self._poll = select.poll()
        self._poll.register(orders.fileno(), select.POLLIN)
        self._unread = b""
        self._draining = False
        self._added: list[int] = []
        self._confirmed = 0
        self._first_stop_at: float | None = None

    def wish(self) -> Literal["run", "drain"]:
        """Whether to go on. Leaves at once if the supervisor is gone."""
        if self._poll.poll(0):
            said = os.read(self._end.fileno(), _ORDERS_BYTES)
            if not said:
                os._exit(ExitCode.DRAIN_DEADLINE)
            *lines, self._unread = (self._unread + said).split(b"\n")
            for line in lines:
                order, *numbers = line.split()
                if order == b"add":
                    self._added += map(int, numbers)
                elif order == b"confirmed":
                    self._confirmed = int(numbers[0])
                else:
                    self._draining = True
        return "drain" if self._draining else "run"

    def added(self) -> list[int]:
        """Partitions to read as well, named since the last call."""
        added, self._added = self._added, []
        return added

    def confirmed(self) -> int:
        """How many partitions of the topic, from 0 on, have a confirmed commit."""
        return self._confirmed

    def signalled(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTERM came."""
        now = time.monotonic()
        if self._first_stop_at is None:
            self._first_stop_at = now
            self._draining = True
        elif now - self._first_stop_at >= SAME_STOP_S:
            os._exit(ExitCode.DRAIN_DEADLINE)


def enter(
    *,
    worker: int,
    partitions: tuple[int, ...],
    config: TopicConfig,
    until: Mapping[int, int] | None,
    plan: StartPlan,
    orders: End,
    events: End,
    parent_pid: int,
    body: Body = run,
) -> None:
    """Be worker number `worker`, and leave with its exit code. Runs in a process of its own; never returns.

    `parent_pid` is the forkserver's. The caller has closed all else that would keep the forkserver alive.
    """
    control = Orders(orders)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, control.signalled)
    _die_with(parent_pid, name=f"ingest-worker{worker}")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    sender = EventSender(events.fileno())
    emit = _Emit(sender)
    keep_texts_out()
    _report_threads(emit, sender, worker)
    try:
        task = Task(worker=worker, partitions=partitions, config=config, until=until, plan=plan)
        code = body(task, emit, control)
    except Exception as error:  # noqa: BLE001  the process ends here: told without payloads, then its exit code
        code = _exit_code(error)
        emit(WorkerFailed(worker=worker, exit_code=code, error=describe(error)))
    sender.flush(FLUSH_S)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of the packages must not hold a worker that is done.
    os._exit(code)


def _exit_code(error: Exception) -> ExitCode:
    if isinstance(error, FatalError):
        return error.exit_code
    return ExitCode.CONFIGURATION if isinstance(error, ConfigError) else ExitCode.CRASHED


class _Emit:
    """The hook of this process's events. Without a supervisor there is nobody left to work for."""

    def __init__(self, sender: EventSender) -> None:
        self._sender = sender

    def __call__(self, event: Event) -> None:
        try:
            self._sender.send(event)
        except BrokenPipeError:
            os._exit(ExitCode.DRAIN_DEADLINE)


def _report_threads(emit: _Emit, sender: EventSender, worker: int) -> None:
    """A thread that dies of a bug takes the worker with it: half a worker would look alive and deliver nothing."""

    def crashed(hook: threading.ExceptHookArgs) -> None:
        text = describe(hook.exc_value) if hook.exc_value is not None else hook.exc_type.__name__
        emit(WorkerFailed(worker=worker, exit_code=ExitCode.CRASHED, error=f"in a thread: {text}"))
        sender.flush(FLUSH_S)
        os._exit(ExitCode.CRASHED)

    threading.excepthook = crashed


def _die_with(parent_pid: int, name: str) -> None:
    """Be killed when the parent goes; and go now if it went before the kernel knew."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        libc.prctl(_PR_SET_NAME, name[:15].encode(), 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(ExitCode.DRAIN_DEADLINE)
