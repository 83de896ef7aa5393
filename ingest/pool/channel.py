"""Events over a pipe, from a worker to its supervisor.

1. A frame is its length (4 bytes, big endian) and one pickled event. A frame that a killed worker left half
   written is dropped at the end of the pipe; what came before it counts.
2. `Sender.send` returns at once for as long as the supervisor reads. When the pipe is full the frames wait in
   the worker's memory, in order, and only a `Progress` is dropped: the next one says all it said.
3. Past `MAX_WAITING_BYTES` the sender waits: a supervisor that reads nothing for so long is stopped, and
   a worker that waits loses nothing, while one that forgets an `UploadStarted` would blur the account.
4. Only a supervisor unpickles, and only what the workers it started wrote.
"""

import os
import pickle
import select
import struct
import threading

from ingest.events import Event, Progress

MAX_WAITING_BYTES = 4 * 2**20
_LENGTH = struct.Struct(">I")
_READ_BYTES = 2**18


class Sender:
    """The worker's end: any thread may send. `fd` is made non-blocking."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._waiting = bytearray()
        self._lock = threading.Lock()

    def send(self, event: Event) -> None:
        """Hand `event` over, or keep it until there is room. Raises `BrokenPipeError` without a supervisor."""
        with self._lock:
            self._write()
            if self._waiting and isinstance(event, Progress):
                return
            content = pickle.dumps(event, protocol=pickle.HIGHEST_PROTOCOL)
            self._waiting += _LENGTH.pack(len(content)) + content
            self._write()
            while len(self._waiting) > MAX_WAITING_BYTES:
                self._wait(None)

    def flush(self, timeout_s: float) -> bool:
        """Write what still waits, for `timeout_s` at most per piece; whether all of it left."""
        with self._lock:
            self._write()
            while self._waiting and self._wait(timeout_s):
                pass
            return not self._waiting

    def _wait(self, timeout_s: float | None) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        ready = bool(poll.poll(None if timeout_s is None else timeout_s * 1000))
        self._write()
        return ready

    def _write(self) -> None:
        while self._waiting:
            try:
                written = os.write(self._fd, self._waiting)
            except BlockingIOError:
                return
            del self._waiting[:written]


class Receiver:
    """The supervisor's end. `fd` is made non-blocking."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._bytes = bytearray()
        self.ended = False

    def receive(self) -> list[Event]:
        """The events that have arrived. Never blocks; sets `ended` at the end of the pipe."""
        while not self.ended:
            try:
                piece = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                break
            self._bytes += piece
            self.ended = not piece
        return self._frames()

    def _frames(self) -> list[Event]:
        events: list[Event] = []
        at = 0
        while len(self._bytes) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes, at)
            end = at + _LENGTH.size + length
            if end > len(self._bytes):
                break
            events.append(pickle.loads(self._bytes[at + _LENGTH.size : end]))  # noqa: S301  our own workers wrote it
            at = end
        del self._bytes[:at]
        return events
