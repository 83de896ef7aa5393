"""The command line of the suite, with parts that measure nothing."""

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import suite
from benchmarks.figures import Outcome, load
from benchmarks.suite import Part

CALLS = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> CALLS:
    """The parts that were run, and with what; "stages" is interrupted, "latency" loses an event."""
    seen: CALLS = []

    def part(name: str) -> Part:
        def measure(**given: Any) -> Outcome:
            seen.append((name, {key: value for key, value in given.items() if key != "tell"}))
            if name == "stages":
                raise KeyboardInterrupt
            return Outcome(faults=("lost",) if name == "latency" else (), notes=(name,))

        return Part(name, measure)

    monkeypatch.setattr(suite, "part", part)
    return seen


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["run", *arguments])
    return command.main()


def test_chosen_parts_run_in_the_suites_order(calls: CALLS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ["--part", "growth", "--part", "side_by_side", "--quick", "--pairs", "4"]
    assert run(monkeypatch, *chosen, "--json", str(tmp_path / "a.json")) == 0
    assert calls == [("side_by_side", {"quick": True, "pairs": 4}), ("growth", {"quick": True})]
    found = load(tmp_path / "a.json")
    assert found.outcome.notes == ("side_by_side", "growth")
    assert found.about["took_s"].keys() == {"side_by_side", "growth"}
    assert "growth" in (tmp_path / "a.html").read_text()


def test_an_undelivered_event_fails_the_suite(calls: CALLS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--part", "latency", "--json", str(tmp_path / "a.json")) == 1
    assert len(calls) == 1


def test_ctrl_c_leaves_the_figures_and_the_report(
    calls: CALLS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "elsewhere.html"
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, "--json", str(tmp_path / "a.json"), "--html", str(report))
    assert [name for name, _ in calls] == ["side_by_side", "end_to_end", "stages"]
    assert load(tmp_path / "a.json").outcome.notes == ("side_by_side", "end_to_end")
    assert report.exists()


def test_help_lists_every_part(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--help")
    said = capsys.readouterr().out
    assert all(name in said and what in said for name, what in suite.PARTS.items())
