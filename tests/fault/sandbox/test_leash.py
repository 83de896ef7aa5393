"""A held process never outlives its starter, however the starter ends."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ingest.sandbox import leash

DEADLINE_S = 10.0
STARTER = """
import subprocess, sys
held = subprocess.Popen([sys.executable, "-I", "-S", *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
sys.stdout.buffer.write(held.stdout.readline())
sys.stdout.flush()
held.wait()
"""


def test_killing_the_starter_kills_the_held_and_removes_its_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, leash.__file__, str(data), "sleep", "600"], stdout=subprocess.PIPE, text=True
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
def test_a_held_process_that_ends_by_itself_leaves_its_directory(
    how: signal.Signals, code: int, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", leash.__file__, str(tmp_path), "sleep", "600"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        psutil.Process(int(holder.stdout.readline())).send_signal(how)
        assert holder.wait(DEADLINE_S) == code
    assert tmp_path.is_dir()
