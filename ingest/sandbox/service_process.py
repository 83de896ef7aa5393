"""A sandbox service in a process of its own, which ends together with the process that started it.

Rules
1. The first line that the service prints is a JSON object with its address.
2. With `EXIT_WITH_STDIN` in its environment, the service exits when its stdin ends, also if its starter was killed.
   A service that is started by hand ignores its stdin.
"""

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ingest.errors import IngestError

EXIT_WITH_STDIN = "INGEST_SANDBOX_EXIT_WITH_STDIN"
START_S = 60.0
STOP_S = 10.0


class SandboxError(IngestError):
    """A sandbox service didn't start, or isn't running."""


class ServiceProcess:
    """`python -m module arguments`, running. Raises `SandboxError` when it doesn't announce its address."""

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {}), EXIT_WITH_STDIN: "1"},
            # Not stopped by Ctrl-C at the terminal: Kafka and Arize must run while workers drain.
            start_new_session=True,
        )
        self.announcement: dict[str, Any] = self._read_announcement()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Close its stdin so that it exits, or kill it after 10 s. May be called again."""
        self._close_pipes()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Send SIGKILL, and wait for its end."""
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read_announcement(self) -> dict[str, Any]:
        stdout = self._process.stdout
        if stdout is None:
            raise SandboxError(f"{self._module} has no stdout")
        readable, _, _ = select.select([stdout], [], [], START_S)
        line = stdout.readline() if readable else b""
        if not line:
            self.kill()
            raise SandboxError(
                f"{self._module} didn't start (exit code {self._process.returncode}); the reason is in its stderr"
            )
        greeting: dict[str, Any] = json.loads(line)
        return greeting


def announce(**address: object) -> None:
    """Called by the service: print its address, and from now on exit with stdin if `EXIT_WITH_STDIN` is set."""
    sys.stdout.write(json.dumps(address) + "\n")
    sys.stdout.flush()
    if os.environ.get(EXIT_WITH_STDIN):
        threading.Thread(target=_exit_with_stdin, daemon=True).start()


def _exit_with_stdin() -> None:
    while os.read(0, 4096):
        continue
    os._exit(0)
