"""The live view fits any window, cuts no figure, shows the worst, and says how many it does not show."""

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from ingest.status import formatting
from ingest.status.live.paint import as_text
from ingest.status.live.tables import Order
from ingest.status.live.text import Line
from ingest.status.live.view import Look, render, report
from ingest.status.snapshot import Health, Snapshot, State
from tests.harness.status_page import AT, HOSTILE, calm, hostile, stuck

SIZES = [(80, 24), (120, 40), (200, 50), (100, 30), (60, 12), (40, 8), (80, 100)]
LONG = replace(calm(64, 32, topic="a-topic-of-" + "x" * 200), topics=("a-topic-of-" + "x" * 200, "rides"))
RUNS = {"calm": calm(32, 8), "stuck": stuck(), "many": calm(1_000, 32), "hostile": hostile(), "long": LONG}
FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?")


def rows(lines: list[Line]) -> list[str]:
    return ["".join(part.text for part in line) for line in lines]


def shown(snapshot: Snapshot, width: int, height: int, look: Look | None = None) -> list[str]:
    return rows(render(snapshot, width, height, look))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RUNS)
def test_the_view_fits_the_window(name: str, size: tuple[int, int]) -> None:
    found = shown(RUNS[name], *size)
    assert len(found) <= size[1]
    assert [row for row in found if cell_len(row) > size[0]] == []
    assert not re.search(r"[\x00-\x1f\x7f]", "".join(found))


@pytest.mark.parametrize("width", range(40, 201, 3))
def test_no_figure_is_cut(width: int) -> None:
    run = calm(8, 4)
    known = set(FIGURE.findall(" ".join(shown(run, 400, 100))))
    found = shown(replace(run, sentence="well", events=()), width, 100)
    # An error's text is prose, and has figures of its own.
    figures = set(FIGURE.findall(" ".join(row.partition(" ago: ")[0] for row in found)))
    assert figures <= known | set(FIGURE.findall("broker-1:9092,broker-2:9092 worker-1.example")), figures - known


def test_80_by_24_has_all_eight_workers_a_row_each_and_the_totals() -> None:
    found = shown(calm(32, 8), 80, 24)
    text = "\n".join(found)
    assert all(
        name in text for name in ("8,214 read/s", "8,190 acknowledged/s", "lag 9,874", "812,201,004 acknowledged")
    )
    assert sum(bool(re.match(r" +\d  reading ", row)) for row in found) == 8
    assert [row.split()[0] for row in found if row.startswith(("Kafka", "ingest", "Arize"))] == [
        "Kafka", "ingest", "Arize",
    ]  # fmt: skip
    assert re.match(r"12 more partitions", found[-1])


def test_a_wide_window_has_every_partition_and_the_last_events() -> None:
    found = shown(calm(32, 8), 200, 50)
    assert sum(row.count("250000") for row in found) >= 32
    assert "more" not in "\n".join(found[:-10])
    assert "event 49: something happened" in found[-1]


def test_the_worst_partitions_are_shown_first_where_not_all_fit() -> None:
    run = calm(1_000, 8)
    late = tuple(
        replace(one, oldest_age_s=9_000.0) if one.partition == 777
        else replace(one, lag=None, oldest_age_s=None) if one.partition == 555
        else replace(one, state=State.GIVEN_UP, health=Health.FAILING) if one.partition == 999 else one
        for one in run.partitions
    )  # fmt: skip
    found = "\n".join(shown(replace(run, partitions=late), 80, 24))
    assert re.search(r"x +999 ", found)
    assert re.search(r"555 +\? +\?", found)
    assert re.search(r"777 +308 +2 h 30 min", found)
    assert re.search(r"\b98\d more partitions; the worst are shown", found)


def test_a_row_keeps_its_place_while_ages_change_by_a_second() -> None:
    run = calm(1_000, 8)
    older = tuple(replace(one, oldest_age_s=1.0 + one.partition % 3) for one in run.partitions)
    first, second = shown(run, 80, 24), shown(replace(run, partitions=older), 80, 24)
    assert [row.split()[0] for row in first[-6:-1]] == [row.split()[0] for row in second[-6:-1]]


def test_workers_that_do_not_fit_are_said_and_the_failing_one_is_shown() -> None:
    run = calm(64, 32)
    failing = replace(run.workers[31], state=State.HUNG, health=Health.FAILING, reason="no heartbeat for 61 s")
    found = shown(replace(run, workers=(*run.workers[:31], failing)), 80, 24)
    assert any(re.match(r" +31  hung ", row) for row in found)
    assert any(re.fullmatch(r"2\d more: 2\d reading", row) for row in found)


def test_colour_is_never_alone() -> None:
    found = shown(stuck(), 120, 40)
    assert found[0].startswith(" FAILING  Arize has not answered for 58 s.")
    assert any(row.startswith("Arize   failing") for row in found)
    assert any(row.startswith("x ") for row in found)


def test_what_is_not_known_is_no_0() -> None:
    run = calm(1, 1)
    unknown = replace(run.partitions[0], lag=None, oldest_age_s=None, position=None)
    totals = replace(run.totals, lag=0, lag_unknown=1, oldest_age_s=None)
    found = "\n".join(shown(replace(run, partitions=(unknown,), totals=totals), 120, 40))
    assert "lag 0, 1 partition unknown" in found
    assert re.search(r"0 +\? +\?", found)


def test_100_percent_is_said_of_the_whole_alone() -> None:
    totals = replace(calm().totals, done_offsets=999_999, all_offsets=1_000_000)
    assert "99%" in "\n".join(shown(replace(calm(), totals=totals), 80, 24))
    whole = replace(totals, done_offsets=1_000_000)
    assert "100%" in "\n".join(shown(replace(calm(), totals=whole), 80, 24))


def test_a_snapshot_that_is_not_of_now_is_not_said_to_be() -> None:
    found = shown(calm(), 120, 40, Look(notice="No answer for 5 s (refused): trying again."))
    assert found[0].startswith(" NO ANSWER  No answer for 5 s (refused): trying again. It was: Delivering")


def test_a_run_that_has_ended_says_so() -> None:
    ended = replace(calm(), ended=True, exit_code=6, sentence="The run has ended with exit code 6.")
    assert shown(ended, 80, 24)[0] == " ENDED  The run has ended with exit code 6."


def test_partitions_are_sorted_and_scrolled_as_the_reader_chooses() -> None:
    run = calm(1_000, 1)
    last = replace(run.partitions[900], lag=50_000)
    run = replace(run, partitions=(*run.partitions[:900], last, *run.partitions[901:]))
    by_lag = shown(run, 80, 24, Look(order=Order.LAG))
    assert any(re.match(r" *900 50,000", row) for row in by_lag)
    scrolled = shown(run, 80, 24, Look(order=Order.NUMBER, skip=100))
    assert any(re.match(r" *100 ", row) for row in scrolled)
    assert scrolled[-1].startswith("100 above, ")
    beyond = shown(run, 80, 24, Look(order=Order.NUMBER, skip=5_000))
    assert any(" 999 " in row for row in beyond)
    assert " 0 more partitions" in beyond[-1]


def test_a_report_has_everything() -> None:
    found = rows(report(calm(100, 12), 80))
    assert "more" not in "\n".join(found)
    assert sum(row.count("250000") for row in found) == 100
    assert all(cell_len(row) <= 80 for row in found)


def test_pictures_have_the_same_text() -> None:
    lines = render(stuck(), 80, 24)
    assert as_text(lines).plain.split("\n") == rows(lines)
    assert HOSTILE not in as_text(render(calm(), 80, 24)).plain
    assert formatting.glance(AT - AT) == "0 s"
