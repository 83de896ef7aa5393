"""Runs a command that must not outlive whoever started it: `TetheredProcess`, and this file as a program beneath.

1. The first line on stdout is the command's process id.
2. When stdin ends, the starter is gone or has let go: the command is killed and DIRECTORY is removed.
3. When the command ends first, DIRECTORY stays (it may be started again on it) and its exit code is ours.

A pipe is used because it also works when the starter is killed, wherever it runs and whichever of its threads
started this. It imports the standard library only: a broker started by it costs no second interpreter with pyarrow.
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
    """A running command that dies with this process. `pid` is its own; it leads no session, its holder does.

    Its stdout and stderr go to `output`: an open file, or `subprocess.PIPE` to read them from `said`. `directory`, if
    there is one, is removed when this process is killed.
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
            start_new_session=True,  # a Ctrl-C at the terminal is for who started it
        )
        self.said = self._holder.stderr
        self.pid = int(self._holder.stdout.readline() or 0) if self._holder.stdout is not None else 0

    @property
    def code(self) -> int | None:
        """Its exit code, 128 and the signal's number if a signal ended it; None while it runs."""
        return self._holder.poll()

    def send(self, how: signal.Signals) -> None:
        """To the command alone, if it still runs."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        return self._holder.wait(timeout_s)

    def end(self, how: signal.Signals, patience_s: float) -> None:
        """Send `how`, wait so long for it to leave, and close."""
        self.send(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(patience_s)
        self.close()

    def close(self) -> None:
        """SIGKILL to what of it still runs, its children and its holder too; `directory` stays."""
        if self.code is None:
            os.killpg(self._holder.pid, signal.SIGKILL)
            self._holder.wait()
        for pipe in (self._holder.stdin, self._holder.stdout):
            if pipe is not None:
                pipe.close()


def main() -> int:
    """Hold the command until it ends or stdin does."""
    directory, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    print(child.pid, flush=True)
    let_go = threading.Event()

    def kill_at_end_of_input() -> None:
        while os.read(0, 4096):
            pass
        let_go.set()
        child.kill()

    threading.Thread(target=kill_at_end_of_input, daemon=True).start()
    code = child.wait()
    if let_go.is_set():
        shutil.rmtree(directory, ignore_errors=True)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
