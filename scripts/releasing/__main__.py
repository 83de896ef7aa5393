"""The steps of `scripts/release`.

1. A release is made from a commit: a dirty tree, a version that files disagree about, or a changelog without a section
   of that version ends it before anything is built. `--draft` passes over the first and the last.
2. Everything is built twice, in two folders. Two builds that differ are no release.
3. Only what passed all checks is moved to dist/, with the checksums of all; what was there before goes.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scripts.releasing import contents, version
from scripts.releasing.build import BuildError, build_fast_lane, build_python, environment, run, unpack
from scripts.releasing.materials import bill
from scripts.releasing.trial import SUMS, try_out

CHECKOUT = Path(__file__).resolve().parents[2]
DIST = CHECKOUT / "dist"


def main() -> int:
    """Run the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="scripts/release", description="Build what a release consists of into dist/.")
    parser.add_argument("--draft", action="store_true", help="from the tracked files as they are; not to be published")
    parser.add_argument("--pure", action="store_true", help="without the fast lane; implies --draft")
    parser.add_argument(
        "--try", action="store_true", dest="trial", help="install dist/ somewhere bare and run the demo"
    )
    commands = parser.add_subparsers(dest="command")
    own = commands.add_parser("version", help="print the version, or write a new one to every file that names it")
    own.add_argument("new", nargs="?")
    arguments = parser.parse_args()
    try:
        if arguments.command == "version":
            if arguments.new:
                version.write(CHECKOUT, arguments.new)
            print(version.read(CHECKOUT))
        elif arguments.trial:
            try_out(DIST)
        else:
            release(draft=arguments.draft or arguments.pure, pure=arguments.pure)
    except (BuildError, ValueError) as error:
        print(f"scripts/release: {error}", file=sys.stderr)
        return 1
    return 0


def release(*, draft: bool, pure: bool) -> None:
    """Build, check, and fill dist/. Raises BuildError."""
    commit = _commit(draft=draft)
    epoch = int(run(["git", "log", "-1", "--format=%ct", commit], cwd=CHECKOUT))
    with tempfile.TemporaryDirectory(prefix="ingest-release-") as name:
        folder = Path(name)
        builds = []
        for number in ("first", "second"):
            tree, out = folder / number / "tree", folder / number / "out"
            unpack(CHECKOUT, commit, tree)
            out.mkdir()
            if number == "first":
                _check_version(tree, draft=draft)
                _say(f"building {version.read(tree)} of {commit[:12]}, twice")
            build_python(tree, out, epoch, python="python")
            if not pure:
                build_fast_lane(tree, out, epoch)
            _write_bill(tree, out, epoch)
            shutil.copy(tree / "requirements.lock", out)
            builds.append(out)
            _say(f"{number} build: {', '.join(sorted(path.name for path in out.iterdir()))}")
        _compare(*builds)
        _check(builds[0], commit, folder)
        (builds[0] / SUMS).write_text("".join(_sums(builds[0])), "utf-8")
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(builds[0], DIST)
    _say(f"dist/ has {len(list(DIST.iterdir()))} files{' (a draft: not to be published)' if draft else ''}")


def _commit(*, draft: bool) -> str:
    head = run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT).strip()
    changed = run(["git", "status", "--porcelain"], cwd=CHECKOUT).rstrip()
    if not changed:
        return head
    if not draft:
        raise BuildError(f"the tree has changes that are not committed: commit them, or use --draft\n{changed}")
    # A commit of the tracked files as they are, on no branch; without one of those there is nothing to stash.
    return run(["git", "stash", "create"], cwd=CHECKOUT).strip() or head


def _check_version(tree: Path, *, draft: bool) -> None:
    faults = list(version.disagreements(tree))
    if not draft:
        faults += version.changelog_faults((tree / "CHANGELOG.md").read_text("utf-8"), version.read(tree))
    if faults:
        raise BuildError("\n  ".join(["this can't be released:", *faults]))


def _write_bill(tree: Path, out: Path, epoch: int) -> None:
    made = out / "python.json"
    options = ["--pyproject", "pyproject.toml", "--output-reproducible", "--sv", "1.6", "--of", "JSON", "-o", str(made)]
    run(["cyclonedx-py", "requirements", *options, "requirements.lock"], cwd=tree, environment=environment(epoch))
    number = version.read(tree)
    text = bill(json.loads(made.read_text("utf-8")), (tree / "ingest/fastlane/Cargo.lock").read_text("utf-8"), number)
    made.unlink()
    (out / f"ingest-{number}.cdx.json").write_text(text, "utf-8")


def _compare(first: Path, second: Path) -> None:
    """Raises BuildError unless both folders have the same files with the same content."""
    differ = sorted(set(_sums(first)) ^ set(_sums(second)))
    if differ:
        raise BuildError("\n  ".join(["the two builds differ:", *(line.rstrip() for line in differ)]))
    _say("both builds are the same, byte for byte")


def _check(out: Path, commit: str, folder: Path) -> None:
    """Raises BuildError for an archive that lacks something, has too much, or would not install."""
    tracked = run(["git", "ls-tree", "-r", "--name-only", commit], cwd=CHECKOUT).splitlines()
    package = contents.package_files(tracked)
    (wheel,), (sdist,) = out.glob("ingest-*.whl"), out.glob("ingest-*.tar.gz")
    faults = [*contents.wheel_faults(wheel, package), *contents.sdist_faults(sdist, package)]
    archives = sorted(str(path) for path in out.iterdir() if path.suffix in {".whl", ".gz"})
    run(["twine", "check", "--strict", *archives], cwd=out)
    run(["hadolint", folder / "first" / "tree" / "scripts" / "deploy" / "Containerfile"], cwd=out)
    for lane in out.glob("ingest_fastlane-*.whl"):
        faults += contents.fast_lane_faults(lane, [str(folder), str(Path.home()), str(CHECKOUT)])
        shown = " ".join(run(["auditwheel", "show", lane], cwd=out).split())
        if 'is consistent with the following platform tag: "manylinux_2_17_x86_64"' not in shown:
            faults.append(f"{lane.name} is not manylinux2014: {shown}")
    if faults:
        raise BuildError("\n  ".join(["this can't be released:", *faults]))
    _say("contents, metadata and platform tags are right")


def _sums(folder: Path) -> Iterator[str]:
    """Lines as sha256sum writes and checks them."""
    for path in sorted(folder.iterdir()):
        yield f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"


def _say(text: str) -> None:
    print(f"scripts/release: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
