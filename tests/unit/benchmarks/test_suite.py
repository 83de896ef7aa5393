"""Parts in turn: what is kept, and what a broken one does to the others."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from benchmarks import suite
from benchmarks.figures import Outcome
from benchmarks.suite import PARTS, Part
from ingest.errors import IngestError
from tests.harness.outcomes import outcome


def silent(_: str) -> None:
    """Nobody listens."""


def part(name: str, made: Callable[..., Outcome]) -> Part:
    return Part(name, made)


def note(text: str) -> Part:
    return part(text, lambda **_: Outcome(notes=(text,)))


def broken(error: BaseException) -> Part:
    def fail(**_: Any) -> Outcome:
        raise error

    return part("broken", fail)


def run(parts: list[Part], overrides: Mapping[str, Mapping[str, int]] | None = None) -> tuple[Outcome, list[Outcome]]:
    kept: list[Outcome] = []

    def keep(found: Outcome, took_s: Mapping[str, float]) -> None:
        assert len(took_s) == len(kept) + 1
        kept.append(found)

    return suite.run(parts, quick=True, overrides=overrides or {}, tell=silent, keep=keep), kept


def test_what_is_measured_is_kept_after_each_part() -> None:
    found, kept = run([note("one"), note("two")])
    assert [each.notes for each in kept] == [("one",), ("one", "two")]
    assert found == kept[-1]


@pytest.mark.parametrize("error", [IngestError("no Java: install it"), RuntimeError("no Java: install it")])
def test_a_part_that_fails_is_a_fault_and_the_others_go_on(error: Exception) -> None:
    found, _ = run([note("one"), broken(error), note("two")])
    assert found.notes == ("one", "two")
    assert len(found.faults) == 1
    assert found.faults[0].startswith("broken")
    assert found.faults[0].endswith("no Java: install it")


def test_ctrl_c_ends_the_suite_and_leaves_what_is_kept() -> None:
    kept: list[Outcome] = []
    with pytest.raises(KeyboardInterrupt):
        suite.run(
            [note("one"), broken(KeyboardInterrupt()), note("two")],
            quick=True,
            overrides={},
            tell=silent,
            keep=lambda found, _: kept.append(found),
        )
    assert [each.notes for each in kept] == [("one",)]


def test_a_figure_without_samples_is_a_fault_not_a_figure() -> None:
    made = outcome()
    first, second, *_ = made.figures
    empty = type(first)(first.part, first.case, first.name, first.unit, (), first.command)
    found, _ = run([part("one", lambda **_: Outcome([empty, second]))])
    assert tuple(found.figures) == (second,)
    assert found.faults == (f"{first.part}: {first.case}: {first.name} has no samples",)


def test_overrides_reach_their_part_only() -> None:
    seen: list[dict[str, Any]] = []

    def measure(**given: Any) -> Outcome:
        seen.append({name: value for name, value in given.items() if name != "tell"})
        return Outcome()

    run([part("one", measure), part("two", measure)], {"two": {"pairs": 7}})
    assert seen == [{"quick": True}, {"quick": True, "pairs": 7}]


def test_a_part_whose_module_is_missing_says_so() -> None:
    found, _ = run([suite.part("no_such_part")])
    assert "no_such_part" in found.faults[0]


def test_the_parts_are_in_the_order_that_the_suite_runs_them() -> None:
    assert list(PARTS) == [
        "side_by_side",
        "end_to_end",
        "stages",
        "latency",
        "uploads",
        "start",
        "growth",
        "formats",
        "micro",
    ]
