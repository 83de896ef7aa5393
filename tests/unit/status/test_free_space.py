"""The free bytes of a disk are asked for on another thread, and an old answer is none."""

import os
import threading
from pathlib import Path

from ingest.status.free_space import LASTS_S, FreeSpace


def finish() -> None:
    for thread in threading.enumerate():
        if thread.name == "free-space":
            thread.join()


def test_a_directory_that_does_not_exist_yet_has_the_space_of_the_one_above(tmp_path: Path) -> None:
    space = FreeSpace(tmp_path / "dead_letters")
    space.bytes()
    finish()
    assert (space.bytes() or 0) > 0


def test_an_old_answer_is_none(tmp_path: Path) -> None:
    now = [0.0]
    here = os.statvfs(tmp_path)
    answers = [here]

    def once(_: Path) -> os.statvfs_result:
        if not answers:
            raise OSError
        return answers.pop()

    space = FreeSpace(tmp_path, lambda: now[0], once)
    space.bytes()
    finish()
    now[0] = LASTS_S
    assert space.bytes() == here.f_bavail * here.f_frsize
    now[0] = LASTS_S + 1.0
    assert space.bytes() is None
    finish()


def test_a_disk_that_does_not_answer_holds_nobody_up(tmp_path: Path) -> None:
    gone = threading.Event()

    def stuck(_: Path) -> os.statvfs_result:
        gone.wait()
        raise OSError

    now = [0.0]
    space = FreeSpace(tmp_path, lambda: now[0], stuck)
    for second in range(100):
        now[0] = float(second)
        assert space.bytes() is None
    assert sum(thread.name == "free-space" for thread in threading.enumerate()) == 1
    gone.set()
    finish()
