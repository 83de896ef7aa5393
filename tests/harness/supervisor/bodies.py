"""Workers that only live, hang or fail: stands in for `ingest.supervisor.worker_process` in the processes."""

import ctypes
import os
import threading
import time
from typing import Any

from ingest.errors import ExitCode
from ingest.events import Emit, Progress, WorkerStarted
from ingest.supervisor import worker_process
from ingest.worker.task import Control, Task

CANARY = "canary-of-an-event"


def run_worker_process(**given: Any) -> None:
    worker_process.run_worker_process(**given, body=BODIES[os.environ["BODY"]])


def _start(task: Task, emit: Emit) -> None:
    # In this order: who sees it started may stop it at once, and only a worker that reads is held to `hang_s`.
    emit(Progress(worker=task.worker, loops=1, state="reading", uploads_in_flight=0, rss_bytes=0))
    emit(WorkerStarted(worker=task.worker, pid=os.getpid(), partitions=task.partitions))


def idle(task: Task, emit: Emit, control: Control) -> ExitCode:
    """Turn until a drain is requested."""
    _start(task, emit)
    loops = 1
    while not control.drain_requested():
        loops += 1
        emit(Progress(worker=task.worker, loops=loops, state="reading", uploads_in_flight=0, rss_bytes=0))
        time.sleep(0.05)
    return ExitCode.DONE


def stubborn(task: Task, emit: Emit, control: Control) -> ExitCode:
    """Turn, and never exit."""
    _start(task, emit)
    loops = 1
    while True:
        loops += 1
        state = "draining" if control.drain_requested() else "reading"
        emit(Progress(worker=task.worker, loops=loops, state=state, uploads_in_flight=0, rss_bytes=0))
        time.sleep(0.05)


def stuck(task: Task, emit: Emit, _control: Control) -> ExitCode:
    """Hang in a C call that holds the interpreter's lock: no turn, no signal handler, no other thread."""
    _start(task, emit)
    ctypes.PyDLL(None).sleep(600)
    return ExitCode.CRASHED


def broken(task: Task, emit: Emit, _control: Control) -> ExitCode:
    """Fail with an exception that quotes an event."""
    _start(task, emit)
    raise ValueError(CANARY)


def broken_thread(task: Task, emit: Emit, control: Control) -> ExitCode:
    """Fail in a thread, where nobody would see it."""

    def fail() -> None:
        raise ValueError(CANARY)

    threading.Thread(target=fail).start()
    return idle(task, emit, control)


BODIES = {
    "idle": idle,
    "stubborn": stubborn,
    "stuck": stuck,
    "broken": broken,
    "broken_thread": broken_thread,
}
