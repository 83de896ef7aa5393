"""What is in the archives of a release: all that belongs to the package, and nothing else.

1. The pure wheel has each committed file under ingest/ but those of ingest/fastlane: modules, py.typed, and whatever a
   page or a command reads. A file that setuptools doesn't know as package data would be missing, and so is noticed.
2. Beside these it has its own metadata, with the licence.
3. An sdist has the same, what it is built from, and no tests. The wheel is built from the sdist, so that works too.
4. The fast lane's wheel has one extension module and metadata: no path of the machine that built it.
"""

import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

_LICENCE = re.compile(r"[^/]+\.dist-info/licenses/LICENSE")
_METADATA = re.compile(
    r"[^/]+\.dist-info/(METADATA|RECORD|WHEEL|entry_points\.txt|top_level\.txt|licenses/LICENSE|sboms/[^/]+)"
)
_SDIST = re.compile(r"[^/]+/(PKG-INFO|README\.md|LICENSE|pyproject\.toml|setup\.cfg|ingest\.egg-info/[^/]+)?")


def package_files(tracked: Iterable[str]) -> frozenset[str]:
    """Those of the committed files that belong to the package `ingest` (rule 1)."""
    return frozenset(name for name in tracked if name.startswith("ingest/") and not name.startswith("ingest/fastlane/"))


def wheel_faults(wheel: Path, package: AbstractSet[str]) -> Iterator[str]:
    """What the pure wheel lacks or has too much (rules 1 and 2)."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for name in sorted(package - names):
        yield f"{wheel.name} lacks {name}: name it in [tool.setuptools.package-data]"
    for name in sorted(names - package):
        if not _METADATA.fullmatch(name):
            yield f"{wheel.name} has {name}, which is no committed file of the package"
    if not any(map(_LICENCE.fullmatch, names)):
        yield f"{wheel.name} lacks the licence"
    if "ingest/py.typed" not in names:
        yield f"{wheel.name} lacks ingest/py.typed"


def sdist_faults(sdist: Path, package: AbstractSet[str]) -> Iterator[str]:
    """What the sdist lacks or has too much (rule 3)."""
    with tarfile.open(sdist) as archive:
        names = {member.name for member in archive if member.isfile()}
    root = sdist.name.removesuffix(".tar.gz")
    wanted = {f"{root}/{name}" for name in package}
    for name in sorted(wanted - names):
        yield f"{sdist.name} lacks {name}: name it in [tool.setuptools.package-data]"
    for name in sorted(names - wanted):
        if not _SDIST.fullmatch(name):
            yield f"{sdist.name} has {name}, which a user of the package doesn't need"
    if f"{root}/LICENSE" not in names:
        yield f"{sdist.name} lacks the licence"


def fast_lane_faults(wheel: Path, private: Iterable[str]) -> Iterator[str]:
    """What the fast lane's wheel has too much; `private` are folders of this machine that it may not name (rule 4)."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not _METADATA.fullmatch(name) and not name.startswith("ingest_fastlane/"):
                yield f"{wheel.name} has {name}"
            content = archive.read(name)
            for folder in private:
                if folder.encode() in content:
                    yield f"{wheel.name}: {name} names {folder}, a folder of the machine that built it"
        if not any(map(_LICENCE.fullmatch, archive.namelist())):
            yield f"{wheel.name} lacks the licence"
