"""Dead letters on a full disk: nothing is committed past them, and delivery resumes when there is room again."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest.errors import ExitCode
from tests.harness.rig import Rig


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB of its own. It takes root; a container may forbid it even then."""
    place = tmp_path / "disk"
    place.mkdir()
    with ExitStack() as mounted:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "ingest-test", str(place)], capture_output=True, check=False
        )
        if done.returncode == 0:
            mounted.callback(lambda: subprocess.run(["umount", "-l", str(place)], check=True))
        yield place


def test_dead_letters_on_a_full_disk_hold_the_commits_until_there_is_room(
    small_disk: Path, rig: Callable[..., Rig]
) -> None:
    main = rig(partitions=1)
    main.produce(5_000, bad_share=0.05)
    main.dead_letters = small_disk / "letters"
    main.evidence.dead_letters = main.dead_letters
    mounted = os.path.ismount(small_disk)
    with main.sampled():
        run = main.start(dead_letters={"directory": str(main.dead_letters)})
        if not mounted:
            run.until_event("supervisor_started")
            small_disk.chmod(0o500)
        blocked = run.until_event("dead_letters_blocked", count=3)
        assert str(main.dead_letters) in blocked["error"]
        held = main.committed_at(0)
        first_missing = min((place for place in main.truth.bad if place not in main.reasons), default=(0, 5_000))[1]
        assert held is not None
        assert held <= first_missing
        run.until_event("dead_letters_blocked", count=6)
        assert (main.committed_at(0) or 0) <= first_missing
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
        else:
            small_disk.chmod(0o700)
        assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    assert set(main.reasons) == main.truth.bad
