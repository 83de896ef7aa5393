"""Counts are told at once, then seldom, and all of them in the end."""

from ingest.events import UnknownColumnsIgnored, ValuesNulled
from ingest.pipeline.counters import MOST, ColumnCounter, DroppedCounts, DroppedValues


def test_a_column_is_told_at_once_and_then_once_in_a_while() -> None:
    counter = ColumnCounter(every_s=30.0)
    assert counter.drain(0.0) is None
    counter.add({"a": 2})
    assert counter.drain(1.0) == DroppedCounts({"a": 2}, 0)
    counter.add({"a": 3, "b": 1})
    assert counter.drain(2.0) == DroppedCounts({"b": 1}, 0)
    counter.add({"a": 4})
    assert counter.drain(30.9) is None
    assert counter.drain(31.0) == DroppedCounts({"a": 7}, 0)
    assert counter.drain(100.0) is None


def test_the_end_tells_what_is_left() -> None:
    counter = ColumnCounter(every_s=30.0)
    counter.add({"a": 2})
    counter.drain(0.0)
    counter.add({"a": 5})
    assert counter.drain(0.1, last=True) == DroppedCounts({"a": 5}, 0)
    assert counter.drain(0.2, last=True) is None


def test_columns_that_are_data_are_told_together_and_all_counted() -> None:
    counter = ColumnCounter(every_s=30.0)
    told = others = events = 0
    for second in range(100):
        counter.add({f"k{second * 50 + number}": 1 for number in range(50)})
        if (drained := counter.drain(float(second), last=second == 99)) is not None:
            events += 1
            told += sum(drained.columns.values())
            others += drained.others
    assert (told, others) == (MOST, 100 * 50 - MOST)
    assert events <= MOST // 50 + 100 // 30 + 2


def test_what_rows_lose_is_told_as_events() -> None:
    dropped = DroppedValues(every_s=30.0)
    assert list(dropped.drain(0.0, last=True)) == []
    dropped.add({"age": 1}, {"odd": 2})
    assert list(dropped.drain(0.0)) == [
        ValuesNulled(columns={"age": 1}),
        UnknownColumnsIgnored(columns={"odd": 2}),
    ]
    dropped.add({"age": 1}, {})
    assert list(dropped.drain(1.0)) == []
    assert list(dropped.drain(1.0, last=True)) == [ValuesNulled(columns={"age": 1})]
