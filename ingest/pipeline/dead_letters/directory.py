"""Whether a directory takes files: asked before a start, so that the first bad message doesn't find out.

Several supervisors may ask at the same time of one that isn't there yet: each makes it and removes it again, and none
may take that for a fault. An empty directory may stay then.
"""

import contextlib
import os
import secrets
from pathlib import Path

import psutil

_MOST_MADE = 20  # times that a directory is made; each needs another process at the same moment
_PROBE_BYTES = 4096  # a block: a full disk often takes a few bytes more


def free_bytes(directory: Path) -> int:
    """Write and sync a file, and remove it with the directories that had to be made; returns what is free on the disk.

    Raises OSError if a file can't be made or written there.
    """
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        for _ in range(_MOST_MADE):
            with contextlib.suppress(FileNotFoundError):  # somebody else has removed what we had made, or found
                return _free_bytes(directory)
        return _free_bytes(directory)
    finally:
        for path in made:
            with contextlib.suppress(OSError):  # it is not empty, or somebody else has removed it
                path.rmdir()


def _free_bytes(directory: Path) -> int:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    probe = directory / f".check-{secrets.token_hex(4)}"
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        data = memoryview(b"check\n".ljust(_PROBE_BYTES, b"\n"))
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
        return psutil.disk_usage(str(directory)).free
    finally:
        os.close(descriptor)
        probe.unlink()


def unusable(section: str, directory: Path, error: OSError) -> str:
    """The sentence about the `directory` of a section that can't be written."""
    what = "is a file" if directory.is_file() else f"can't be written: {error.strerror or error}"
    return f"[{section}] directory = {directory} {what}. Check permissions and disk, or set another directory"
