"""What is written is read again as it was, and a bad file is named."""

from pathlib import Path

import pytest

from benchmarks.figures import Outcome, load
from tests.harness.outcomes import outcome, results


def test_a_run_is_read_as_it_was_saved(tmp_path: Path) -> None:
    saved = results()
    saved.save(tmp_path / "deep" / "run.json")
    found = load(tmp_path / "deep" / "run.json")
    assert found.about == saved.about
    assert tuple(found.outcome.figures) == tuple(saved.outcome.figures)
    assert tuple(found.outcome.curves) == tuple(saved.outcome.curves)
    assert (found.outcome.faults, found.outcome.notes) == (saved.outcome.faults, saved.outcome.notes)


@pytest.mark.parametrize("content", ["", "[]", "{}", '"a"', '{"figures": [{}], "curves": [], "about": {}}', "\x00"])
def test_another_file_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(ValueError, match=r"other\.json holds no results of benchmarks/run"):
        load(tmp_path / "other.json")


def test_outcomes_add_up_in_order() -> None:
    first, second = outcome(1), Outcome(faults=("lost",), notes=("n",))
    assert (first + second).figures == tuple(first.figures)
    assert (first + second).faults == ("lost",)
    assert (first + second).notes == (*first.notes, "n")
