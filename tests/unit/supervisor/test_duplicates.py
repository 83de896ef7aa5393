"""Ranges of possible duplicates are merged and never lose a message that was sent."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.records import Span
from ingest.supervisor.duplicates import merged


def span(first: int, next_offset: int, count: int | None = None) -> Span:
    return Span(3, first, next_offset, next_offset - first if count is None else count)


def test_ranges_that_touch_become_one_and_counts_add_up() -> None:
    assert merged([span(20, 30), span(0, 10), span(10, 20, 4)]) == [span(0, 30, 24)]
    assert merged([span(0, 10), span(5, 8)]) == [span(0, 10, 13)]
    assert merged([span(0, 10, 0)]) == []


def test_the_nearest_become_one_where_there_are_too_many() -> None:
    assert merged([span(0, 10), span(100, 110), span(115, 120)], most=2) == [span(0, 10), span(100, 120, 15)]


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 40)), max_size=40), st.integers(1, 10))
def test_no_offset_is_ever_left_out_and_none_counted_away(pairs: list[tuple[int, int]], most: int) -> None:
    spans = [span(first, first + length) for first, length in pairs]
    found = merged(spans, most)
    assert len(found) <= most
    assert sum(each.count for each in found) == sum(each.count for each in spans)
    held = {offset for each in found for offset in range(each.first, each.next_offset)}
    assert held >= {offset for each in spans for offset in range(each.first, each.next_offset)}
    assert all(before.next_offset < after.first for before, after in pairwise(found))
