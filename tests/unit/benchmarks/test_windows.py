"""What a window credits and charges, and which pairs are divided."""

from dataclasses import replace

import pytest

from benchmarks.measure import Neighbours, Run, Window, all_started, window
from benchmarks.side_by_side import ratios

ACKNOWLEDGED = [(4.0, 1, 5.0), (6.0, 3, 7.5), (7.0, 4, 8.0), (8.0, 5, 9.0)]  # seconds, files, CPU seconds
UPLOADS = [100, 90, 110, 100, 40]

GOOD = Run(
    contender="ingest",
    pair=0,
    void=None,
    whole=Window(440, 10.0, 11.0),
    steady=Window(200, 2.0, 2.0),
    to_the_end=Window(340, 4.0, 4.0),
    first_acknowledgement_s=4.0,
    pss_peak_bytes=0,
    pss_mean_bytes=0,
    processes=1,
    neighbours=Neighbours(0.0, 0.0, 0.0, 0.0),
    uploads=5,
    changed_values=0,
    checked_rows=0,
)


def test_the_first_upload_is_outside_the_window_and_all_later_ones_are_inside() -> None:
    assert window(ACKNOWLEDGED, UPLOADS, 0) == Window(340, 4.0, 4.0)


def test_a_window_with_work_ahead_ends_where_enough_is_still_to_come() -> None:
    assert window(ACKNOWLEDGED, UPLOADS, 100) == Window(200, 2.0, 2.5)


def test_without_two_acknowledgements_there_is_no_window() -> None:
    assert window(ACKNOWLEDGED[:1], UPLOADS[:1], 0) is None
    assert window(ACKNOWLEDGED, UPLOADS, 400) is None
    assert window([], [], 0) is None


def test_a_window_of_several_workers_begins_when_each_has_had_an_upload_acknowledged() -> None:
    begin = all_started([0, 0, 1, 0, 1], 2)
    assert begin == 3
    assert window(ACKNOWLEDGED, UPLOADS, 0, begin) == Window(140, 2.0, 1.5)


def test_a_worker_that_never_had_one_leaves_no_window() -> None:
    assert window(ACKNOWLEDGED, UPLOADS, 0, all_started([0] * 5, 2)) is None


def test_cost_and_rate_have_the_units_they_say() -> None:
    assert Window(200_000, 4.0, 3.0).cost == pytest.approx(1.5)
    assert Window(200_000, 4.0, 3.0).rate == pytest.approx(50_000)


def test_ratios_divide_within_a_pair_and_leave_void_runs_out() -> None:
    runs = [
        GOOD,
        replace(GOOD, contender="loop", steady=Window(200, 6.0, 8.0)),
        replace(GOOD, pair=1),
        replace(GOOD, pair=1, contender="loop", void="1 event is lost", steady=Window(200, 1.0, 1.0)),
    ]
    found = {(ratio.peer, ratio.window, ratio.figure): ratio.pairs for ratio in ratios(runs)}
    assert found["loop", "steady", "cpu"] == (4.0,)
    assert found["loop", "steady", "rate"] == (3.0,)
    assert "loop, validate=False" not in {peer for peer, _, _ in found}
