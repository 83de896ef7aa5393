"""Which figures share a table and a plot. Every figure is in exactly one of each."""

from collections.abc import Sequence

import pytest

from benchmarks.blocks import blocks, parts
from benchmarks.charts import MOST_SERIES, Bars, Chart, Curves, Lines, Stack, charts
from benchmarks.figures import Curve, Figure
from tests.harness.outcomes import outcome


def figure(case: str, name: str, unit: str = "s", *samples: float, ratio: bool = False) -> Figure:
    return Figure("p", case, name, unit, samples or (2.0, 1.0, 3.0), "command", ratio=ratio)


def made(figures: Sequence[Figure] = (), curves: Sequence[Curve] = ()) -> list[Chart]:
    return list(charts(figures, curves))


def points(chart: Chart) -> int:
    assert isinstance(chart, Bars | Lines)
    return sum(map(len, chart.series.values()))


@pytest.mark.parametrize("part", parts(outcome().figures))
def test_no_figure_is_left_out_or_drawn_twice(part: str) -> None:
    figures = parts(outcome().figures)[part]
    assert sum(map(points, made(figures))) == len(figures)
    assert sum(len(block.figures) for block in blocks(figures)) == len(figures)


def test_cases_that_differ_in_one_number_are_lines_over_it() -> None:
    cases = ["usual, 1 worker", "usual, 2 workers", "wide, 1 worker", "wide, 2 workers", "narrow"]
    lines, bars = made([figure(case, "rate") for case in cases])
    assert isinstance(lines, Lines)
    assert isinstance(bars, Bars)
    assert lines.over == "workers"
    assert {name: list(own) for name, own in lines.series.items()} == {"usual": [1.0, 2.0], "wide": [1.0, 2.0]}
    assert bars.categories == ["narrow"]


def test_a_name_that_only_one_case_of_a_line_has_is_a_bar() -> None:
    cases = ["usual, 1 worker", "usual, 2 workers", "usual, 4 workers"]
    rate, memory = made([*(figure(case, "rate") for case in cases), figure(cases[0], "memory", "MB")])
    assert isinstance(rate, Lines)
    assert isinstance(memory, Bars)


def test_of_two_numbers_the_one_with_most_cases_is_the_axis() -> None:
    cases = [f"batches of {size}, {ms} ms" for size in ("5,000", "100,000") for ms in (5, 50, 500)]
    (lines,) = made([figure(case, "rate") for case in [*cases, "batches of 5,000, 7 ms"]])
    assert isinstance(lines, Lines)
    assert lines.over == "ms"
    assert lines.series["batches of 5,000"].keys() == {5.0, 7.0, 50.0, 500.0}


def test_quantiles_share_an_axis() -> None:
    names = ["delay, p50", "delay, p99", "delay, max", "rate"]
    delay, rate = made([figure(case, name) for case in ("a", "b", "c", "d") for name in names])
    assert isinstance(delay, Bars)
    assert list(delay.series) == ["p50", "p99", "max"]
    assert delay.title == "delay"
    assert rate.title == "rate"


def test_a_case_of_many_names_has_them_on_one_axis_but_never_two_units() -> None:
    seconds, memory = made(
        [*(figure("usual", name) for name in ("consume", "parse", "log", "all")), figure("usual", "peak", "MB")]
    )
    assert isinstance(seconds, Bars)
    assert list(seconds.categories) == ["consume", "parse", "log", "all"]
    assert memory.unit == "MB"


def test_a_bar_has_the_median_and_the_whole_spread() -> None:
    (bars,) = made([figure("usual", "x", "s", 5.0, 1.0, 2.0)])
    assert isinstance(bars, Bars)
    point = bars.series[""]["usual"]
    assert (point.at, point.low, point.high) == (2.0, 1.0, 5.0)


def test_curves_of_a_name_share_an_axis_and_bars_are_stacked() -> None:
    def curve(case: str, name: str, x_unit: str) -> Curve:
        return Curve("p", case, name, x_unit, "MB", ((1.0, 2.0),), "command")

    stack, memory, other = made(
        curves=[
            *(curve(case, "memory", "s") for case in ("a", "b")),
            curve("a", "other", "s"),
            *(curve(case, name, "bar") for case in ("fast", "slow") for name in ("parse", "gap")),
        ]
    )
    assert isinstance(stack, Stack)
    assert stack.series == {"parse": {"fast": 2.0, "slow": 2.0}, "gap": {"fast": 2.0, "slow": 2.0}}
    assert isinstance(memory, Curves)
    assert list(memory.series) == ["a", "b"]
    assert other.title == "other"


def test_too_many_series_go_on_in_another_plot() -> None:
    several = made(curves=[Curve("p", f"c{n}", "m", "s", "MB", ((0, 1),), "c") for n in range(MOST_SERIES + 1)])
    assert [len(chart.series) for chart in several] == [MOST_SERIES, 1]


def test_cases_that_have_no_name_in_common_are_listed() -> None:
    (bars,) = made([figure("ack", "arrive"), figure("retry", "wait")])
    assert isinstance(bars, Bars)
    assert list(bars.categories) == ["ack: arrive", "retry: wait"]


def test_ratios_beside_their_peers_make_a_table_of_their_own() -> None:
    figures = [figure(case, name) for case in ("ingest", "loop") for name in ("rate", "cost")]
    found = list(blocks([*figures, figure("ingest beside loop", "cost, peer / ingest", ratio=True)]))
    assert [(list(block.cases), list(block.names)) for block in found] == [
        (["ingest", "loop"], ["rate", "cost"]),
        (["ingest beside loop"], ["cost, peer / ingest"]),
    ]
