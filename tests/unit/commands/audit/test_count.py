"""Ranges of offsets are counted exactly, whatever gaps the log has."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.commands.audit.count import _counter


@given(st.sets(st.integers(0, 200), min_size=1), st.lists(st.integers(0, 210), max_size=12, unique=True))
def test_messages_are_counted_where_they_lie(offsets: set[int], cuts: list[int]) -> None:
    edges = sorted(cuts)
    ranges = list(zip(edges[::2], edges[1::2], strict=False))
    if not ranges:
        return
    counter = _counter(ranges)
    for some in np.array_split(np.array(sorted(offsets), dtype=np.int64), 3):
        if len(some):
            go_on = counter.take(some)
            left = [end for _, end in ranges if end > some[-1] + 1]
            assert (go_on < 0) is not bool(left)
    assert counter.counts.tolist() == [sum(first <= offset < end for offset in offsets) for first, end in ranges]


def test_reading_goes_on_at_the_next_range() -> None:
    counter = _counter([(10, 20), (500, 600)])
    assert counter.take(np.array([10, 15])) == 16
    assert counter.take(np.array([25])) == 500
    assert counter.take(np.array([599])) == -1
    assert counter.counts.tolist() == [2, 1]
