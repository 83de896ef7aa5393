"""Whether two sets of samples differ by more than noise.

Rules
1. The samples are compared by their ranks alone: no shape of the noise is assumed, and one outlier changes little.
2. The interval holds the factor by which B is larger than A with 95% confidence, if the two differ by nothing but such
   a factor: it lies between the k-th smallest and the k-th largest of all quotients b / a, with k from Mann and
   Whitney's test.
3. Where no order of so few samples would be rarer than 5%, there are too few to tell: 3 and 4, or 1 and 50.
4. Samples of one run say nothing about how the machine was an hour later. So a difference counts only where the whole
   interval is beyond a margin: 10%, or 3% for ratios, which were taken pair by pair and don't hold the machine's speed.
5. Samples that are zero or less have no factor; their differences are ranked in the same way, and there is no margin.

Theory: Hodges and Lehmann's interval of a shift, exact for small samples; on logarithms, so that a shift is a factor.
The number of ways to get each value of the test's U is the coefficient of a Gaussian binomial.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchmarks.figures import Better

Verdict = Literal["better", "worse", "differs", "same within noise", "too few samples"]

CONFIDENCE = 0.95
MARGIN = 0.10
RATIO_MARGIN = 0.03
_EXACT_UP_TO = 30  # samples of either; beyond, U is as good as normal


@dataclass(frozen=True, slots=True)
class Comparison:
    """`factor` is B's median by A's; `interval` where the factor lies. None where there is none (rules 3 and 5)."""

    factor: float | None
    interval: tuple[float, float] | None
    verdict: Verdict


def compare(a: Sequence[float], b: Sequence[float], better: Better, *, ratio: bool) -> Comparison:
    """What became of A's samples in B. Raises ValueError where there are none."""
    if not a or not b:
        raise ValueError("there are no samples to compare")
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    middle = float(np.median(first))
    factor = float(np.median(second)) / middle if middle else None
    rank = _rank(len(a), len(b))
    if not rank:
        return Comparison(factor, None, "too few samples")
    if min(first.min(), second.min()) > 0:
        low, high = _between(second[:, None] / first[None, :], rank)
        margin = RATIO_MARGIN if ratio else MARGIN
        grown, shrunk = low > 1 + margin, high < 1 / (1 + margin)
        return Comparison(factor, (low, high), _verdict(grown=grown, shrunk=shrunk, better=better))
    low, high = _between(second[:, None] - first[None, :], rank)
    return Comparison(factor, None, _verdict(grown=low > 0, shrunk=high < 0, better=better))


def _verdict(*, grown: bool, shrunk: bool, better: Better) -> Verdict:
    if not grown and not shrunk:
        return "same within noise"
    if better == "neither":
        return "differs"
    return "better" if grown == (better == "more") else "worse"


def _between(found: npt.NDArray[np.float64], rank: int) -> tuple[float, float]:
    ordered = np.sort(found, axis=None)
    return float(ordered[rank - 1]), float(ordered[-rank])


def _rank(one: int, other: int) -> int:
    """The largest k so that U is below k with at most half of what confidence leaves; 0 if there is none."""
    tail = (1 - CONFIDENCE) / 2
    if max(one, other) > _EXACT_UP_TO:
        deviation = math.sqrt(one * other * (one + other + 1) / 12)
        return max(math.floor(one * other / 2 + NormalDist().inv_cdf(tail) * deviation), 0)
    ways = _ways(one, other)
    below = np.cumsum(ways) / ways.sum()
    return int(np.searchsorted(below, tail, side="right"))


def _ways(one: int, other: int) -> npt.NDArray[np.float64]:
    """How many orders of `one` and `other` samples have U = 0, 1, ...: the product of (1 - x^(other+i)) / (1 - x^i)."""
    size = one * other + 1
    ways = np.zeros(size)
    ways[0] = 1.0
    for step in range(1, one + 1):
        up, down = other + step, step
        ways[up:] -= ways[:-up].copy()
        for place in range(down, size):
            ways[place] += ways[place - down]
    return ways
