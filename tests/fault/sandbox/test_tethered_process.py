"""A tethered process never outlives its starter, however the starter ends."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ingest.sandbox.tethered_process import TetheredProcess

DEADLINE_S = 10.0
STARTER = """
import sys
from ingest.sandbox.tethered_process import TetheredProcess
held = TetheredProcess(sys.argv[2:], output=sys.stderr, directory=sys.argv[1])
print(held.pid, flush=True)
held.wait()
"""


def test_killing_the_starter_kills_the_tethered_process_and_removes_its_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(data), "sleep", "600"], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        held = psutil.Process(int(starter.stdout.readline()))
        holder = held.parent()
        assert holder is not None
        starter.kill()
    gone, alive = psutil.wait_procs([held, holder], timeout=DEADLINE_S)
    assert not alive
    assert len(gone) == 2
    assert not data.exists()


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, 137), (signal.SIGTERM, 143)])
def test_a_tethered_process_that_ends_by_itself_keeps_its_directory(
    how: signal.Signals, code: int, tmp_path: Path
) -> None:
    held = TetheredProcess(["sleep", "600"], output=subprocess.DEVNULL, directory=tmp_path)
    held.send(how)
    assert held.wait(DEADLINE_S) == code
    held.close()
    assert tmp_path.is_dir()


def test_closing_kills_the_tethered_process_and_its_children_and_keeps_the_directory(tmp_path: Path) -> None:
    held = TetheredProcess(["sh", "-c", "sleep 600 & echo $!; wait"], output=subprocess.PIPE, directory=tmp_path)
    assert held.output is not None
    child = psutil.Process(int(held.output.readline()))
    held.close()
    assert held.code is not None
    held.output.close()
    assert not psutil.wait_procs([child], timeout=DEADLINE_S)[1]
    assert tmp_path.is_dir()
