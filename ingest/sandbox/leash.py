"""Runs a command that must not outlive whoever started it: `python leash.py DIRECTORY COMMAND...`

1. The first line on stdout is the command's process id.
2. When stdin ends, the starter is gone or has let go: the command is killed and DIRECTORY is removed.
3. When the command ends first, DIRECTORY stays (it may be started again on it) and its exit code is ours.

A pipe is used because it also works when the starter is killed, wherever it runs and whichever of its threads
started this. It imports the standard library only: a broker started by it costs no second interpreter with pyarrow.
"""

import os
import shutil
import subprocess
import sys
import threading


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
