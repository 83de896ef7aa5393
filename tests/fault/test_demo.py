"""The demo as a fault test: it kills a worker and proves from the journal that nothing was lost."""

import pytest

from tests.harness.command import ROOT, Command, clean_environment


@pytest.mark.timeout(170)
def test_the_demo_kills_a_worker_and_its_proof_holds() -> None:
    done = Command(ROOT, clean_environment()).run("demo", "--events", "60000", "--workers", "2", within_s=160.0)
    assert "killed by SIGKILL" in done.stdout
    assert "Nothing was lost." in done.stdout
    assert "FAILED" not in done.stdout
