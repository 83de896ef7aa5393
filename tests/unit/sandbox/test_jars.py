"""The first suitable Java is used, and an error says how to get one."""

from pathlib import Path

import pytest

from ingest.sandbox.jars import ToolMissingError, find_java


def java(directory: Path, version: str, code: int = 0) -> Path:
    executable = directory / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\nexit {code}\n")
    executable.chmod(0o755)
    return executable


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.mark.parametrize("version", ["17", "17.0.15", "21.0.2", "25"])
def test_a_java_of_17_or_later_is_taken(version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executable = java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java() == executable


def test_java_home_comes_before_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home, on_path = java(tmp_path / "home", "17.0.1"), java(tmp_path / "path", "21.0.1")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert find_java() == on_path
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert find_java() == home


@pytest.mark.parametrize(("version", "says"), [("1.8.0_392", "is Java 8"), ("11.0.2", "is Java 11")])
def test_an_old_java_is_passed_over(version: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java(tmp_path / "old", version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    with pytest.raises(ToolMissingError, match=f"needs Java 17 or later; .*{says}.*Install one"):
        find_java()
    newer = java(tmp_path / "new", "17.0.1")
    monkeypatch.setenv("PATH", str(newer.parent))
    assert find_java() == newer


def test_no_java_says_how_to_get_one() -> None:
    with pytest.raises(ToolMissingError, match=r"none was found\. Install one .*openjdk-17"):
        find_java()


def test_a_java_home_without_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ToolMissingError, match="java doesn't run"):
        find_java()
