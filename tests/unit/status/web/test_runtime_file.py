"""The files by which a running supervisor is found: stale ones are not believed, foreign directories are not used."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.status.web import runtime_file
from ingest.status.web.runtime_file import Running, find, process_started, write


def running() -> Running:
    started = process_started(os.getpid())
    assert started is not None
    return Running(
        pid=os.getpid(),
        started=started,
        url="http://127.0.0.1:9410/",
        run="r",
        group="g",
        topics=("a", "b"),
        version="0.1.0",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ingest"


def test_a_running_supervisor_is_found(folder: Path) -> None:
    file = write(running(), folder)
    assert find(folder) == (running(),)
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_it_is_written_again_by_the_same_process(folder: Path) -> None:
    write(running(), folder)
    write(replace(running(), run="another"), folder)
    assert [found.run for found in find(folder)] == ["another"]


@pytest.mark.parametrize("changes", [{"started": 1.0}, {"pid": 2**22 + 1}])
def test_a_stale_file_is_removed(folder: Path, changes: dict[str, float]) -> None:
    file = write(replace(running(), **changes), folder)  # type: ignore[arg-type]
    assert find(folder) == ()
    assert not file.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": 1}', "null"])
def test_a_broken_file_is_removed(folder: Path, content: str) -> None:
    write(running(), folder)
    (folder / "1.json").write_text(content)
    assert find(folder) == (running(),)
    assert not (folder / "1.json").exists()


def test_without_a_directory_nothing_runs(folder: Path) -> None:
    assert find(folder) == ()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_directory_that_others_may_write_to_is_not_used(folder: Path, mode: int) -> None:
    write(running(), folder)
    folder.chmod(mode)
    assert find(folder) == ()
    with pytest.raises(OSError, match="not a directory of this user alone"):
        write(running(), folder)


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="not a directory"):
        write(running(), folder)


def test_the_directory_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert runtime_file.directory() == Path("/run/user/7/ingest")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert runtime_file.directory() == Path(f"/tmp/ingest-{os.getuid()}")
