"""Installs a release as a user would and runs it: in a bare environment, an empty folder, with an empty HOME.

1. The checksums of dist/ hold, else nothing is installed.
2. ingest and its fast lane come from the files of dist/; what they need comes from the package index, in the versions
   of requirements.lock, which is in dist/ too.
3. `ingest demo` must exit with 0, and its workers must decode with the fast lane.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.releasing.build import BuildError, run

SUMS = "SHA256SUMS"


def check_sums(dist: Path) -> int:
    """The number of files that SHA256SUMS names. Raises BuildError if one differs or is missing, or is not named."""
    sums = dist / SUMS
    if not sums.exists():
        raise BuildError(f"{dist} has no {SUMS}: run scripts/release first")
    lines = (line.split("  ", 1) for line in sums.read_text("utf-8").splitlines())
    named = {name: digest for digest, name in lines}
    there = {path.name for path in dist.iterdir()} - {SUMS}
    for name in sorted(there ^ named.keys()):
        raise BuildError(f"{dist / name} is {'not named in' if name in there else 'missing, but named in'} {SUMS}")
    for name, digest in named.items():
        if hashlib.sha256((dist / name).read_bytes()).hexdigest() != digest:
            raise BuildError(f"{dist / name} is not the file that {SUMS} names: build again with scripts/release")
    return len(named)


def try_out(dist: Path, *, events: int = 50_000) -> None:
    """Install what `dist` has and run the demo from it (rules 1 to 3). Raises BuildError."""
    print(f"scripts/release: {check_sums(dist)} checksums hold", flush=True)
    (wheel,) = dist.glob("ingest-*.whl")
    lanes = list(dist.glob("ingest_fastlane-*.whl"))
    with tempfile.TemporaryDirectory(prefix="ingest-trial-") as name:
        folder = Path(name)
        for part in ("empty", "home"):
            (folder / part).mkdir()
        python = folder / "venv" / "bin" / "python"
        run([sys.executable, "-m", "venv", folder / "venv"], cwd=folder)
        constraints = folder / "constraints.txt"
        lock = (dist / "requirements.lock").read_text("utf-8").splitlines()
        # A constraint with a hash would demand one of each file of dist/ too.
        constraints.write_text("".join(line.rstrip(" \\") + "\n" for line in lock if line[:1].isalnum()), "utf-8")
        pip: list[str | Path] = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
        what = f"{wheel}[fast]" if lanes else str(wheel)
        run([*pip, "install", "--no-cache-dir", "--constraint", constraints, what, *lanes], cwd=folder)
        print(f"scripts/release: installed {', '.join(path.name for path in (wheel, *lanes))}", flush=True)
        print(f"scripts/release: pip check: {run([python, '-m', 'pip', 'check'], cwd=folder).strip()}", flush=True)
        own = {"HOME": str(folder / "home"), "PATH": f"{python.parent}:{os.defpath}", "LANG": "C.UTF-8"}
        command = ["ingest", "demo", "--events", str(events)]
        print(f"scripts/release: {' '.join(command)}, from an empty folder", flush=True)
        shown = subprocess.run(
            command, cwd=folder / "empty", env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False, executable=python.parent / "ingest",
        )  # fmt: skip
        print(shown.stdout, flush=True)
        if shown.returncode:
            raise BuildError(f"ingest demo failed with exit code {shown.returncode}")
        if lanes and "decoding with the fast lane" not in shown.stdout:
            raise BuildError("the fast lane is installed, but the demo's workers don't decode with it")
        for part in ("empty", "home"):
            if left := sorted(path.name for path in (folder / part).iterdir()):
                raise BuildError(f"the demo left files behind in the folder {part}: {', '.join(left)}")
        lane = "the fast lane" if lanes else "orjson"
        print(f"scripts/release: {wheel.name} runs from a bare environment and decodes with {lane}", flush=True)
