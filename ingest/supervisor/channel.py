"""Events over a pipe, from a worker to its supervisor.

1. A frame is its length (4 bytes, big endian) and one pickled event. If a killed worker wrote only a part of a frame,
   it is dropped at the end of the pipe; the frames before it count.
2. `EventSender.send` does not block while the supervisor reads. When the pipe is full, the frames wait in the worker's
   memory, in order, and only a `Progress` is dropped: the next one has everything that it had. `Progress` takes only a
   part of the pipe, so that the other events have room.
3. An `UploadStarted` is in the pipe when `send` returns: its batch is sent after it, and a worker killed with the event
   in its memory would cause duplicates that nobody lists. The sender waits for a supervisor that does not read.
4. With more than `MAX_WAITING_BYTES` in memory the sender waits, too: a supervisor that does not read for that long is
   stopped, and a worker that waits loses nothing, while one that drops an `UploadStarted` would falsify the account.
5. Only a supervisor unpickles, and only what the workers that it started wrote.
"""

import contextlib
import fcntl
import os
import pickle
import select
import struct
import termios
import threading

from ingest.events import Event, Progress, UploadStarted

MAX_WAITING_BYTES = 4 * 2**20
PIPE_BYTES = 2**20  # what an unprivileged process may ask for; what it gets may be less
_PIPE_BYTES_ELSEWHERE = 2**16
_PROGRESS_SHARE = 4
_LENGTH = struct.Struct(">I")
_READ_BYTES = 2**18


class EventSender:
    """The worker's end: any thread may send. `fd` is made non-blocking."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._waiting = bytearray()
        self._room_for_progress = _widened(fd) // _PROGRESS_SHARE
        self._lock = threading.Lock()

    def send(self, event: Event) -> None:
        """Write `event` to the pipe, or keep it until there is room. Raises `BrokenPipeError` without a supervisor."""
        with self._lock:
            self._write()
            if isinstance(event, Progress) and (self._waiting or _unread(self._fd) > self._room_for_progress):
                return
            content = pickle.dumps(event, protocol=pickle.HIGHEST_PROTOCOL)
            self._waiting += _LENGTH.pack(len(content)) + content
            self._write()
            while len(self._waiting) > (0 if isinstance(event, UploadStarted) else MAX_WAITING_BYTES):
                self._wait(None)

    def flush(self, timeout_s: float) -> bool:
        """Write the waiting frames, for at most `timeout_s` per piece; returns whether all of them are written."""
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


def _widened(fd: int) -> int:
    """The size of the pipe in bytes, enlarged where the kernel allows it."""
    if not hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux has it
        return _PIPE_BYTES_ELSEWHERE
    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)


def _unread(fd: int) -> int:
    """Bytes in the pipe that nobody has read."""
    (count,) = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))
    return int(count)


class EventReceiver:
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
