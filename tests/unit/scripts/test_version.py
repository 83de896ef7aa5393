"""The version stands in one place, and whatever repeats it agrees."""

import shutil
from pathlib import Path

import pytest

from ingest.pipeline.decoding.compiled import mismatch
from scripts.releasing import version
from tests.harness.command import ROOT

NAMES = (
    "pyproject.toml",
    "ingest/fastlane/Cargo.toml",
    "ingest/fastlane/Cargo.lock",
    "ingest/fastlane/fuzz/Cargo.lock",
)
CHANGES = "# Changelog\n\n## [Unreleased]\n\n## 1.2.3 (2026-11-28)\n\n- A change.\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files of the checkout that name a version."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_all_files_of_the_checkout_agree() -> None:
    assert list(version.disagreements(ROOT)) == []


def test_a_new_version_is_written_everywhere(tree: Path) -> None:
    before = {name: (tree / name).read_text("utf-8") for name in NAMES}
    old = version.read(tree)
    version.write(tree, "7.8.9rc1")
    assert version.read(tree) == "7.8.9rc1"
    assert list(version.disagreements(tree)) == []
    for name in NAMES:  # and nothing else is changed
        assert (tree / name).read_text("utf-8").replace("7.8.9rc1", old) == before[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_differs_is_named(tree: Path, name: str) -> None:
    text = (tree / name).read_text("utf-8")
    at = "ingest-fastlane==" if name == "pyproject.toml" else 'name = "ingest-fastlane"\nversion = "'
    (tree / name).write_text(text.replace(f"{at}{version.read(tree)}", f"{at}9.9.9"), "utf-8")
    (fault,) = version.disagreements(tree)
    assert fault.startswith(f"{name} has ingest-fastlane 9.9.9, but pyproject.toml has {version.read(tree)}")


def test_what_is_no_version_is_refused(tree: Path) -> None:
    with pytest.raises(ValueError, match="is not a version like"):
        version.write(tree, "v1")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (CHANGES, ""),
        (CHANGES.replace("2026-11-28", "unreleased"), "has no section"),
        (CHANGES.replace("- A change.", ""), "has no section"),
        (CHANGES.replace("1.2.3", "1.2.4"), "has no section"),
        (CHANGES.replace("[Unreleased]\n", "[Unreleased]\n\n- One more.\n"), "under [Unreleased]"),
        ("# Changelog\n", "has no section"),
    ],
)
def test_a_release_needs_its_section_of_the_changelog(text: str, fault: str) -> None:
    faults = list(version.changelog_faults(text, "1.2.3"))
    assert [fault in each for each in faults] == ([True] if fault else [])


def test_a_fast_lane_of_another_version_is_not_used_and_named() -> None:
    assert mismatch("1.2.3", "1.2.3", interface=1) == ""
    assert mismatch("0+unknown", "1.2.3", interface=1) == ""  # run from a folder: nobody knows the version
    assert mismatch("1.2.3", "1.2.3", interface=2)
    text = mismatch("1.2.3", "1.2.4", interface=1)
    assert text.startswith("ingest-fastlane 1.2.4 is installed, which is not made for ingest 1.2.3: install both")
