"""Counts add up, chunks are cut at end offsets, and lag is never negative."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.records import Chunk, Counts, PartitionProgress


class Message:
    def __init__(self, partition: int, offset: int) -> None:
        self.place = (partition, offset)

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return self.place[0]

    def offset(self) -> int:
        return self.place[1]

    def value(self) -> bytes:
        return b"{}"

    def key(self) -> None:
        return None

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return (0, -1)


def chunk(*places: tuple[int, int]) -> Chunk:
    return Chunk(
        [Message(*place) for place in places],
        np.array([p for p, _ in places], dtype=np.int32),
        np.array([o for _, o in places], dtype=np.int64),
        2 * len(places),
    )


def places(found: Chunk) -> list[tuple[int | None, int | None]]:
    return [(message.partition(), message.offset()) for message in found.messages]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), min_size=1, max_size=40, unique=True),
    st.fixed_dictionaries(dict.fromkeys(range(3), st.integers(0, 51))),
)
def test_what_lies_at_or_past_the_ends_is_left_out(given_places: list[tuple[int, int]], ends: dict[int, int]) -> None:
    kept, past = chunk(*given_places).up_to(ends)
    inside = [(p, o) for p, o in given_places if o < ends[p]]
    assert places(kept) == inside
    assert list(zip(kept.partitions.tolist(), kept.offsets.tolist(), strict=True)) == inside
    assert past == sorted({p for p, o in given_places if o >= ends[p]})
    assert kept.raw_bytes == 2 * len(inside)


def test_nothing_is_copied_when_all_of_it_lies_before_the_ends() -> None:
    whole = chunk((0, 1), (1, 5))
    assert whole.up_to({0: 2, 1: 6}) == (whole, [])


def test_lag_is_what_lies_between_commit_and_end() -> None:
    def lag(next_offset: int, end: int) -> int:
        return PartitionProgress(next_offset, next_offset, end, 0, Counts()).lag

    assert lag(10, 25) == 15
    assert lag(25, 25) == 0
    assert lag(25, 10) == 0
    assert lag(25, -1) == 0
