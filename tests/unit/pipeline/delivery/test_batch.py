"""Batches close by rows, bytes or age, never change afterwards, and keep each message's ticket."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.delivery.batch import Batcher, BatchLimits, Part
from ingest.pipeline.offsets.segment import Ticket
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.records import Span
from tests.harness.tickets import ticket_for

ROOMY = BatchLimits(max_events=1_000, max_bytes=10**9, linger_s=10.0)


def part(rows: int, *, partition: int = 0, first: int = 0, columns: int = 1) -> Part:
    """`rows` rows of one partition, with every second offset missing."""
    offsets = first + 2 * np.arange(rows, dtype=np.int64)
    table = pa.RecordBatch.from_pydict({f"c{n}": offsets + n for n in range(columns)})
    ticket = ticket_for(PartitionTracker(partition, 0), Span(partition, first, int(offsets[-1]) + 1, rows))
    return Part(table, np.full(rows, partition, dtype=np.int32), offsets, [ticket])


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 900), st.sampled_from([0.0, 0.5, 3.0])), max_size=60),
    st.integers(1, 100),
    st.integers(1, 2_000),
)
def test_no_batch_is_past_its_limits_and_every_row_leaves_once(
    chunks: list[tuple[int, int, float]], max_events: int, max_bytes: int
) -> None:
    batcher = Batcher(BatchLimits(max_events, max_bytes, linger_s=2.0))
    now = 50.0
    taken, wanted, since = [], [], None
    for number, (size, raw_bytes, pause_s) in enumerate(chunks):
        size = min(size, batcher.room())  # noqa: PLW2901  as the poll step does
        assert size >= 1
        added = part(size, first=1_000 * number)
        batcher.add(added, raw_bytes, now)
        since = now if since is None else since
        wanted.extend(added.offsets.tolist())
        now += pause_s
        full = batcher.rows == max_events or batcher._raw_bytes >= max_bytes or batcher.room() == 0
        assert batcher.due(now) == (full or now - since >= 2.0)
        if batcher.due(now):
            taken.append(batcher.take())
            since = None
            assert batcher.rows == 0
            assert not batcher.due(now + 1_000)
    if batcher.rows:
        taken.append(batcher.take())
    assert all(0 < batch.rows <= max_events for batch in taken)
    assert [batch.number for batch in taken] == list(range(1, len(taken) + 1))
    assert sum(batch.raw_bytes for batch in taken) == sum(raw for _, raw, _ in chunks)
    sent = [offset for batch in taken for offset in batch.table()["c0"].to_pylist()]
    assert sent == wanted
    for batch in taken:
        assert batch.rows == batch.table().num_rows == sum(p.table.num_rows for p in batch.parts)
        assert sum(span.count for span in batch.spans()) == batch.rows


def test_age_counts_from_the_first_message_though_nothing_more_comes() -> None:
    batcher = Batcher(ROOMY)
    assert batcher.due_in_s(0.0) is None
    assert not batcher.due(10**9)
    batcher.add(part(1), 10, 100.0)
    batcher.add(part(1, first=50), 10, 108.0)
    assert batcher.due_in_s(104.0) == 6.0
    assert not batcher.due(109.99)
    assert batcher.due(110.0)
    assert batcher.due_in_s(500.0) == 0.0
    batcher.take()
    assert batcher.due_in_s(110.0) is None
    batcher.add(part(1), 10, 111.0)
    assert not batcher.due(120.0)
    assert batcher.due(121.0)


def test_bytes_fill_a_batch() -> None:
    batcher = Batcher(BatchLimits(1_000, 100, 10.0))
    batcher.add(part(3), 99, 0.0)
    assert batcher.room() == 997
    batcher.add(part(1, first=90), 1, 0.0)
    assert batcher.room() == 0
    assert batcher.due(0.0)


def test_columns_that_rows_lack_fill_a_batch_too() -> None:
    batcher = Batcher(BatchLimits(10**6, 1_000, 10.0))  # 4,000 bytes of nulls: 500 cells
    batcher.add(part(10, columns=49), 10, 0.0)
    assert batcher.room() > 0
    other = part(1, first=90)
    table = pa.RecordBatch.from_pydict({"elsewhere": [1]})
    batcher.add(Part(table, other.partitions, other.offsets, other.tickets), 1, 0.0)
    assert batcher.room() == 0  # 11 rows of 50 columns


def test_an_empty_batch_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="empty"):
        Batcher(ROOMY).take()


def test_a_taken_batch_is_frozen() -> None:
    batcher = Batcher(ROOMY)
    batcher.add(part(3), 30, 0.0)
    batch = batcher.take()
    before = batch.table()
    batcher.add(part(5, first=100), 50, 1.0)
    assert (batch.rows, batch.raw_bytes, len(batch.parts)) == (3, 30, 1)
    assert batch.table().equals(before)
    with pytest.raises(AttributeError):
        batch.rows = 4  # type: ignore[misc]
    assert batcher.take().number == 2


def test_a_column_that_a_chunk_lacks_is_null_there() -> None:
    batcher = Batcher(ROOMY)
    batcher.add(part(2, columns=1), 1, 0.0)
    batcher.add(part(1, first=10, columns=2), 1, 0.0)
    assert batcher.take().table().to_pylist() == [{"c0": 0, "c1": None}, {"c0": 2, "c1": None}, {"c0": 10, "c1": 11}]


def test_rows_are_counted_by_ticket() -> None:
    tracker, other = PartitionTracker(0, 0), PartitionTracker(1, 0)
    tickets: list[Ticket] = [
        ticket_for(tracker, Span(0, 0, 10, 6)),
        ticket_for(tracker, Span(0, 10, 20, 2)),
        ticket_for(other, Span(1, 0, 10, 3)),
        ticket_for(tracker, Span(0, 30, 40, 4)),
    ]
    offsets = np.array([0, 9, 3, 10, 12], dtype=np.int64)
    partitions = np.array([0, 0, 1, 0, 0], dtype=np.int32)
    mixed = Part(pa.RecordBatch.from_pydict({"x": offsets}), partitions, offsets, tickets)
    assert [count for _, count in mixed.rows_by_ticket()] == [2, 2, 1, 0]


def test_spans_say_what_a_crash_may_repeat() -> None:
    batcher = Batcher(ROOMY)
    batcher.add(part(3, partition=7, first=10), 1, 0.0)
    batcher.add(part(2, partition=2, first=0), 1, 0.0)
    batcher.add(part(2, partition=7, first=40), 1, 0.0)
    assert batcher.take().spans() == (Span(2, 0, 3, 2), Span(7, 10, 43, 5))


def test_chunks_of_other_types_do_not_fit_but_nulls_do() -> None:
    batcher = Batcher(BatchLimits(10, 10**6, 1.0))
    assert batcher.fits(pa.schema([("a", pa.int64())]))
    table = pa.RecordBatch.from_pydict({"a": pa.array([1]), "n": pa.nulls(1)})
    nothing = np.zeros(1, dtype=np.int64)
    batcher.add(Part(table, nothing.astype(np.int32), nothing, []), 10, 0.0)
    assert batcher.fits(pa.schema([("a", pa.int64()), ("n", pa.string()), ("new", pa.bool_())]))
    assert batcher.fits(pa.schema([("a", pa.null())]))
    assert not batcher.fits(pa.schema([("a", pa.float64())]))
    batcher.take()
    assert batcher.fits(pa.schema([("a", pa.float64())]))
