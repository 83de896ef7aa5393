"""The first and the last steps of a worker's process, around the loop of `ingest.worker.loop`.

1. A worker never outlives its supervisor. Each turn of the loop checks the pipe of orders for its end; if the loop is
   stuck in a C call, the kernel kills the worker when the forkserver exits (PR_SET_PDEATHSIG), and the forkserver exits
   because its workers have closed their copies of the pipe that keeps it alive.
2. SIGINT is ignored: a Ctrl-C reaches the whole process group of the terminal, and the supervisor decides about it.
3. SIGTERM requests a drain; another one, a second or more later, exits immediately with exit code 7. Sooner it is the
   same stop, sent twice (a service manager signals every process of its group, and the supervisor sends an order, too).
4. A failure is reported without an event's values and without a secret: see `ingest.tracebacks`.
5. What libraries log, warn and print becomes events: see `ingest.status.library_messages`.
6. There are no core dumps: the memory holds payloads and the key.
"""

import ctypes
import faulthandler
import os
import resource
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Protocol

from ingest.config.resolve import TopicConfig
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.events import Emit, Emitter, Event, WorkerFailed
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.status.library_messages import LibraryMessages
from ingest.supervisor.channel import EventSender
from ingest.tracebacks import describe, keep_texts_out
from ingest.worker.loop import run
from ingest.worker.task import Control, Task

SAME_STOP_S = 1.0
FLUSH_S = 2.0

_ORDERS_BYTES = 4096
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_NAME = 15


class PipeEnd(Protocol):
    """One end of a pipe that this process inherited."""

    def fileno(self) -> int:
        """Its file descriptor."""
        ...


WorkerBody = Callable[[Task, Emit, Control], ExitCode]


class OrderReceiver:
    """The worker's side of `ingest.worker.loop.Control`: what the supervisor has ordered, or a signal requests.

    An order is a line: `drain`, `add` and partitions, `paused` and all partitions that are now, or `confirmed` and the
    number of partitions. `paused` begins with those of the start.
    """

    def __init__(self, orders: PipeEnd, paused: frozenset[int] = frozenset()) -> None:
        self._orders = orders  # kept open: the end of the pipe means that the supervisor is gone
        self._poll = select.poll()
        self._poll.register(orders.fileno(), select.POLLIN)
        self._unread = b""
        self._drain_requested = False
        self._added: list[int] = []
        self._paused = paused
        self._confirmed = 0
        self._first_stop_at: float | None = None

    def drain_requested(self) -> bool:
        """Whether to drain. Exits immediately if the supervisor is gone."""
        if self._poll.poll(0):
            received = os.read(self._orders.fileno(), _ORDERS_BYTES)
            if not received:
                os._exit(ExitCode.DRAIN_DEADLINE)
            *lines, self._unread = (self._unread + received).split(b"\n")
            for line in lines:
                order, *numbers = line.split()
                if order == b"add":
                    self._added += map(int, numbers)
                elif order == b"confirmed":
                    self._confirmed = int(numbers[0])
                elif order == b"paused":
                    self._paused = frozenset(map(int, numbers))
                else:
                    self._drain_requested = True
        return self._drain_requested

    def added(self) -> list[int]:
        """Partitions to read in addition, since the last call."""
        added, self._added = self._added, []
        return added

    def confirmed(self) -> int:
        """How many partitions of the topic, from 0 on, have a confirmed commit."""
        return self._confirmed

    def paused(self) -> frozenset[int]:
        """The partitions that are paused by request."""
        return self._paused

    def on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        """The signal handler: rule 3."""
        now = time.monotonic()
        if self._first_stop_at is None:
            self._first_stop_at = now
            self._drain_requested = True
        elif now - self._first_stop_at >= SAME_STOP_S:
            os._exit(ExitCode.DRAIN_DEADLINE)


def run_worker_process(
    *,
    worker: int,
    partitions: tuple[int, ...],
    config: TopicConfig,
    until: Mapping[int, int] | None,
    plan: StartPlan,
    paused: frozenset[int] = frozenset(),
    orders: PipeEnd,
    events: PipeEnd,
    parent_pid: int,
    body: WorkerBody = run,
) -> None:
    """Run worker number `worker` and exit with its exit code. Runs in a process of its own; never returns.

    `parent_pid` is the forkserver's. The caller has closed everything else that would keep the forkserver alive.
    """
    control = OrderReceiver(orders, paused)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, control.on_sigterm)
    _kill_with_parent(parent_pid, name=f"ingest-worker{worker}")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    sender = EventSender(events.fileno())
    emit = _Emit(sender)
    messages = LibraryMessages()
    keep_texts_out(messages.report)
    _report_threads(emit, sender, worker)
    worker_emit = Emitter(emit, worker)
    messages.__enter__()  # to the end of the process
    messages.forward(worker_emit)
    try:
        task = Task(worker=worker, partitions=partitions, config=config, until=until, plan=plan, paused=paused)
        code = body(task, emit, control)
    except Exception as error:  # noqa: BLE001  the process ends here: it is reported without payloads
        code = _exit_code(error)
        emit(WorkerFailed(worker=worker, exit_code=code, error=describe(error)))
    messages.end_forwarding(worker_emit)
    sender.flush(FLUSH_S)
    # Threads of the packages must not keep a finished worker alive.
    os._exit(code)


def _exit_code(error: Exception) -> ExitCode:
    if isinstance(error, FatalError):
        return error.exit_code
    return ExitCode.CONFIGURATION if isinstance(error, ConfigError) else ExitCode.CRASHED


class _Emit:
    """Sends the events of this process; exits if the supervisor is gone."""

    def __init__(self, sender: EventSender) -> None:
        self._sender = sender

    def __call__(self, event: Event) -> None:
        try:
            self._sender.send(event)
        except BrokenPipeError:
            os._exit(ExitCode.DRAIN_DEADLINE)


def _report_threads(emit: _Emit, sender: EventSender, worker: int) -> None:
    """End the worker if one of its threads fails: it would look alive and deliver nothing."""

    def crashed(hook: threading.ExceptHookArgs) -> None:
        text = describe(hook.exc_value) if hook.exc_value is not None else hook.exc_type.__name__
        emit(WorkerFailed(worker=worker, exit_code=ExitCode.CRASHED, error=f"in a thread: {text}"))
        sender.flush(FLUSH_S)
        os._exit(ExitCode.CRASHED)

    threading.excepthook = crashed


def _kill_with_parent(parent_pid: int, name: str) -> None:
    """Have the kernel kill this process when its parent exits; exit now if the parent is gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        libc.prctl(_PR_SET_NAME, name[:15].encode(), 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(ExitCode.DRAIN_DEADLINE)
