"""Whether a directory takes files: asked before a start, so that the first bad message doesn't find out."""

import os
import secrets
from pathlib import Path

import psutil

_PROBE_BYTES = 4096  # a block: a full disk often takes a few bytes more


def free_bytes(directory: Path) -> int:
    """Write and sync a file, and remove it with the directories that had to be made; returns what is free on the disk.

    Raises OSError if a file can't be made or written there.
    """
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    probe = directory / f".check-{secrets.token_hex(4)}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            data = memoryview(b"check\n".ljust(_PROBE_BYTES, b"\n"))
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            probe.unlink()
        return psutil.disk_usage(str(directory)).free
    finally:
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def unusable(section: str, directory: Path, error: OSError) -> str:
    """The sentence about the `directory` of a section that can't be written."""
    what = "is a file" if directory.is_file() else f"can't be written: {error.strerror or error}"
    return f"[{section}] directory = {directory} {what}. Check permissions and disk, or set another directory"
