"""The files by which `ingest status` and `ingest top` find the supervisors of this user on this machine.

Rules
1. There is one file for each running supervisor, `PID.json`, in a directory of the user's own (0700): below
   XDG_RUNTIME_DIR, else below /tmp by the user's number. A directory that somebody else owns, or that others may write
   to, or that is a link, is not used.
2. A file counts only while the process with its number runs and began when the file says: numbers are used again.
   Stale files are removed by whoever looks.
3. It holds the page's address and what the run reads, and no secret.
"""

import contextlib
import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_SAME_START_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running supervisor. `started` is when its process began, in Unix seconds."""

    pid: int
    started: float
    url: str
    run: str
    group: str
    topics: tuple[str, ...]
    version: str


def directory() -> Path:
    """Where the files are, whether it exists or not."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "ingest" if runtime else Path("/tmp") / f"ingest-{os.getuid()}"  # noqa: S108  rule 1


def process_started(pid: int) -> float | None:
    """When the process `pid` began, in Unix seconds; None if there is none."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def write(running: Running, where: Path | None = None) -> Path:
    """Write the file of this process. Raises `OSError` when the directory can't be used."""
    folder = where or directory()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check(folder)
    file = folder / f"{running.pid}.json"
    part = folder / f".{running.pid}.part"
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(asdict(running), stream)
    part.replace(file)
    return file


def find(where: Path | None = None) -> tuple[Running, ...]:
    """The running supervisors, the oldest first; stale files are removed."""
    folder = where or directory()
    try:
        _check(folder)
        files = sorted(folder.glob("*.json"))
    except OSError:
        return ()
    found = []
    for file in files:
        running = _read(file)
        if running is not None and _runs(running):
            found.append(running)
        else:
            with contextlib.suppress(OSError):
                file.unlink()
    return tuple(sorted(found, key=lambda running: running.started))


def _check(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise OSError(f"{folder} is not a directory of this user alone")


def _read(file: Path) -> Running | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Running(**{**content, "topics": tuple(content["topics"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _runs(running: Running) -> bool:
    started = process_started(running.pid)
    return started is not None and abs(started - running.started) < _SAME_START_S
