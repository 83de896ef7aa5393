"""Chunks are cut at offsets, counts are summed field by field, lag is a distance of offsets."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.records import Chunk, Counts, PartitionEnd, PartitionProgress
from tests.harness.messages import FakeMessage


def chunk(*places: tuple[int, int]) -> Chunk:
    return Chunk(
        [FakeMessage(partition=partition, offset=offset) for partition, offset in places],
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


def test_lag_is_what_lies_between_commit_and_end_and_nothing_is_claimed_without_an_end() -> None:
    def lag(next_offset: int, end: int) -> int | None:
        return PartitionProgress(next_offset, next_offset, end, 0, Counts()).lag

    assert lag(10, 25) == 15
    assert lag(25, 25) == 0
    assert lag(25, 10) == 0
    assert lag(25, -1) is None


def test_an_open_transaction_holds_back_what_lies_between_the_two_ends() -> None:
    end = PartitionEnd(stable_offset=100, end_offset=170)
    assert end.held_back(40) == 70
    assert end.held_back(100) == 70
    assert end.held_back(101) == 0, "who is past it knows that the transaction has ended"
    assert end.held_back(40, until=150) == 50
    assert end.held_back(40, until=90) == 0
    assert end.held_back(40, until=500) == 70
    assert PartitionEnd(100, 100).held_back(40) == 0


COUNTS = st.builds(Counts, *[st.integers(0, 100)] * len(dataclasses.fields(Counts)))


@given(COUNTS, COUNTS)
def test_counts_add_and_subtract_field_by_field(one: Counts, other: Counts) -> None:
    added = one + other
    assert [getattr(added, each.name) for each in dataclasses.fields(Counts)] == [
        getattr(one, each.name) + getattr(other, each.name) for each in dataclasses.fields(Counts)
    ]
    assert added - other == one
    assert added.total == one.total + other.total


@given(COUNTS, st.integers(0, 500))
def test_a_part_of_counts_takes_the_rare_outcomes_first(counts: Counts, count: int) -> None:
    part = counts.part(count)
    assert part.total == min(count, counts.total)
    assert min((counts - part).values()) >= 0
    if part.acknowledged:
        assert part.values()[1:] == counts.values()[1:]
