"""The log says how a run is: at once when it is worse, and that it is better when it has stayed so."""

from dataclasses import replace

from ingest.status.health_log import STEADY_S, HealthLog
from ingest.status.lines import sentence
from ingest.status.snapshot import Health, Snapshot
from tests.harness.run_snapshots import WELL

STALLED = replace(
    WELL,
    health=Health.DEGRADED,
    sentence="Arize has not answered for 2 s.",
    arize=replace(WELL.arize, health=Health.DEGRADED),
)
FAILING = replace(STALLED, health=Health.FAILING, arize=replace(WELL.arize, health=Health.FAILING))
BOTH = replace(STALLED, kafka=replace(WELL.kafka, health=Health.DEGRADED))


def told(*steps: tuple[float, Snapshot]) -> list[tuple[float, str, str]]:
    """(moment, level, health) of what is told."""
    log = HealthLog()
    found = ((at, log.take(snapshot, at)) for at, snapshot in steps)
    return [(at, event.level, event.health) for at, event in found if event is not None]


def test_a_run_that_is_well_says_nothing() -> None:
    assert told(*((float(at), WELL) for at in range(100))) == []


def test_what_becomes_worse_is_told_at_once_with_the_sentence() -> None:
    event = HealthLog().take(STALLED, 0.0)
    assert event is not None
    assert sentence(event) == STALLED.sentence
    assert (event.kafka, event.ingest, event.arize) == ("ok", "ok", "degraded")
    assert told((0, WELL), (1, STALLED), (2, STALLED), (11, FAILING), (12, FAILING)) == [
        (1, "warning", "degraded"),
        (11, "error", "failing"),
    ]
    assert told((0, STALLED), (1, BOTH)) == [(0, "warning", "degraded"), (1, "warning", "degraded")]


def test_what_is_better_is_told_once_it_has_stayed_so() -> None:
    assert told((0, STALLED), (5, WELL), (5 + STEADY_S - 1, WELL)) == [(0, "warning", "degraded")]
    assert told((0, STALLED), (5, WELL), (5 + STEADY_S, WELL), (100, WELL))[1:] == [(5 + STEADY_S, "info", "ok")]


def test_a_fault_that_comes_and_goes_is_told_once() -> None:
    steps = [(float(at), STALLED if at % 4 == 0 else WELL) for at in range(60)]
    assert told(*steps) == [(0, "warning", "degraded")]


def test_a_part_that_is_better_while_another_becomes_worse_is_told_with_it() -> None:
    kafka_only = replace(BOTH, arize=WELL.arize)
    assert told((0, BOTH), (1, kafka_only), (2, STALLED)) == [(0, "warning", "degraded")]
    assert told((0, STALLED), (1, kafka_only)) == [(0, "warning", "degraded"), (1, "warning", "degraded")]


def test_the_end_of_a_run_is_no_change_of_its_health() -> None:
    assert told((0, replace(FAILING, ended=True, exit_code=4))) == []
