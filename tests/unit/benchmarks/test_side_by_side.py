"""What the runs of a side by side come to: figures, ratios pair by pair, curves, faults."""

from dataclasses import replace

import pytest

from benchmarks import contenders
from benchmarks.figures import Figure, Outcome
from benchmarks.measure import Neighbours, Run, Window
from benchmarks.parts import side_by_side
from benchmarks.peers.environments import PeerMissingError

COMMAND = "benchmarks/run --part side_by_side"
GOOD = Run(
    contender="ingest",
    pair=0,
    void=None,
    whole=Window(440_000, 10.0, 11.0),
    steady=Window(200_000, 2.0, 2.0),
    to_the_end=Window(340_000, 4.0, 4.0),
    first_acknowledgement_s=4.0,
    pss_peak_bytes=300_000_000,
    pss_mean_bytes=250_000_000,
    processes=4,
    neighbours=Neighbours(1.0, 2.0, 5.0, 0.0),
    uploads=5,
    changed_values=1,
    checked_rows=500,
    pss=((0.0, 100_000_000), (0.5, 300_000_000)),
)
LOOP = replace(GOOD, contender="loop", steady=Window(200_000, 6.0, 8.0), pss_peak_bytes=900_000_000)


def figures(outcome: Outcome) -> dict[tuple[str, str], Figure]:
    return {(figure.case, figure.name): figure for figure in outcome.figures}


def test_each_contender_has_figures_with_every_run_as_a_sample() -> None:
    again = replace(GOOD, pair=1, steady=Window(200_000, 4.0, 3.0))
    found = figures(side_by_side.outcome([GOOD, again], 500.0, command=COMMAND))
    assert found["ingest", "CPU s per 100,000 events, steady"].samples == (1.0, 1.5)
    assert found["ingest", "events/s, steady"].samples == (100_000.0, 50_000.0)
    assert found["ingest", "events/s, steady"].better == "more"
    assert found["ingest", "MB/s, steady"].samples == (50.0, 25.0)
    assert found["ingest", "memory, peak PSS"].samples == (300.0, 300.0)
    assert found["ingest", "cores taken by others"].samples == (0.5, 0.5)
    assert found["ingest", "changed rows of 1,000 sampled"].samples == (2.0, 2.0)
    assert {figure.command for figure in found.values()} == {COMMAND}


def test_ratios_divide_within_a_pair_and_are_above_one_where_ingest_is_ahead() -> None:
    runs = [GOOD, LOOP, replace(GOOD, pair=1), replace(LOOP, pair=1, steady=Window(200_000, 4.0, 6.0))]
    found = figures(side_by_side.outcome(runs, 500.0, command=COMMAND))
    cost = found["ingest beside loop", "CPU per event, peer / ingest, steady"]
    assert (cost.samples, cost.ratio, cost.better) == ((4.0, 3.0), True, "more")
    assert found["ingest beside loop", "events/s, ingest / peer, steady"].samples == (3.0, 2.0)
    assert found["ingest beside loop", "memory, peak PSS, peer / ingest"].samples == (3.0, 3.0)


def test_both_lanes_are_held_against_a_peer_and_against_each_other_once() -> None:
    orjson = replace(GOOD, contender="ingest, orjson lane")
    found = side_by_side.outcome([GOOD, orjson, LOOP], 500.0, command=COMMAND).figures
    assert {figure.case for figure in found if figure.ratio} == {
        "ingest beside ingest, orjson lane",
        "ingest beside loop",
        "ingest, orjson lane beside loop",
    }


def test_a_void_run_is_a_fault_and_neither_a_sample_nor_part_of_a_ratio() -> None:
    void = replace(LOOP, pair=1, void="1 event is lost", steady=Window(200_000, 1.0, 1.0))
    come = side_by_side.outcome([GOOD, LOOP, replace(GOOD, pair=1), void], 500.0, command=COMMAND)
    found = figures(come)
    assert found["loop", "events/s, steady"].samples == (200_000 / 6.0,)
    assert found["ingest beside loop", "CPU per event, peer / ingest, steady"].samples == (4.0,)
    assert come.faults == ["loop, pair 2: 1 event is lost"]


def test_a_contender_without_a_good_run_has_no_figures_and_no_curve() -> None:
    come = side_by_side.outcome([GOOD, replace(LOOP, void="exit code 1")], 500.0, command=COMMAND)
    assert {figure.case for figure in come.figures} == {"ingest"}
    assert [curve.case for curve in come.curves] == ["ingest"]


def test_a_run_too_short_for_a_steady_window_has_the_other_figures() -> None:
    found = figures(side_by_side.outcome([replace(GOOD, steady=None), LOOP], 500.0, command=COMMAND))
    assert ("ingest", "events/s, steady") not in found
    assert ("ingest beside loop", "events/s, ingest / peer, steady") not in found
    assert found["ingest beside loop", "events/s, ingest / peer, whole"].samples == (1.0,)


def test_the_curve_is_the_memory_of_one_run_over_its_time() -> None:
    (curve,) = side_by_side.outcome([GOOD, replace(GOOD, pair=1, pss=())], 500.0, command=COMMAND).curves
    assert curve.points == ((0.0, 100.0), (0.5, 300.0))
    assert (curve.x_unit, curve.unit) == ("s since its start", "MB PSS")


def test_who_cannot_run_here_is_a_note_and_the_others_go_on() -> None:
    def missing() -> None:
        raise PeerMissingError("no network")

    lines: list[str] = []
    lacking = replace(contenders.QUIX, prepare=missing)
    taken, notes = side_by_side.prepared([lacking, contenders.LOOP], lines.append)
    assert taken == [contenders.LOOP]
    assert notes == lines == ["Quix Streams is left out: no network"]


def test_an_unknown_contender_is_refused_before_anything_starts() -> None:
    with pytest.raises(
        ValueError, match="no contender is called 'flink'; there are: ingest; ingest, orjson lane; loop"
    ):
        side_by_side.measure(quick=True, tell=print, contenders=["flink"])


def test_every_contender_has_a_name_of_its_own() -> None:
    names = [contender.name for contender in side_by_side.ALL]
    assert len(set(names)) == len(names)
