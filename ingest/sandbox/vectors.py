"""Generates vectors like those of embedding models; they depend only on the seed.

A vector consists of slices, each picked from a pool of its own. So it is cheap, few vectors are equal, and a slice is
rarely repeated within the window of a Kafka codec: repetitions would compress better than real vectors do.
"""

import functools
import json
import random
from dataclasses import dataclass

DIMENSIONS = 768
_SLICES = 4
_POOL = 509  # alternatives per slice; prime, and different from the generator's pool size


@dataclass(frozen=True, slots=True)
class Vectors:
    """The alternatives of each slice: `values` as numbers, `texts` as JSON without the brackets."""

    values: tuple[tuple[tuple[float, ...], ...], ...]
    texts: tuple[tuple[bytes, ...], ...]

    def vector(self, mixed: int) -> list[float]:
        """The vector that 64 random bits select."""
        return [value for index, slices in enumerate(self.values) for value in slices[_pick(mixed, index)]]

    def text(self, mixed: int) -> bytes:
        """The same vector as JSON."""
        return b"[%b]" % b", ".join(slices[_pick(mixed, index)] for index, slices in enumerate(self.texts))


@functools.lru_cache(maxsize=2)
def vectors(seed: int) -> Vectors:
    """The vectors of this seed; making them takes about a second."""
    dice = random.Random(f"vectors {seed}")
    # Six digits and a vector of about unit length, as embedding services return them.
    values = tuple(
        tuple(
            tuple(round(dice.gauss(0, DIMENSIONS**-0.5), 6) for _ in range(DIMENSIONS // _SLICES)) for _ in range(_POOL)
        )
        for _ in range(_SLICES)
    )
    return Vectors(values, tuple(tuple(json.dumps(each)[1:-1].encode() for each in slices) for slices in values))


def _pick(mixed: int, index: int) -> int:
    return (mixed >> 13 * index) % _POOL
