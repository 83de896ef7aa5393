"""Each message of a chunk is tracked once, and becomes a row of its route's batch or a dead letter."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.config.settings import Config
from ingest.pipeline.dead_letters.queue import DeadLetterBatch
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.orjson_lane import Decoder
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.delivery.batch import Batch, BatchLimits
from ingest.pipeline.intake import Intake, Taken
from ingest.pipeline.offsets.checkpoint import Checkpoint, SettledRange
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.pipeline.routing import RoutedChunk
from ingest.pipeline.rows import ProcessedRows, RowGroup
from ingest.records import Chunk, Counts, Destination, KafkaMessage
from tests.harness.messages import FakeMessage

TO = Destination("space", "model", "1", "production", "")


def chunk(messages: Sequence[FakeMessage]) -> Chunk:
    return Chunk(
        messages,
        np.array([m.partition() for m in messages], dtype=np.int32),
        np.array([m.offset() for m in messages], dtype=np.int64),
        sum(len(m.value() or b"") for m in messages),
    )


def message_at(partition: int, offset: int, value: bytes | None) -> FakeMessage:
    return FakeMessage(value, partition=partition, offset=offset)


def good(partition: int, offset: int) -> FakeMessage:
    return message_at(partition, offset, json.dumps({"at": f"{partition}/{offset}"}).encode())


class Decoding:
    """Judges one route by what can be decoded alone: these messages need not be predictions."""

    routes = Config().topics[0].routes

    def __init__(self) -> None:
        self._decoder = Decoder(LearnedSchema())

    def route(self, messages: Sequence[KafkaMessage]) -> RoutedChunk:
        zeros = np.zeros(len(messages), dtype=np.int64)
        return RoutedChunk(zeros, zeros, [message.value() for message in messages], None, {})

    def process(
        self, route: int, found: RoutedChunk, messages: Sequence[KafkaMessage], chosen: npt.NDArray[np.int64]
    ) -> Iterator[ProcessedRows]:
        assert (route, found.parsed) == (0, None)
        decoded = self._decoder.decode([messages[index].value() for index in chosen.tolist()])
        shapes = self.batch_groups(decoded.table)
        lots = [RowGroup(shapes == shape, shape, TO) for shape in np.unique(shapes).tolist()]
        rejected = [replace(fault, index=int(chosen[fault.index])) for fault in decoded.rejected]
        yield ProcessedRows(Decoded(decoded.table, chosen[decoded.accepted], rejected, decoded.widened), lots)

    def batch_groups(self, table: pa.RecordBatch) -> npt.NDArray[np.int64]:
        return np.zeros(table.num_rows, dtype=np.int64)


def intake(trackers: dict[int, PartitionTracker], *, max_events: int = 10**6) -> Intake:
    return Intake(trackers, Decoding(), BatchLimits(max_events, 10**9, 10.0))


def whole(taken: Taken | None) -> Taken:
    """A chunk that was taken at once."""
    assert taken is not None
    return taken


def settle_letters(letters: DeadLetterBatch) -> None:
    for ticket, dead in letters.tickets:
        ticket.release(dead=dead)


def settle_batch(batch: Batch) -> None:
    for part in batch.parts:
        for ticket in part.tickets:
            ticket.release()


KINDS = st.sampled_from(["good", "good", "good", "other type", "broken", "tombstone"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 2), KINDS), min_size=1, max_size=12), min_size=1, max_size=10),
    st.randoms(use_true_random=False),
    st.sets(st.integers(0, 40)),
)
def test_every_message_ends_in_a_batch_or_in_the_dead_letters(
    script: list[list[tuple[int, str]]], random: object, carried: set[int]
) -> None:
    """However chunks mix partitions, good and bad: exactly one place each, and the watermark knows it."""
    ranges = tuple(SettledRange(o, o + 1, Counts(1)) for o in sorted(carried) if o % 2 == 0)
    trackers = {p: PartitionTracker(p, 0, Checkpoint(0, Counts(), ranges if p == 0 else ())) for p in range(3)}
    one = intake(trackers)
    ends = dict.fromkeys(range(3), 0)
    sent: list[tuple[int, int]] = []
    dead: list[tuple[int | None, int | None]] = []
    expected: list[tuple[int, int]] = []
    waiting: list[Batch | DeadLetterBatch] = []
    for step in script:
        messages = []
        for partition, kind in step:
            offset, ends[partition] = ends[partition], ends[partition] + 2
            value = {"broken": b"{", "tombstone": None, "other type": b'{"at":1}'}.get(kind, b"")
            messages.append(message_at(partition, offset, value) if kind != "good" else good(partition, offset))
            if not (partition == 0 and offset in carried):
                expected.append((partition, offset))
        taken = whole(one.take(chunk(messages), 0.0))
        dead += [(letter.message.partition(), letter.message.offset()) for letter in taken.letters.letters]
        waiting.append(taken.letters)
    one.batches[0].close(0.0, draining=True)
    waiting += one.batches[0].ready
    assert one.rows == sum(batch.rows for batch in one.batches[0].ready)
    for batch in one.batches[0].ready:
        for part in batch.parts:
            sent += zip(part.partitions.tolist(), part.offsets.tolist(), strict=True)
        assert batch.table().num_rows == batch.rows
    assert sorted([*sent, *dead]) == sorted(expected)
    random.shuffle(waiting)  # type: ignore[attr-defined]
    for each in waiting:
        before = sum(tracker.messages_in_hand for tracker in trackers.values())
        settle_batch(each) if isinstance(each, Batch) else settle_letters(each)
        assert sum(tracker.messages_in_hand for tracker in trackers.values()) <= before
    for partition, tracker in trackers.items():
        tracker.advance(ends[partition])
        mark = tracker.checkpoint()
        assert tracker.messages_in_hand == 0
        assert mark.next_offset >= ends[partition]
        assert mark.counts.dead_lettered == sum(p == partition for p, _ in dead)
        settled_here = sum(p == partition for p, _ in [*sent, *dead])
        passed = sum(r.first < ends[0] for r in ranges) if partition == 0 else 0
        assert mark.counts.acknowledged + mark.counts.dead_lettered == settled_here + passed


def test_rows_name_their_own_partition_and_offset() -> None:
    trackers = {p: PartitionTracker(p, 0) for p in (0, 1)}
    one = intake(trackers)
    whole(one.take(chunk([good(1, 7), message_at(0, 3, b"["), good(0, 5), message_at(1, 9, None), good(1, 11)]), 0.0))
    one.batches[0].close(0.0, draining=True)
    (part,) = one.batches[0].ready[0].parts
    places = [f"{p}/{o}" for p, o in zip(part.partitions.tolist(), part.offsets.tolist(), strict=True)]
    assert part.table["at"].to_pylist() == places == ["1/7", "0/5", "1/11"]


def test_nothing_passes_before_both_the_batch_and_the_dead_letters_are_done() -> None:
    trackers = {0: PartitionTracker(0, 0)}
    one = intake(trackers)
    letters = whole(one.take(chunk([good(0, 0), message_at(0, 1, b"{"), good(0, 2)]), 0.0)).letters
    one.batches[0].close(0.0, draining=True)
    assert trackers[0].checkpoint() == Checkpoint(0)
    settle_batch(one.batches[0].ready[0])
    assert trackers[0].checkpoint() == Checkpoint(0)
    settle_letters(letters)
    assert trackers[0].checkpoint() == Checkpoint(3, Counts(2, 1))


def test_what_a_former_process_settled_is_neither_sent_nor_written_again() -> None:
    trackers = {0: PartitionTracker(0, 0, Checkpoint(0, Counts(), (SettledRange(1, 3, Counts(1, 1)),)))}
    one = intake(trackers)
    taken = whole(one.take(chunk([good(0, 0), good(0, 1), message_at(0, 2, b"{"), good(0, 3)]), 0.0))
    one.batches[0].close(0.0, draining=True)
    assert taken.letters.letters == ()
    assert one.batches[0].ready[0].table()["at"].to_pylist() == ["0/0", "0/3"]
    settle_letters(taken.letters)
    settle_batch(one.batches[0].ready[0])
    assert trackers[0].checkpoint() == Checkpoint(4, Counts(3, 1))


def test_a_chunk_that_a_former_process_settled_whole_leaves_nothing_open() -> None:
    trackers = {0: PartitionTracker(0, 0, Checkpoint(0, Counts(), (SettledRange(0, 2, Counts(2)),)))}
    one = intake(trackers)
    assert whole(one.take(chunk([good(0, 0), good(0, 1)]), 0.0)).letters == DeadLetterBatch((), ())
    assert one.rows == 0
    assert trackers[0].checkpoint() == Checkpoint(2, Counts(2))


def test_rows_of_another_type_leave_in_a_batch_of_their_own() -> None:
    trackers = {0: PartitionTracker(0, 0)}
    one = intake(trackers)
    whole(one.take(chunk([message_at(0, 0, b'{"n":1}')]), 0.0))
    taken = whole(one.take(chunk([message_at(0, 1, b'{"n":2.5}')]), 1.0))
    assert [(column, old) for column, old, _ in taken.widened] == [("n", "integer")]
    assert one.room() == 0, "no poll while a closed batch waits"
    one.batches[0].close(1.0, draining=True)
    assert [batch.table()["n"].to_pylist() for batch in one.batches[0].ready] == [[1], [2.5]]


def test_the_room_shrinks_with_the_rows() -> None:
    one = intake({0: PartitionTracker(0, 0)}, max_events=5)
    assert one.room() == 5
    whole(one.take(chunk([good(0, 0), message_at(0, 1, b"{"), good(0, 2)]), 0.0))
    assert (one.room(), one.rows) == (3, 2)
    one.batches[0].close(9.0, draining=False)
    assert not one.batches[0].ready
    whole(one.take(chunk([good(0, n) for n in range(3, 6)]), 9.0))
    assert one.room() == 0
    one.batches[0].close(9.0, draining=False)
    assert [batch.rows for batch in one.batches[0].ready] == [5]


def test_leaving_with_nothing_in_hand_makes_no_batch() -> None:
    one = intake({0: PartitionTracker(0, 0)})
    one.batches[0].close(10**9, draining=True)
    assert not one.batches[0].ready
    assert one.due_in_s(0.0) is None


def test_a_message_for_a_partition_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(KeyError):
        intake({0: PartitionTracker(0, 0)}).take(chunk([good(1, 0)]), 0.0)


class BySize(Decoding):
    """Every third size of a row's `at` is a shape of its own."""

    def batch_groups(self, table: pa.RecordBatch) -> npt.NDArray[np.int64]:
        return np.array([len(at) % 3 for at in table.column("at").to_pylist()], dtype=np.int64)


@given(st.lists(st.integers(1, 7), max_size=40), st.integers(1, 30))
def test_shapes_never_share_a_batch_and_together_keep_the_limit(sizes: list[int], max_events: int) -> None:
    trackers = {0: PartitionTracker(0, 0)}
    taking = Intake(trackers, BySize(), BatchLimits(max_events, 10**9, 10.0))
    batches: list[Batch] = []
    offset = 0
    for size in sizes:
        count = min(size, taking.room())
        assert count > 0
        rows = [message_at(0, offset + n, json.dumps({"at": "x" * (offset + n)}).encode()) for n in range(count)]
        offset += count
        settle_letters(whole(taking.take(chunk(rows), 0.0)).letters)
        assert taking.rows <= max_events
        while not taking.room():
            taking.batches[0].close(0.0, draining=False)
            batches.extend(taking.batches[0].ready)
            taking.batches[0].ready.clear()
    while taking.rows:
        taking.batches[0].close(0.0, draining=True)
        batches.extend(taking.batches[0].ready)
        taking.batches[0].ready.clear()
    for batch in batches:
        assert len({len(at) % 3 for at in batch.table().column("at").to_pylist()}) == 1
        assert trackers[0].checkpoint().next_offset < offset
        settle_batch(batch)
    assert sum(batch.rows for batch in batches) == offset
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    assert trackers[0].checkpoint().next_offset == offset
