"""The demo is a fault test by itself: a worker is killed, and it proves from the journal that nothing was lost."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(170)
def test_the_demo_kills_a_worker_and_its_proof_holds() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "demo", "--events", "60000", "--workers", "2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=160,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed by SIGKILL" in done.stdout
    assert "Nothing was lost." in done.stdout
    assert "FAILED" not in done.stdout
