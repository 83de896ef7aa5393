"""A sandbox service in a process of its own: started, found by its first line, gone with whoever started it.

1. The child's first line on stdout is a JSON object that says where it listens.
2. When the child's stdin ends, it leaves: also when its starter was killed. A process started by hand doesn't watch
   its stdin; `WATCH` in its environment says that it should.
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

WATCH = "INGEST_SANDBOX_LEAVE_WITH_STDIN"
START_S = 60.0
STOP_S = 10.0


class SandboxError(IngestError):
    """A sandbox service didn't start, or isn't running."""


class Child:
    """`python -m module arguments`, running. Raises `SandboxError` when it doesn't say where it listens."""

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {}), WATCH: "1"},
            # A Ctrl-C of the terminal is for its user: Kafka and Arize must still be there while workers drain.
            start_new_session=True,
        )
        self.greeting: dict[str, Any] = self._read_greeting()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it hasn't ended."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Let it leave, or kill it after 10 s. Safe to call again."""
        self._let_go()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, and wait for it to be gone."""
        self._process.kill()
        self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read_greeting(self) -> dict[str, Any]:
        stdout = self._process.stdout
        if stdout is None:
            raise SandboxError(f"{self._module} has no stdout")
        readable, _, _ = select.select([stdout], [], [], START_S)
        line = stdout.readline() if readable else b""
        if not line:
            self.kill()
            raise SandboxError(
                f"{self._module} didn't start (exit code {self._process.returncode}); its stderr says why"
            )
        greeting: dict[str, Any] = json.loads(line)
        return greeting


def greet(**where: object) -> None:
    """Called by the service: say where it listens, and from now on leave with stdin if `WATCH` says so."""
    sys.stdout.write(json.dumps(where) + "\n")
    sys.stdout.flush()
    if os.environ.get(WATCH):
        threading.Thread(target=_leave_with_stdin, daemon=True).start()


def _leave_with_stdin() -> None:
    while os.read(0, 4096):
        continue
    os._exit(0)
