"""/livez and /readyz: each rule, and what is no fault."""

import pytest

from ingest.status.health import LOOP_S, livez, readyz
from ingest.status.snapshot import ArizePart, Fault, Health, KafkaPart, State
from tests.harness.run_snapshots import AT, partition, snapshot, worker


def test_a_run_that_is_well_lives_and_is_ready() -> None:
    for verdict in (livez(snapshot(), AT), readyz(snapshot(), AT)):
        assert (verdict.ok, verdict.status, verdict.reasons) == (True, 200, ())


def test_a_loop_that_does_not_turn_is_dead_and_not_ready() -> None:
    assert livez(snapshot(), AT + LOOP_S).ok
    dead = livez(snapshot(), AT + LOOP_S + 12)
    assert (dead.status, dead.reasons) == (503, ("the supervisor's loop has not turned for 42 s",))
    assert readyz(snapshot(), AT + LOOP_S + 12).reasons == dead.reasons


def test_faults_that_a_restart_does_not_heal_are_no_reason_to_restart() -> None:
    failing = snapshot(
        health=Health.FAILING,
        draining=True,
        arize=ArizePart(health=Health.FAILING),
        partitions=(partition(state=State.GIVEN_UP),),
    )
    assert livez(failing, AT).ok
    assert not readyz(failing, AT).ok


def test_a_run_that_drains_or_has_ended_is_not_ready() -> None:
    assert readyz(snapshot(draining=True), AT).reasons == ("the run drains: it reads no more messages",)
    assert readyz(snapshot(draining=True, ended=True, exit_code=0), AT).reasons == (
        "the run has ended with exit code 0",
    )
    assert livez(snapshot(ended=True), AT).reasons == ("the run has ended",)


@pytest.mark.parametrize("state", State)
def test_each_state_of_a_partition_is_progress_or_has_a_reason(state: State) -> None:
    verdict = readyz(snapshot(partitions=(partition(0), partition(3, state), partition(4, state))), AT)
    fine = {State.READING, State.PAUSED, State.DONE, State.DRAINING}
    assert verdict.ok == (state in fine)
    if not verdict.ok:
        (reason,) = verdict.reasons
        assert reason.startswith("partitions 3-4 of rides: ")


def test_partitions_are_named_by_topic() -> None:
    lost = (partition(0, State.GIVEN_UP), partition(2, State.GIVEN_UP, topic="fares"))
    assert readyz(snapshot(partitions=lost), AT).reasons == (
        "partition 0 of rides, partition 2 of fares: given up: their worker kept crashing",
    )


def test_without_a_partition_nothing_is_ready() -> None:
    assert readyz(snapshot(partitions=(), workers=()), AT).reasons == ("no partition is assigned yet",)


def test_a_part_that_fails_is_a_reason_and_names_the_fault_while_it_lasts() -> None:
    over = Fault(text="HTTP 503", at=AT - 9, lasts=False)
    lasting = Fault(text="no broker answers", at=AT - 9, lasts=True)
    found = readyz(
        snapshot(
            arize=ArizePart(health=Health.FAILING, fault=over), kafka=KafkaPart(health=Health.FAILING, fault=lasting)
        ),
        AT,
    )
    assert found.reasons == ("Kafka is failing: no broker answers", "Arize is failing")
    assert readyz(snapshot(arize=ArizePart(health=Health.DEGRADED, fault=lasting)), AT).ok


def test_there_is_no_loop_to_judge_before_the_first_and_after_the_last_worker() -> None:
    late = AT + 10 * LOOP_S
    assert livez(snapshot(workers=()), late).ok
    assert livez(snapshot(workers=(worker(state=State.DONE, pid=None), worker(1, State.GIVEN_UP, pid=None))), late).ok
    assert not livez(snapshot(workers=(worker(state=State.STARTING, pid=None),)), late).ok
    assert not livez(snapshot(workers=(worker(state=State.RESTARTING, pid=None),)), late).ok


def test_a_paused_partition_is_named_and_the_run_is_ready() -> None:
    paused = partition(3, State.PAUSED, paused_s=300.0, health=Health.DEGRADED)
    verdict = readyz(snapshot(partitions=(partition(0), paused), health=Health.DEGRADED), AT)
    assert (verdict.ok, verdict.reasons, verdict.notes) == (True, (), ("partition 3 of rides: paused by request",))
    taking_a_breath = readyz(snapshot(partitions=(partition(0, State.PAUSED),)), AT)
    assert taking_a_breath.notes == ()
    assert readyz(snapshot(partitions=(paused,), ended=True, exit_code=0), AT).notes == ()
