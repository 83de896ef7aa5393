"""Where a run keeps dead letters and the account, and whether that outlives a container.

Rules
1. A default, and a relative directory of a variable or a flag, counts from the working directory, one in a file from
   that file's. The unit and the image in scripts/deploy set the working directory to the place for state; a start says
   in one line what came of it.
2. In a container, the image's own file system is an overlay at `/`: what is written there goes when the container does.
   So does what is in memory. A directory there is a warning, as dead letters are the only copy of what they hold.
3. Outside a container nothing is warned of: a live system may have an overlay at `/` too, and that is its own business.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.config.settings import Config
from ingest.events import Event, Notice, StateNotKept

_OCTAL = re.compile(r"\\([0-7]{3})")  # a blank in a path is \040
_MOUNTS = Path("/proc/self/mountinfo")
_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_LAYERS = frozenset({"overlay", "aufs", "fuse.fuse-overlayfs"})
_MEMORY = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo: where a file system is mounted, and of what type it is."""

    point: Path
    type: str


def announcements(config: Config) -> Iterator[Event]:
    """What a start says of its directories; only local files are looked at."""
    letters = None if config.dead_letters.topic else config.dead_letters.directory.absolute()
    account = Path(config.account.directory).absolute() if config.account.directory else None
    yield Notice(text=_sentence(config.dead_letters.topic, letters, account))
    if in_container(os.environ, _MARKS):
        mounts = list(parse_mounts(_read(_MOUNTS)))
        for name, directory in (("[dead_letters]", letters), ("[account]", account)):
            if directory is not None and (why := not_kept_because(directory.resolve(), mounts)):
                yield StateNotKept(section=name, directory=str(directory), reason=why)


def in_container(environment: Mapping[str, str], marks: Sequence[Path]) -> bool:
    """Whether this is a container: Docker and Podman leave a mark, Kubernetes a variable."""
    return "KUBERNETES_SERVICE_HOST" in environment or any(mark.exists() for mark in marks)


def parse_mounts(text: str) -> Iterator[Mount]:
    """The mounts of a mountinfo file, in its order; what isn't a line of one is passed over."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, types = before.split(), after.split()
        if len(fields) > 4 and types:
            point = _OCTAL.sub(lambda escaped: chr(int(escaped[1], 8)), fields[4])
            yield Mount(Path(point), types[0])


def not_kept_because(directory: Path, mounts: Sequence[Mount]) -> str:
    """Why what is written to `directory` goes with the container; empty if it stays, or if nobody knows (rule 2).

    `directory` is absolute and has no links in it.
    """
    # Of several mounts on one point the last one is seen.
    over = [mount for mount in mounts if directory.is_relative_to(mount.point)]
    if not over:
        return ""
    mount = max(reversed(over), key=lambda mount: len(mount.point.parts))
    if mount.type in _MEMORY:
        return "it is in memory"
    if mount.type in _LAYERS and mount.point == Path("/"):
        return "it is in the container's own file system"
    return ""


def _sentence(topic: str, letters: Path | None, account: Path | None) -> str:
    to = f"to the topic {topic}" if letters is None else f"to {letters}"
    return f"dead letters go {to}; " + ("no account is kept" if account is None else f"the account to {account}")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:  # nobody knows what is mounted where, which is no reason not to start
        return ""
