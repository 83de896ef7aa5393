"""The archives of a release have what the package needs, no tests, and the licence, and no time or owner of a build."""

import os
import shutil
import tarfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from scripts.releasing import contents
from scripts.releasing.build import build_python, run
from tests.harness.command import ROOT

EPOCH = 1_700_000_000  # an even second: a wheel, being a zip file, has no others
PACKAGE = frozenset({"ingest/__init__.py", "ingest/py.typed", "ingest/status/web/page.css"})
METADATA = ("ingest-1.dist-info/METADATA", "ingest-1.dist-info/licenses/LICENSE")
SDIST = ("PKG-INFO", "LICENSE", "README.md", "pyproject.toml", "setup.cfg", "ingest.egg-info/SOURCES.txt")


def wheel(folder: Path, names: Iterable[str], name: str = "ingest-1-py3-none-any.whl") -> Path:
    with zipfile.ZipFile(folder / name, "w") as archive:
        for each in names:
            archive.writestr(each, "content")
    return folder / name


def sdist(folder: Path, names: Iterable[str]) -> Path:
    path = folder / "ingest-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"ingest-1/{name}"))
    return path


def test_a_complete_wheel_has_no_fault(tmp_path: Path) -> None:
    assert list(contents.wheel_faults(wheel(tmp_path, [*PACKAGE, *METADATA]), PACKAGE)) == []


@pytest.mark.parametrize("missing", sorted(PACKAGE | {METADATA[1]}))
def test_what_a_wheel_lacks_is_named(tmp_path: Path, missing: str) -> None:
    faults = list(contents.wheel_faults(wheel(tmp_path, {*PACKAGE, *METADATA} - {missing}), PACKAGE))
    assert any("licence" in fault if missing == METADATA[1] else missing in fault for fault in faults)


@pytest.mark.parametrize("extra", ["tests/conftest.py", "ingest/fastlane/src/lib.rs", "build/lib/ingest/__init__.py"])
def test_what_a_wheel_has_too_much_is_named(tmp_path: Path, extra: str) -> None:
    (fault,) = contents.wheel_faults(wheel(tmp_path, [*PACKAGE, *METADATA, extra]), PACKAGE)
    assert fault.endswith(f"has {extra}, which is no committed file of the package")


def test_an_sdist_has_the_package_and_no_tests(tmp_path: Path) -> None:
    assert list(contents.sdist_faults(sdist(tmp_path, [*PACKAGE, *SDIST]), PACKAGE)) == []
    (tests,) = contents.sdist_faults(sdist(tmp_path, [*PACKAGE, *SDIST, "tests/unit/test_cli.py"]), PACKAGE)
    assert "tests/unit/test_cli.py" in tests
    (licence,) = contents.sdist_faults(sdist(tmp_path, [*PACKAGE, *(set(SDIST) - {"LICENSE"})]), PACKAGE)
    assert licence.endswith("lacks the licence")


def test_a_fast_lane_that_names_a_folder_of_its_builder_is_refused(tmp_path: Path) -> None:
    names = ["ingest_fastlane/ingest_fastlane.abi3.so", "ingest_fastlane-1.dist-info/licenses/LICENSE"]
    path = wheel(tmp_path, names, "ingest_fastlane-1-cp311-abi3-any.whl")
    assert list(contents.fast_lane_faults(path, ["/home/builder"])) == []
    assert len(list(contents.fast_lane_faults(path, ["conten"]))) == 2
    bare = wheel(tmp_path, names[:1], "ingest_fastlane-1-cp311-abi3-any.whl")
    assert [fault.endswith("lacks the licence") for fault in contents.fast_lane_faults(bare, [])] == [True]


def test_this_checkout_builds_complete_archives(tmp_path: Path) -> None:
    """The short form of `scripts/release`, from the files that are committed or about to be.

    One build: `scripts/release` compares two. That they are equal follows from what an archive says of time and owner.
    """
    names = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT).splitlines()
    needed = [name for name in names if (name.startswith("ingest/") or "/" not in name) and (ROOT / name).is_file()]
    tree, out = tmp_path / "tree", tmp_path / "out"
    out.mkdir()
    for name in needed:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    mask = os.umask(0o022)
    try:
        source, built = build_python(tree, out, EPOCH)
    finally:
        os.umask(mask)
    package = contents.package_files(needed)
    assert list(contents.sdist_faults(source, package)) == []
    assert list(contents.wheel_faults(built, package)) == []
    with tarfile.open(source) as archive:
        members = archive.getmembers()
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (EPOCH, 0, 0, "", "")
    }
    assert [member.name for member in members] == sorted(member.name for member in members)
    with zipfile.ZipFile(built) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {time.gmtime(EPOCH)[:6]}
