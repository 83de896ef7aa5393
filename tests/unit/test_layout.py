"""The tests' own layout: no test module is imported, and the unit tests mirror the rooms of the package."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.harness.command import ROOT

TESTS = ROOT / "tests"
UNIT = TESTS / "unit"


def imported(path: Path) -> Iterator[str]:
    """Full names of what a file imports, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_no_file_imports_a_test_module() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for name in imported(path)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    ]
    assert found == []


def test_what_test_modules_share_lies_in_the_harness() -> None:
    """Campaigns of tests/fault are commands; the test of one imports it."""
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for name in imported(path)
        if name.startswith("tests.") and not name.startswith("tests.harness.")
        if path.parent != TESTS / "fault" or not name.startswith("tests.fault.")
    ]
    assert found == []


def test_every_folder_of_unit_tests_mirrors_a_room_of_the_package() -> None:
    folders = {path.parent.relative_to(UNIT) for path in UNIT.rglob("test_*.py")} - {Path()}
    # `benchmarks`, `docs` and `scripts` are folders beside the package.
    rooms = {folder for folder in folders if folder.parts[0] not in {"benchmarks", "docs", "scripts"}}
    missing = [str(room) for room in sorted(rooms) if not list((ROOT / "ingest" / room).glob("*.py"))]
    assert missing == []


def test_every_test_file_opens_with_a_docstring() -> None:
    files = sorted(TESTS.rglob("test_*.py"))
    assert [str(p.relative_to(ROOT)) for p in files if not ast.get_docstring(ast.parse(p.read_text("utf-8")))] == []
