"""What systemd is told of a run: `Type=notify` and `WatchdogSec=` of its unit (sd_notify(3)).

Rules
1. READY=1 once every worker has started; before that nothing but STATUS. STOPPING=1 once the run drains, or
   no worker is left: then the loop ends, and the account is made.
2. STATUS is the snapshot's sentence, sent when it has changed, at most once a second.
3. WATCHDOG=1 is sent from the supervisor's own loop (`tick`), never by a side thread: a loop that hangs is what the
   watchdog is for. It is sent at least twice within WATCHDOG_USEC, or with each tick if that is short, and only if
   WATCHDOG_PID is this process or missing.
4. A datagram that systemd does not take is lost: the run never waits for it, and the next one tells more.
5. Without NOTIFY_SOCKET nothing is sent. A name that begins with `@` is an abstract one, and others are absolute paths.
"""

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

from ingest.events import Event
from ingest.status.snapshot import Snapshot, State

_STATUS_EVERY_S = 1.0


class SystemdNotifier:
    """A watcher of a run. `clock` gives monotonic seconds."""

    def __init__(self, address: str, watchdog_s: float | None, clock: Callable[[], float]) -> None:
        """`watchdog_s` is the time within which systemd wants a sign of life; None if it wants none."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_s = watchdog_s
        self._clock = clock
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(0)
        self._ready = self._stopping = False
        self._status = ""
        self._status_at = self._alive_at = float("-inf")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], clock: Callable[[], float]) -> Self | None:
        """The notifier that systemd asks for; None if it does not (rule 5)."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")) or len(address) < 2:
            return None
        return cls(address, _watchdog_s(environment), clock)

    def emit(self, event: Event, at: float) -> None:
        """Do nothing: a snapshot says it all."""

    def tick(self, snapshot: Snapshot) -> None:
        """Tell what has changed, and that the loop turns."""
        now = self._clock()
        changes = []
        if not self._ready and snapshot.workers and all(one.state is not State.STARTING for one in snapshot.workers):
            self._ready = True
            changes.append("READY=1")
        over = snapshot.draining or snapshot.ended or (self._ready and not snapshot.looping)
        if over and not self._stopping:
            self._stopping = True
            changes.append("STOPPING=1")
        if snapshot.sentence != self._status and (changes or now - self._status_at >= _STATUS_EVERY_S):
            self._status, self._status_at = snapshot.sentence, now
            changes.append(f"STATUS={' '.join(snapshot.sentence.split())}")
        if self._watchdog_s is not None and now - self._alive_at >= self._watchdog_s / 4:
            self._alive_at = now
            changes.append("WATCHDOG=1")
        if changes:
            self._send("\n".join(changes))

    def close(self) -> None:
        """Tell that the run has ended, if nothing has told it."""
        if not self._stopping:
            self._stopping = True
            self._send("STOPPING=1")
        self._socket.close()

    def _send(self, text: str) -> None:
        with suppress(OSError):
            self._socket.sendto(text.encode(), self._address)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isascii() and text.isdecimal() and int(text) else None
