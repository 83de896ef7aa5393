"""Runs a command that must not outlive its starter: `TetheredProcess`, and this file as the program that holds it.

Rules of the program
1. The first line on stdout is the command's process id.
2. When stdin ends, the starter has ended or closed it: the command is killed, and DIRECTORY is removed.
3. When the command ends first, DIRECTORY stays, so that the command can be started on it again, and the program exits
   with the command's exit code.

A pipe also works if the starter is killed, and independently of the thread that started the command. The program
imports only the standard library, so it needs little memory.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO


class TetheredProcess:
    """A running command that ends with this process. `pid` is the command's; its holder leads the session.

    Its stdout and stderr go to `output`: an open file, or `subprocess.PIPE` to read them from the attribute `output`.
    `directory`, if given, is removed when this process is killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        output: IO[str] | IO[bytes] | int,
        directory: str | os.PathLike[str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._holder = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(directory or ""), *command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,  # not stopped by Ctrl-C at the terminal
        )
        self.output = self._holder.stderr
        self.pid = int(self._holder.stdout.readline() or 0) if self._holder.stdout is not None else 0

    @property
    def code(self) -> int | None:
        """Its exit code, 128 plus the signal's number if a signal ended it; None while it runs."""
        return self._holder.poll()

    def send(self, how: signal.Signals) -> None:
        """Send a signal to the command only, if it still runs."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for its end; returns its exit code. Raises subprocess.TimeoutExpired."""
        return self._holder.wait(timeout_s)

    def end(self, how: signal.Signals, patience_s: float) -> None:
        """Send the signal `how`, wait up to `patience_s` seconds for its end, and close."""
        self.send(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(patience_s)
        self.close()

    def close(self) -> None:
        """Send SIGKILL to the command, its children and its holder if they still run; `directory` stays."""
        if self.code is None:
            os.killpg(self._holder.pid, signal.SIGKILL)
            self._holder.wait()
        for pipe in (self._holder.stdin, self._holder.stdout):
            if pipe is not None:
                pipe.close()


def main() -> int:
    """Run the command until it ends, or kill it when stdin ends."""
    directory, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    print(child.pid, flush=True)
    released = threading.Event()

    def kill_at_end_of_input() -> None:
        while os.read(0, 4096):
            pass
        released.set()
        child.kill()

    threading.Thread(target=kill_at_end_of_input, daemon=True).start()
    code = child.wait()
    if released.is_set():
        shutil.rmtree(directory, ignore_errors=True)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
