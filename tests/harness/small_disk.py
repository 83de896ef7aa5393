"""A file system of its own that is too small, and grows or shrinks when a test wants it to."""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self


class SmallDisk:
    """Leave it as a context manager. It is mounted by root, and a container may forbid it even then: see `mounted`.

    `size` is of `mount`'s own spelling, such as `64k`; nothing of it is taken from memory before it is written.
    """

    def __init__(self, place: Path, size: str) -> None:
        self.place = place
        place.mkdir()
        mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "ingest-test", str(place)]
        self.mounted = os.geteuid() == 0 and not subprocess.run(mounting, capture_output=True, check=False).returncode

    def resize(self, size: str) -> None:
        """Let it have `size`, which must be as much as is written. It must be mounted."""
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.place)], check=True, capture_output=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.place)], check=True)
