"""Vectors as embedding models give them, repeatable by seed.

A vector is put together from slices, each picked from a pool of its own. So it is cheap, few vectors are the same, and
hardly a slice comes twice within what a codec of Kafka's can see at once: copies would compress as no vector does.
"""

import functools
import json
import random
from dataclasses import dataclass

DIMENSIONS = 768
_SLICES = 4
_POOL = 509  # alternatives a slice has; prime, and not the generator's other one


@dataclass(frozen=True, slots=True)
class Vectors:
    """By slice, its alternatives: `values` as numbers, `texts` as the inside of a JSON array."""

    values: tuple[tuple[tuple[float, ...], ...], ...]
    texts: tuple[tuple[bytes, ...], ...]

    def vector(self, mixed: int) -> list[float]:
        """The vector that 64 random bits pick."""
        return [value for index, slices in enumerate(self.values) for value in slices[_pick(mixed, index)]]

    def text(self, mixed: int) -> bytes:
        """The same as JSON."""
        return b"[%b]" % b", ".join(slices[_pick(mixed, index)] for index, slices in enumerate(self.texts))


@functools.lru_cache(maxsize=2)
def vectors(seed: int) -> Vectors:
    """The vectors of this seed; making them takes a second."""
    dice = random.Random(f"vectors {seed}")
    # Six digits, and a vector of about unit length: how services that give embeddings print them.
    values = tuple(
        tuple(
            tuple(round(dice.gauss(0, DIMENSIONS**-0.5), 6) for _ in range(DIMENSIONS // _SLICES)) for _ in range(_POOL)
        )
        for _ in range(_SLICES)
    )
    return Vectors(values, tuple(tuple(json.dumps(each)[1:-1].encode() for each in slices) for slices in values))


def _pick(mixed: int, index: int) -> int:
    return (mixed >> 13 * index) % _POOL
