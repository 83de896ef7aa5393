"""The last line says why the run has ended, and what to do."""

from dataclasses import replace

import pytest

from ingest.errors import ExitCode
from ingest.status.ending import ending
from ingest.status.snapshot import Health, Snapshot, State
from tests.harness.run_snapshots import snapshot, worker


def ended(code: int, *states: tuple[State, str]) -> Snapshot:
    workers = tuple(
        worker(index, state, health=Health.FAILING, reason=reason) for index, (state, reason) in enumerate(states)
    )
    return replace(snapshot(workers=workers), ended=True, exit_code=code)


def test_a_run_that_goes_on_has_none() -> None:
    assert ending(snapshot()) == ""


def test_the_worker_that_halted_is_the_cause_before_one_that_was_given_up() -> None:
    text = ending(ended(5, (State.GIVEN_UP, "crashed 5 times"), (State.HALTED, "Arize refuses the key")))
    assert text.startswith("Ended with exit code 5: worker 1: Arize refuses the key (1 other worker stopped, too).")
    assert "What to do: set the key and the space" in text


def test_a_run_that_is_done_names_no_worker() -> None:
    assert ending(ended(0, (State.DONE, "delivered"))) == (
        "Ended with exit code 0: what was read is delivered and committed."
    )


@pytest.mark.parametrize("code", ExitCode)
def test_every_code_has_words(code: ExitCode) -> None:
    assert "see the lines above" not in ending(ended(code))
