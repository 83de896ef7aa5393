"""Makes the environment that a foreign peer runs in: `.cache/peers/NAME`, from its lock alone, by hash.

1. By uv where there is one, else by venv and pip. Only wheels are taken, except where a package comes as source alone.
2. A stamp with the lock's hash and the Python's version makes the second time quick. Without it, nothing that is there
   counts, and it is made anew.
3. Who can't be made (no network, no wheel for this Python) is missing, and says why. That is no fault of the suite.
4. A module of the name that a peer is imported by would shadow it: so no program here is named as its package is.
"""

import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import IngestError
from ingest.sandbox.jars import cache_directory

HERE = Path(__file__).parent
INSTALL_S = 900.0
TOLD_LINES = 4


class PeerMissingError(IngestError):
    """A contender can't run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Environment:
    """`NAME.in` says what it needs, `NAME.lock` which versions of all. `sources`: packages without any wheel."""

    name: str
    sources: tuple[str, ...] = ()

    @property
    def lock(self) -> Path:
        return HERE / f"{self.name}.lock"

    @property
    def directory(self) -> Path:
        return cache_directory() / "peers" / self.name

    def python(self) -> str:
        """Its interpreter; `prepare` has made it."""
        return str(self.directory / "bin" / "python")

    def prepare(self) -> None:
        """Make it, if it isn't there or its lock has changed. Raises `PeerMissingError`."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        stamp = self.directory / "stamp"
        with self.directory.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if stamp.is_file() and stamp.read_text() == self._identity():
                return
            shutil.rmtree(self.directory, ignore_errors=True)
            for command in self._with_uv() if shutil.which("uv") else self._with_pip():
                self._call(command)
            stamp.write_text(self._identity())

    def version(self, package: str) -> str:
        """The version of `package` that the lock names."""
        for line in self.lock.read_text().splitlines():
            if line.startswith(f"{package}=="):
                return line.removeprefix(f"{package}==").partition(" ")[0]
        raise PeerMissingError(f"{self.lock} doesn't name {package}: make it again as benchmarks/README.md says")

    def versions(self) -> str:
        """What it directly needs, and in which versions it gets that."""
        wanted = re.findall(r"^[\w-]+", self.lock.with_suffix(".in").read_text(), re.MULTILINE)
        return ", ".join(f"{package} {self.version(package)}" for package in wanted)

    def _identity(self) -> str:
        return f"{hashlib.sha256(self.lock.read_bytes()).hexdigest()} {platform.python_version()} {self.directory}\n"

    def _with_uv(self) -> list[list[str]]:
        into = ["--quiet", "--python", self.python()]
        return [
            ["uv", "venv", "--quiet", "--python", sys.executable, str(self.directory)],
            ["uv", "pip", "sync", *into, "--compile-bytecode", "--require-hashes", *self._wheels(), str(self.lock)],
        ]

    def _with_pip(self) -> list[list[str]]:
        install = [self.python(), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "install"]
        return [
            [sys.executable, "-m", "venv", str(self.directory)],
            [*install, "--no-cache-dir", "--require-hashes", *self._wheels(), "-r", str(self.lock)],
        ]

    def _wheels(self) -> list[str]:
        built = [option for source in self.sources for option in ("--no-binary", source)]
        return ["--only-binary", ":all:", *built]

    def _call(self, command: list[str]) -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired:
            raise PeerMissingError(f"its environment was not made within {INSTALL_S:.0f} s") from None
        except OSError as error:
            raise PeerMissingError(f"its environment can't be made: {error}") from None
        if done.returncode:
            words = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise PeerMissingError(f"its environment can't be made: {' / '.join(words[-TOLD_LINES:])}")
