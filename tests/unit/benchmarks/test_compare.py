"""Two runs against each other, and what the command says and returns."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.figures import Results
from tests.harness.outcomes import ABOUT, results


def called(capsys: pytest.CaptureFixture[str], *paths: Path) -> tuple[int, str]:
    code = compare.main(list(map(str, paths)))
    said = capsys.readouterr()
    return code, said.out + said.err


def saved(path: Path, run: Results) -> Path:
    run.save(path)
    return path


def test_a_slower_run_is_worse_in_all_but_its_ratios() -> None:
    found = compare.compared(results(1, samples=8), results(2, slower=1.6, samples=8))
    assert {row.verdict for row in found.rows if row.after.ratio} == {"same within noise"}
    assert {row.verdict for row in found.rows if not row.after.ratio} == {"worse"}
    assert not found.only_before
    assert not found.only_after


def test_the_same_run_is_the_same() -> None:
    verdicts = {row.verdict for row in compare.compared(results(), results()).rows}
    assert verdicts == {"same within noise"}


def test_on_another_machine_only_ratios_are_judged() -> None:
    before, after = results(1), results(2, slower=3.0)
    after = replace(after, about={**ABOUT, "machine": {"cpu": "another", "cores": 64}})
    found = compare.compared(before, after)
    assert {row.verdict for row in found.rows if not row.after.ratio} == {compare.OTHER_MACHINE}
    assert compare.OTHER_MACHINE not in {row.verdict for row in found.rows if row.after.ratio}


def test_what_only_one_has_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = results()
    first, *rest = both.outcome.figures
    before = replace(both, outcome=replace(both.outcome, figures=rest))
    after = replace(both, outcome=replace(both.outcome, figures=(replace(first, name="new <name>"), *rest)))
    code, said = called(capsys, saved(tmp_path / "a.json", before), saved(tmp_path / "b.json", after))
    assert code == 0
    assert "only in B:" in said
    assert "only in A:" not in said
    assert f"{first.part}: {first.case}: new <name>" in said
    assert said.splitlines()[-1] == f"{len(rest)} figures in both: {len(rest)} same within noise; 1 in one of them only"


def test_worse_figures_fail_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = saved(tmp_path / "b.json", results(2, slower=9.0))
    code, said = called(capsys, saved(tmp_path / "a.json", results()), slow)
    assert code == 0
    assert " worse" in said.splitlines()[-1]


@pytest.mark.parametrize("bad", ["missing.json", "other.json"])
def test_a_bad_file_is_named_with_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str) -> None:
    (tmp_path / "other.json").write_text("{}")
    code, said = called(capsys, saved(tmp_path / "a.json", results()), tmp_path / bad)
    assert code == 2
    assert said.startswith(f"benchmarks/compare: {tmp_path / bad} ")
