"""The version of a release: `[project] version` in pyproject.toml, and the files that repeat it.

1. pyproject.toml decides. Cargo can't read it, and an extra can't refer to it, so the crate, its two locks and the
   extra `fast` repeat it. `disagreements` lists those that differ; `write` changes all of them.
2. CHANGELOG.md has a section `## X.Y.Z (YYYY-MM-DD)` for a version that is released, and nothing under `[Unreleased]`.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

_VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
_PROJECT = "pyproject.toml"
# Each file, and what stands around the version in it.
_REPEATED = {
    _PROJECT: re.compile(r'(^fast = \["ingest-fastlane==)([^"]+)(")', re.MULTILINE),
    "ingest/fastlane/Cargo.toml": re.compile(r'(^name = "ingest-fastlane"\nversion = ")([^"]+)(")', re.MULTILINE),
    "ingest/fastlane/Cargo.lock": re.compile(r'(^name = "ingest-fastlane"\nversion = ")([^"]+)(")', re.MULTILINE),
    "ingest/fastlane/fuzz/Cargo.lock": re.compile(r'(^name = "ingest-fastlane"\nversion = ")([^"]+)(")', re.MULTILINE),
}
_OWN = re.compile(r'(^\[project\]\nname = "ingest"\nversion = ")([^"]+)(")', re.MULTILINE)


def read(tree: Path) -> str:
    """The version of the project in `tree`."""
    return str(tomllib.loads((tree / _PROJECT).read_text("utf-8"))["project"]["version"])


def disagreements(tree: Path) -> Iterator[str]:
    """A sentence for each file that names another version than pyproject.toml."""
    version = read(tree)
    for name, pattern in _REPEATED.items():
        match = pattern.search((tree / name).read_text("utf-8"))
        if match is None:
            yield f"{name} names no version of ingest-fastlane"
        elif match[2] != version:
            remedy = f"scripts/release version {version}"
            yield f"{name} has ingest-fastlane {match[2]}, but pyproject.toml has {version}: {remedy}"


def write(tree: Path, version: str) -> None:
    """Set the version everywhere. Raises ValueError for what is no version, or if a file has no place for it."""
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{version!r} is not a version like 1.2.3 or 1.2.3rc1")
    for name, pattern in (*_REPEATED.items(), (_PROJECT, _OWN)):
        path = tree / name
        text, count = pattern.subn(rf"\g<1>{version}\g<3>", path.read_text("utf-8"))
        if count != 1:
            raise ValueError(f"{name} has {count} places for the version instead of one")
        path.write_text(text, "utf-8")


def changelog_faults(text: str, version: str) -> Iterator[str]:
    """What CHANGELOG.md lacks for a release of `version` (rule 2)."""
    heads = list(re.finditer(r"^## (.+)$", text, re.MULTILINE))
    ends = [*(head.start() for head in heads), len(text)][1:]
    sections = {head[1]: text[head.end() : end].strip() for head, end in zip(heads, ends, strict=True)}
    if sections.get("[Unreleased]"):
        yield "CHANGELOG.md has changes under [Unreleased]: move them to the section of this version"
    dated = re.compile(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)")
    if not any(dated.fullmatch(head) and body for head, body in sections.items()):
        yield f"CHANGELOG.md has no section '## {version} (YYYY-MM-DD)' with what has changed"
