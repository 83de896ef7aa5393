"""Verdicts on samples whose truth is known: they are drawn by a seeded generator."""

from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.noise import MARGIN, compare


def drawn(middle: float, count: int, seed: int, noise: float = 0.05) -> list[float]:
    found: list[float] = (middle * np.exp(np.random.default_rng(seed).normal(0, noise, count))).tolist()
    return found


@pytest.mark.parametrize(
    ("factor", "better", "verdict"),
    [
        (1.5, "less", "worse"),
        (1.5, "more", "better"),
        (1.5, "neither", "differs"),
        (0.6, "less", "better"),
        (0.6, "more", "worse"),
        (1.0, "less", "same within noise"),
    ],
)
def test_a_large_difference_is_told_from_none(factor: float, better: str, verdict: str) -> None:
    found = compare(drawn(2.0, 8, 1), drawn(2.0 * factor, 8, 2), better, ratio=False)  # type: ignore[arg-type]
    assert found.verdict == verdict
    assert found.interval is not None
    assert found.interval[0] < factor < found.interval[1]


def test_a_difference_within_the_margin_is_noise_however_sure_it_is_and_ratios_have_a_smaller_one() -> None:
    before, after = drawn(1.0, 500, 1, noise=0.001), drawn(1 + MARGIN / 2, 500, 2, noise=0.001)
    assert compare(before, after, "less", ratio=False).verdict == "same within noise"
    assert compare(before, after, "less", ratio=True).verdict == "worse"


@pytest.mark.parametrize(
    ("before", "after", "enough"), [(3, 3, False), (3, 4, False), (4, 4, True), (3, 5, True), (1, 50, False)]
)
def test_too_few_samples_tell_nothing_however_far_apart(before: int, after: int, *, enough: bool) -> None:
    found = compare(drawn(1.0, before, 1), drawn(9.0, after, 2), "less", ratio=True)
    assert (found.verdict == "worse") is enough
    assert (found.verdict == "too few samples") is not enough
    assert found.factor == pytest.approx(9.0, rel=0.2)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    trials = 400
    within = 0
    for seed in range(trials):
        low, high = compare(drawn(1.0, 6, seed), drawn(1.3, 6, seed + trials), "less", ratio=True).interval or (0, 0)
        within += low <= 1.3 <= high
    assert 0.93 <= within / trials <= 0.99


@pytest.mark.parametrize(("one", "other"), [(4, 4), (5, 5), (3, 6), (6, 4)])
def test_the_rank_is_the_largest_that_chance_allows(one: int, other: int) -> None:
    """Against every order there is: k orders of U below k may make up 2.5% at most, and k + 1 must be more."""
    places = range(one + other)
    statistics: npt.NDArray[np.int64] = np.array(
        [sum(a > b for a, b in product(chosen, set(places).difference(chosen))) for chosen in combinations(places, one)]
    )
    before, after = list(range(1, one + 1)), [10.0 ** (place + 1) for place in range(other)]
    found = compare(before, after, "less", ratio=False)
    assert found.interval is not None
    rank = int(np.searchsorted(np.sort([b / a for a, b in product(before, after)]), found.interval[0])) + 1
    assert np.mean(statistics < rank) <= 0.025 < np.mean(statistics < rank + 1)


def test_zeros_are_compared_by_their_differences() -> None:
    assert compare([0.0] * 5, [0.0] * 5, "less", ratio=False).verdict == "same within noise"
    found = compare([0.0] * 5, [30.0, 36.0, 33.0, 31.0, 35.0], "less", ratio=False)
    assert (found.verdict, found.factor, found.interval) == ("worse", None, None)


def test_nothing_can_be_compared_with_nothing() -> None:
    with pytest.raises(ValueError, match="no samples"):
        compare([], [1.0], "less", ratio=False)
