"""Builds the archives of a release from a commit's files, the same byte for byte wherever and whenever that is done.

1. A build sees the files of the commit in a folder of its own, and nothing else of the checkout.
2. The time in an archive is the commit's (SOURCE_DATE_EPOCH); owners, modes and order don't depend on the machine.
3. The fast lane names no folder of the machine: rustc replaces them.
4. The fast lane is linked by zig against the glibc of manylinux2014, whatever the machine has.
"""

import gzip
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# PEP 517's hooks, without a frontend that would make an environment for them.
_HOOK = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"
TARGET = "x86_64-unknown-linux-gnu"


class BuildError(Exception):
    """A step failed; the text has its command and the end of its output."""


def run(command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    """The output of `command`, both streams. Raises BuildError if it fails or isn't there."""
    shown = " ".join(map(str, command))
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BuildError(f"{command[0]} is missing: {shown}") from error
    if done.returncode:
        raise BuildError(f"{shown} failed with exit code {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def unpack(checkout: Path, commit: str, tree: Path) -> None:
    """Write the files of `commit` to `tree`, a new folder (rule 1)."""
    tree.mkdir(parents=True)
    archive = tree.with_suffix(".tar")
    run(["git", "archive", "--format=tar", f"--output={archive}", commit], cwd=checkout)
    with tarfile.open(archive) as files:
        files.extractall(tree, filter="tar")
    archive.unlink()


def environment(epoch: int) -> dict[str, str]:
    """What a build sees of the environment (rule 2)."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "RUSTFLAGS"}}
    return {**kept, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def build_python(tree: Path, out: Path, epoch: int, *, python: Path | str = sys.executable) -> tuple[Path, Path]:
    """The sdist, and the pure wheel that is built from it. `python` has setuptools. Raises BuildError."""
    os.umask(0o022)
    run([python, "-c", _HOOK.format("sdist"), out], cwd=tree, environment=environment(epoch))
    (sdist,) = out.glob("ingest-*.tar.gz")
    _normalize(sdist, epoch)
    unpacked = tree.with_name(f"{tree.name}-sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    root = unpacked / sdist.name.removesuffix(".tar.gz")
    run([python, "-c", _HOOK.format("wheel"), out], cwd=root, environment=environment(epoch))
    (wheel,) = out.glob("ingest-*.whl")
    return sdist, wheel


def build_fast_lane(tree: Path, out: Path, epoch: int) -> tuple[Path, Path]:
    """The fast lane's sdist, and its manylinux2014 wheel for every Python from 3.11 on. Raises BuildError."""
    crate = tree / "ingest" / "fastlane"
    cargo = os.environ.get("CARGO_HOME") or str(Path.home() / ".cargo")
    flags = [f"--remap-path-prefix={cargo}=/cargo", f"--remap-path-prefix={tree}=/ingest"]  # rule 3
    own = {
        **environment(epoch),
        "CARGO_TARGET_DIR": str(tree / "target"),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
        "CARGO_TERM_COLOR": "never",
    }
    wheel_options = [
        "--release",
        "--locked",
        "--strip",
        "--zig",
        "--target",
        TARGET,
        "--compatibility",
        "manylinux2014",
    ]
    run(["maturin", "build", *wheel_options, "--out", out], cwd=crate, environment=own)
    run(["maturin", "sdist", "--out", out], cwd=crate, environment=own)
    (sdist,) = out.glob("ingest_fastlane-*.tar.gz")
    (wheel,) = out.glob("ingest_fastlane-*.whl")
    _normalize(sdist, epoch)
    return sdist, wheel


def _normalize(sdist: Path, epoch: int) -> None:
    """Write `sdist` again with nothing of this machine or this moment in it (rule 2)."""
    with tarfile.open(sdist) as archive:
        members = [(member, archive.extractfile(member)) for member in sorted(archive, key=lambda member: member.name)]
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as output:
            for member, content in members:
                member.mtime, member.pax_headers = epoch, {}
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                output.addfile(member, content)
    with sdist.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=epoch) as packed:
        packed.write(buffer.getvalue())
