"""Runs one command, measures its whole process tree, and prints what it measured as JSON.

    python -IS launcher.py --journal DIRECTORY --log FILE --deadline-s 300 -- COMMAND...

1. The tree is everything the command started and everything those started. This process is their subreaper: whoever
   loses its parent becomes its child, is waited for, and counts. So the total (RUSAGE_CHILDREN, after the last has
   gone) is exact.
2. On the way, the tree's CPU is what /proc/PID/stat says of each living process, its ended children included, plus what
   has ended here already; in steps of 10 ms a process. It is read at each acknowledgement.
3. An acknowledgement is a new file in the endpoint's journal: it appears when the rows are durable, directly before the
   endpoint answers. The directory is looked at every 10 ms. This holds for any consumer, as it asks none of them.
4. Memory is PSS (shared pages count by their share), summed over the tree, every half second.
5. The tree ends with this process, and this process with its stdin: when the runner is gone, all of it is gone.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

LOOK_S = 0.01
MEMORY_S = 0.5
LEAVE_S = 15.0  # helpers that outlive the command (a forkserver) have this long to follow it

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_TICKS = os.sysconf("SC_CLK_TCK")


class Tree:
    """The command and all its descendants."""

    def __init__(self, command: list[str], log: Path) -> None:
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.exit_code: int | None = None
        self.seen: set[int] = set()
        self.pid = os.fork()  # this process has one thread
        if self.pid == 0:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            os.setsid()
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            try:
                os.execvp(command[0], command)  # noqa: S606  a list, and no shell takes part
            finally:
                os._exit(127)

    def reap(self) -> bool:
        """Wait for whoever has ended. False when nobody is left."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == self.pid:
                    self.exit_code = os.waitstatus_to_exitcode(status)
                if pid == 0:
                    return True
        return False

    def living(self) -> dict[int, float]:
        """Process id -> CPU seconds, ended children included, of each living descendant."""
        parents: dict[int, int] = {}
        cpu: dict[int, float] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                    parents[int(entry.name)] = int(fields[1])
                    cpu[int(entry.name)] = sum(map(int, fields[11:15])) / _TICKS
        found = {os.getpid()}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        found.discard(os.getpid())
        self.seen |= found
        return {pid: cpu[pid] for pid in found}

    def cpu_s(self) -> float:
        """CPU seconds, user and system, of the whole tree so far."""
        return sum(self.living().values()) + ended_cpu_s()

    def pss_bytes(self) -> int:
        """Memory of the whole tree now."""
        total = 0
        for pid in self.living():
            with contextlib.suppress(OSError):
                for line in Path("/proc", str(pid), "smaps_rollup").read_bytes().splitlines():
                    if line.startswith(b"Pss:"):
                        total += int(line.split()[1]) * 1024
        return total

    def kill(self) -> None:
        """SIGKILL to all of it, until nobody is left."""
        while self.reap():
            for pid in self.living():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(LOOK_S)


def ended_cpu_s() -> float:
    """CPU seconds of all descendants that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stored(journal: Path) -> int:
    """How many uploads the endpoint has made durable."""
    with os.scandir(journal) as entries:
        return sum(entry.name.endswith(".arrow") for entry in entries)


def follow(tree: Tree, journal: Path, deadline_s: float) -> dict[str, object]:
    """Measure until the command ends, or kill it at the deadline or when stdin ends."""
    began = time.monotonic()
    acknowledged: list[tuple[float, int, float]] = []
    memory: list[tuple[float, int]] = []
    files = stored(journal)
    memory_at = began
    timed_out = False
    while tree.exit_code is None:
        now = time.monotonic()
        if (count := stored(journal)) != files:
            acknowledged.append((now - began, count, tree.cpu_s()))
            files = count
        elif now >= memory_at:
            memory.append((now - began, tree.pss_bytes()))
            memory_at = now + MEMORY_S
        timed_out = now - began > deadline_s
        abandoned = bool(select.select([0], [], [], LOOK_S)[0]) and not os.read(0, 1)
        if timed_out or abandoned:
            tree.kill()
        else:
            tree.reap()
    wall_s = time.monotonic() - began
    while tree.reap() and time.monotonic() - began < wall_s + LEAVE_S:
        time.sleep(LOOK_S)
    tree.kill()
    return {
        "exit_code": tree.exit_code,
        "timed_out": timed_out,
        "wall_s": wall_s,
        "cpu_s": ended_cpu_s(),
        "acknowledged": acknowledged,  # seconds since the start, files in the journal, CPU seconds of the tree
        "pss": memory,  # seconds since the start, bytes
        "processes": len(tree.seen),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--deadline-s", type=float, required=True)
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    measured = follow(Tree(given.command, given.log), given.journal, given.deadline_s)
    try:
        print(json.dumps(measured), flush=True)
    except BrokenPipeError:
        os._exit(1)  # the runner is gone
    return 0


if __name__ == "__main__":
    sys.exit(main())
