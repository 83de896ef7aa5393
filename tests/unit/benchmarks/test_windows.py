"""What a window credits and charges."""

import pytest

from benchmarks.measure import Window, all_started, window

ACKNOWLEDGED = [(4.0, 1, 5.0), (6.0, 3, 7.5), (7.0, 4, 8.0), (8.0, 5, 9.0)]  # seconds, files, CPU seconds
UPLOADS = [100, 90, 110, 100, 40]


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
