"""Dead letters on a full disk: nothing is committed past them, and delivery resumes when there is room again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.errors import ExitCode
from tests.harness.rig import Rig
from tests.harness.small_disk import SmallDisk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", "64k") as disk:
        yield disk


def test_dead_letters_on_a_full_disk_hold_the_commits_until_there_is_room(
    small_disk: SmallDisk, rig: Callable[..., Rig]
) -> None:
    main = rig(partitions=1)
    main.produce(5_000, bad_share=0.05)
    main.dead_letters = small_disk.place / "letters"
    main.evidence.dead_letters = main.dead_letters
    with main.sampled():
        run = main.start(dead_letters={"directory": str(main.dead_letters)})
        if not small_disk.mounted:
            run.until_event("supervisor_started")
            small_disk.place.chmod(0o500)
        blocked = run.until_event("dead_letters_blocked", count=3)
        assert str(main.dead_letters) in blocked["error"]
        held = main.committed_at(0)
        first_missing = min((place for place in main.truth.bad if place not in main.reasons), default=(0, 5_000))[1]
        assert held is not None
        assert held <= first_missing
        run.until_event("dead_letters_blocked", count=6)
        assert (main.committed_at(0) or 0) <= first_missing
        if small_disk.mounted:
            small_disk.resize("16m")
        else:
            small_disk.place.chmod(0o700)
        assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    assert set(main.reasons) == main.truth.bad
