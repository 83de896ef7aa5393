"""The report and the tables hold every figure, and nothing from outside."""

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from rich.console import Console

from benchmarks import report, tables
from benchmarks.figures import Curve, Figure, Outcome, Results
from benchmarks.spelling import spell, unit
from tests.harness.outcomes import ABOUT, outcome


@pytest.fixture(scope="module")
def results() -> Results:
    """Two parts and all kinds of plots: to draw takes time."""
    made = outcome()
    figures = [figure for figure in made.figures if figure.part in ("stages", "growth", "latency")]
    curves = [curve for curve in made.curves if curve.part in ("stages", "end_to_end")]
    return Results(ABOUT, replace(made, figures=figures, curves=curves, faults=("1 event of 2 is <lost>",)))


@pytest.fixture(scope="module")
def page(results: Results) -> str:
    return report.html(results)


class Tags(HTMLParser):
    """Fails on a tag that is closed without having been opened; remembers identifiers and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_figure_is_there_with_its_median_its_samples_and_its_command(results: Results, page: str) -> None:
    rows = [unescape(re.sub(r"<[^>]+>", "|", row)) for row in re.findall(r"<tr>.*?</tr>", page)]
    for figure in results.outcome.figures:
        samples = " ".join(map(spell, figure.samples))
        cells = (figure.case, figure.name, unit(figure), spell(figure.median), samples, figure.command)
        assert any(all(f"|{cell}|" in row for cell in cells) for row in rows), figure


def test_every_plot_names_the_command_that_makes_it(page: str) -> None:
    plots = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(plots) == page.count("<svg ") >= 5
    assert all("benchmarks/run --part " in plot.partition("<figcaption>")[2] for plot in plots)


def test_machine_versions_notes_and_faults_are_above_the_figures(results: Results, page: str) -> None:
    head = unescape(page[: page.index("<h2>")])
    assert str(results.about["command"]) in head
    assert results.about["machine"]["cpu"] in head
    assert results.about["versions"]["python"] in head
    for text in (*results.outcome.notes, *results.outcome.faults):
        assert text in head


def test_it_is_whole_and_needs_nothing_from_outside(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert len(set(tags.ids)) == len(tags.ids)
    assert {link.removeprefix("#") for link in tags.links} <= set(tags.ids)
    assert "<script" not in page
    assert set(re.findall(r"https?://[^\"' ]+", page)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_plots_take_the_pages_colour_of_text(page: str) -> None:
    assert "currentColor" in page
    assert "#010203" not in page
    assert "#000000" not in page


def test_names_can_hold_anything() -> None:
    name = 'a <b> & "c" $x_1^2$ $'
    figures = [Figure("p <q>", case, name, "µs", (1.0, 2.0), "run <it>") for case in ("<one>", "$two")]
    curve = Curve("p <q>", "$", "$over$ <time>", "s", "MB", ((0.0, 0.0), (1.0, 0.0)), "run <it>")
    page = report.html(Results({}, Outcome(figures, [curve])))
    Tags().feed(page)
    assert "<b>" not in page
    assert "<it>" not in page
    assert page.count("$two") >= 2


def test_nothing_measured_makes_a_report_too() -> None:
    page = report.html(Results({}, Outcome(faults=("all is lost",))))
    assert "all is lost" in page


@pytest.mark.parametrize("width", [60, 150])
def test_the_tables_hold_every_median_however_narrow(results: Results, width: int) -> None:
    written = io.StringIO()
    tables.show(Console(file=written, width=width), results.outcome)
    said = written.getvalue()
    for figure in results.outcome.figures:
        assert re.search(rf"(?<![\d.,]){re.escape(spell(figure.median))} ", said), figure
    assert "FAULT: 1 event of 2 is <lost>" in said


def test_the_end_has_the_ratios_to_one_peer_alone() -> None:
    written = io.StringIO()
    tables.show_beside(Console(file=written, width=150), "loop", outcome())
    assert "CPU per event, peer / ingest" in written.getvalue()
    assert "Quix" not in written.getvalue()


@pytest.mark.parametrize(
    ("value", "spelled"),
    [(1234567.8, "1,234,568"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.1234, "0.12"), (0.01234, "0.012"),
     (0.001234, "0.0012"), (0.0001234, "1.23e-04"), (0.0, "0"), (-12.34, "-12.3")],
)  # fmt: skip
def test_numbers_have_the_digits_that_matter(value: float, spelled: str) -> None:
    assert spell(value) == spelled
