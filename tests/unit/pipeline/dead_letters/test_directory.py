"""A directory that takes files is left as it was; one that does not is named, with what to do."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.pipeline.dead_letters.directory import free_bytes, unusable


def test_a_directory_that_does_not_exist_is_made_for_the_question_only(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") > 0
    assert list(tmp_path.iterdir()) == []


def test_several_that_ask_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(free_bytes, tmp_path / "a" / "b") for _ in range(200)]
    assert all(each.result() > 0 for each in asked)


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "letters.jsonl").write_text("{}")
    free_bytes(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.jsonl"]


def test_a_file_is_not_a_directory(tmp_path: Path) -> None:
    place = tmp_path / "dead_letters"
    place.write_text("")
    with pytest.raises(OSError, match="exists") as failed:
        free_bytes(place)
    assert f"[dead_letters] directory = {place} is a file" in unusable("dead_letters", place, failed.value)


def test_a_directory_that_can_not_be_written_says_why() -> None:
    with pytest.raises(OSError, match=r"(?i)no such file|denied|permitted") as failed:
        free_bytes(Path("/proc/no"))
    text = unusable("dead_letters", Path("/proc/no"), failed.value)
    assert "can't be written: " in text
    assert "set another directory" in text


def test_a_full_disk_is_noticed() -> None:
    full = OSError(28, "No space left on device")
    assert "can't be written: No space left on device" in unusable("account", Path("/data"), full)
