"""Processes: the forkserver, and a handle for each worker. The one place that imports multiprocessing.

The forkserver imports the heavy packages once and forks every worker from that.
It is started before any Kafka client or thread exists, and it never has one itself: librdkafka's threads don't survive
a fork.

Rules
- multiprocessing hands every child the write end of the pipe that keeps the forkserver alive, so that the forkserver
  would live as long as one hung worker does, and that worker as long as the forkserver. Each worker closes its copy
  first: then the supervisor alone keeps the forkserver alive, and the forkserver the workers.
- A child runs the supervisor's main module again (the console script, with all it imports). Workers need nothing
  of it, so it is hidden while one is started.
- File descriptors don't leak into siblings: the forkserver closes its copies after each fork, and all
  other descriptors of the supervisor are close-on-exec. A sibling with a copy would hide the supervisor's death.
"""

import contextlib
import importlib
import multiprocessing
import os
import sys
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait

from ingest.config.resolve import TopicConfig
from ingest.events import Event
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.supervisor.channel import EventReceiver

PRELOAD = "ingest.supervisor.preload"
WORKER_MODULE = "ingest.supervisor.worker_process"

_context = multiprocessing.get_context("forkserver")


def start_forkserver() -> None:
    """Start the forkserver; it imports in the background. Call it before a Kafka client or a thread exists.

    Nothing happens while it runs: threads that read the environment meanwhile would miss what is hidden.
    """
    if _forkserver_runs():
        return
    _context.set_forkserver_preload([PRELOAD])
    with _without("ARIZE_", "INGEST_"):
        resource_tracker.ensure_running()
    with _without_main(), _without("INGEST_STATUS"):  # workers need the other secrets
        forkserver.ensure_running()


def wait_for(fds: list[int], timeout_s: float) -> None:
    """Return when one of `fds` can be read, or after `timeout_s`."""
    wait(fds, timeout_s)


class Process:
    """One worker's process, started by the constructor. `close` frees its file descriptors.

    `module` is the one whose `run_worker_process` runs in it.
    Raises `OSError` when the machine or the forkserver can't start it.
    """

    def __init__(
        self,
        worker: int,
        partitions: tuple[int, ...],
        config: TopicConfig,
        *,
        until: Mapping[int, int] | None = None,
        plan: StartPlan | None = None,
        paused: frozenset[int] = frozenset(),
        module: str = WORKER_MODULE,
    ) -> None:
        orders_read, self._orders = _context.Pipe(duplex=False)
        self._events, events_write = _context.Pipe(duplex=False)
        start_forkserver()
        self._process = _context.Process(
            target=_run_in_child,
            args=(module,),
            kwargs={
                "worker": worker,
                "partitions": partitions,
                "config": config,
                "until": until,
                "plan": plan or StartPlan(),
                "paused": paused,
                "orders": orders_read,
                "events": events_write,
                "parent_pid": _forkserver_pid(),
            },
            daemon=True,
        )
        try:
            with _without_main():
                self._process.start()
        except EOFError:
            self._orders.close()
            self._events.close()
            raise OSError("the forkserver ended while it started a worker; its own message is above") from None
        finally:
            # Only the worker may hold its ends of the pipes, or its death would not close them.
            orders_read.close()
            events_write.close()
        self._receiver = EventReceiver(self._events.fileno())
        self._unsent = bytearray()
        os.set_blocking(self._orders.fileno(), False)
        self.pid = self._process.pid or 0
        self.started_at = time.monotonic()

    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it; 255 if it is unknown."""
        return self._process.exitcode

    def fds(self) -> list[int]:
        """The descriptors that become readable when the worker sends an event or ends."""
        return [self.sentinel()] if self._receiver.ended else [self.sentinel(), self._events.fileno()]

    def sentinel(self) -> int:
        """The descriptor that becomes readable when the worker ends."""
        return self._process.sentinel

    def events(self) -> list[Event]:
        """The events that the worker has sent since the last call. Never blocks."""
        self._write_orders()
        return self._receiver.receive()

    def drain(self) -> None:
        """Order it to stop polling, deliver what it has read, commit and exit."""
        self._order("drain")

    def add(self, partitions: Sequence[int]) -> None:
        """Order it to read these partitions, too."""
        self._order(f"add {' '.join(map(str, partitions))}")

    def keep_paused(self, partitions: Sequence[int]) -> None:
        """Order it to read nothing more of exactly these partitions."""
        self._order(f"paused {' '.join(map(str, partitions))}")

    def confirmed(self, partitions: int) -> None:
        """Tell it how many partitions of its topic, from 0 on, have a confirmed commit."""
        self._order(f"confirmed {partitions}")

    def _order(self, line: str) -> None:
        self._unsent += f"{line}\n".encode()
        self._write_orders()

    def _write_orders(self) -> None:
        """Never blocks: a worker that reads no orders must not hold up the supervisor."""
        try:
            while self._unsent:
                del self._unsent[: os.write(self._orders.fileno(), self._unsent)]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has exited already
            self._unsent.clear()

    def kill(self) -> None:
        """End it now; works on a stopped process too."""
        self._process.kill()

    def close(self) -> None:
        """Free the descriptors of an ended worker."""
        self._process.join()
        self._process.close()
        self._orders.close()
        self._events.close()


def _run_in_child(module: str, **given: object) -> None:
    """The first call in the worker's process; `module` is the one whose `run_worker_process` goes on."""
    server = forkserver._forkserver  # noqa: SLF001  there is no public way to close it
    alive_fd = getattr(server, "_forkserver_alive_fd", None)
    if alive_fd is not None:
        os.close(alive_fd)
    # By name: the supervisor must not import what the workers need.
    importlib.import_module(module).run_worker_process(**given)


def _forkserver_pid() -> int:
    pid: int | None = getattr(forkserver._forkserver, "_forkserver_pid", None)  # noqa: SLF001  as above
    return pid or 0


def _forkserver_runs() -> bool:
    pid = _forkserver_pid()
    try:
        # WNOWAIT: multiprocessing itself collects the exit code of one that has ended.
        return pid > 0 and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


@contextlib.contextmanager
def _without(*prefixes: str) -> Iterator[None]:
    """Hide variables from a process that needs none of them: others may be able to read its environment."""
    ours = {name: value for name, value in os.environ.items() if name.upper().startswith(prefixes)}
    for name in ours:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(ours)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
