"""The command line of the suite, with parts that measure nothing."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import suite
from benchmarks.figures import Outcome, load
from benchmarks.suite import Part


class Parts:
    """Keeps which parts were run, and with what; "stages" is interrupted, "latency" loses an event."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def part(self, name: str) -> Part:
        def measure(**given: Any) -> Outcome:
            self.calls.append((name, {key: value for key, value in given.items() if key != "tell"}))
            if name == "stages":
                raise KeyboardInterrupt
            return Outcome(faults=("lost",) if name == "latency" else (), notes=(name,))

        return Part(name, measure)

    def run(self, *arguments: str) -> int:
        return command.main(arguments, self.part)


def test_chosen_parts_run_in_the_suites_order(tmp_path: Path) -> None:
    parts = Parts()
    chosen = ["--part", "growth", "--part", "side_by_side", "--quick", "--pairs", "4", "--json"]
    assert parts.run(*chosen, str(tmp_path / "a.json")) == 0
    assert parts.calls == [("side_by_side", {"quick": True, "pairs": 4}), ("growth", {"quick": True})]
    found = load(tmp_path / "a.json")
    assert found.outcome.notes == ("side_by_side", "growth")
    assert found.about["took_s"].keys() == {"side_by_side", "growth"}
    assert found.about["command"] == shlex.join(["benchmarks/run", *chosen, str(tmp_path / "a.json")])
    assert "growth" in (tmp_path / "a.html").read_text()


def test_an_undelivered_event_fails_the_suite(tmp_path: Path) -> None:
    parts = Parts()
    assert parts.run("--part", "latency", "--json", str(tmp_path / "a.json")) == 1
    assert len(parts.calls) == 1


def test_ctrl_c_leaves_the_figures_and_the_report(tmp_path: Path) -> None:
    parts = Parts()
    report = tmp_path / "elsewhere.html"
    with pytest.raises(KeyboardInterrupt):
        parts.run("--json", str(tmp_path / "a.json"), "--html", str(report))
    assert [name for name, _ in parts.calls] == ["side_by_side", "end_to_end", "stages"]
    assert load(tmp_path / "a.json").outcome.notes == ("side_by_side", "end_to_end")
    assert report.exists()


def test_help_lists_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Parts().run("--help")
    said = capsys.readouterr().out
    assert all(name in said and what in said for name, what in suite.PARTS.items())
