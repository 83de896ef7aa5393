"""The ack tracker against a model that knows every single message by its offset."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingest.pipeline.offsets.checkpoint import Checkpoint, SettledRange, decode, encode
from ingest.pipeline.offsets.segment import Ticket
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.records import Counts, Span


def offsets_in(checkpoint: Checkpoint, offsets: list[int]) -> set[int]:
    """Those of `offsets` that a commit of `checkpoint` calls settled."""
    return {
        offset
        for offset in offsets
        if offset < checkpoint.next_offset or any(r.first <= offset < r.next_offset for r in checkpoint.ranges)
    }


def counts(checkpoint: Checkpoint) -> tuple[int, int]:
    """Messages settled and dead-lettered, below the next offset and above it."""
    return checkpoint.settled().total, checkpoint.settled().dead_lettered


class TrackedPartition(RuleBasedStateMachine):
    """A partition with gaps, read by one process after another; each may crash after any step."""

    @initialize(
        gaps=st.lists(st.integers(1, 3), min_size=20, max_size=60), tail=st.integers(0, 3), base=st.integers(0, 5)
    )
    def make_log(self, gaps: list[int], tail: int, base: int) -> None:
        self.log = (np.cumsum(gaps) + base).tolist()
        self.end = self.log[-1] + 1 + tail
        self.settled: dict[int, bool] = {}  # offset -> dead-lettered
        self.kept: dict[int, bool] = {}  # what of it the last commit holds
        self.open: list[tuple[Ticket, list[int], list[int]]] = []  # ticket, its offsets, dead ones of each hold
        self.dead: dict[int, int] = {}  # identity of an open ticket -> its dead so far
        self.committed = (base, encode(Checkpoint(base)))
        self.highest = 0
        self.begin()

    def begin(self) -> None:
        next_offset, metadata = self.committed
        carried = decode(next_offset, metadata)
        assert offsets_in(carried, self.log) == set(self.kept) & set(self.log)
        self.tracker = PartitionTracker(0, next_offset, carried)
        assert self.tracker.checkpoint() == carried
        self.settled = dict(self.kept)
        self.open = []
        self.dead = {}

    def unread(self) -> list[int]:
        return [offset for offset in self.log if offset >= self.tracker.position]

    @precondition(lambda self: self.unread())
    @rule(size=st.integers(1, 12), batched=st.booleans(), data=st.data())
    def poll(self, size: int, batched: bool, data: st.DataObject) -> None:  # noqa: FBT001
        polled = self.unread()[:size]
        tickets, mask = self.tracker.track(np.array(polled, dtype=np.int64))
        fresh = polled if mask is None else [o for o, new in zip(polled, mask.tolist(), strict=True) if new]
        assert set(fresh) == set(polled) - set(self.kept), "sent again, or skipped"
        assert [o for ticket in tickets for o in self.within(ticket, fresh)] == fresh
        for ticket in tickets:
            own = self.within(ticket, fresh)
            assert ticket.span.count == len(own)
            undecodable = data.draw(st.integers(0, len(own)))
            holds = [undecodable]
            if batched and undecodable < len(own):
                ticket.hold()
                holds.append(data.draw(st.sampled_from([0, len(own) - undecodable])))
            elif undecodable < len(own):
                holds = [len(own)]
            self.open.append((ticket, own, holds))

    @staticmethod
    def within(ticket: Ticket, offsets: list[int]) -> list[int]:
        return [offset for offset in offsets if ticket.span.first <= offset < ticket.span.next_offset]

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.open) - 1))
        self.let_go(index)

    def let_go(self, index: int) -> None:
        ticket, own, holds = self.open[index]
        dead = holds.pop()
        ticket.release(dead=dead)
        self.dead[id(ticket)] = self.dead.get(id(ticket), 0) + dead
        if not holds:
            del self.open[index]
            assert not set(own) & set(self.settled), "settled twice"
            total = self.dead.pop(id(ticket))
            self.settled |= {offset: rank < total for rank, offset in enumerate(own)}

    @precondition(lambda self: not self.unread())
    @rule()
    def reach_the_end(self) -> None:
        self.tracker.advance(self.end)
        assert self.tracker.position == max(self.tracker.position, self.end)

    @rule(further=st.integers(1, 25))
    def retention(self, further: int) -> None:
        """The first messages vanish, and the low watermark moves."""
        low = min(self.tracker.position + further, self.end)
        self.log = [offset for offset in self.log if offset >= low]
        self.tracker.advance(low)

    @rule(gone=st.sets(st.integers(0, 100), max_size=30))
    def compaction(self, gone: set[int]) -> None:
        self.log = [o for o in self.log if o not in gone or o < self.tracker.position]

    @rule(crash=st.booleans())
    def commit(self, crash: bool) -> None:  # noqa: FBT001
        checkpoint = self.tracker.checkpoint()
        self.committed = (checkpoint.next_offset, encode(checkpoint))
        self.kept = dict(self.settled)
        if crash:
            self.begin()

    @rule()
    def crash(self) -> None:
        self.highest = self.committed[0]
        self.begin()

    @invariant()
    def holds_true(self) -> None:
        checkpoint = self.tracker.checkpoint()
        assert checkpoint.next_offset >= self.highest, "went back"
        self.highest = checkpoint.next_offset
        open_now = [o for _, own, _ in self.open for o in own]
        unresolved = min([*open_now, *(o for o in self.unread() if o not in self.settled)], default=self.end)
        assert checkpoint.next_offset <= max(unresolved, self.tracker.position if not open_now else 0)
        assert not offsets_in(checkpoint, open_now), "committed before it was settled"
        assert offsets_in(checkpoint, self.log) == set(self.log) & set(self.settled)
        assert counts(checkpoint) == (len(self.settled), sum(self.settled.values()))
        assert self.tracker.messages_in_hand == len(open_now)
        ends = [checkpoint.next_offset, *(edge for r in checkpoint.ranges for edge in (r.first, r.next_offset))]
        assert ends == sorted(ends)
        assert all(
            r.first < r.next_offset and min(r.counts.acknowledged, r.counts.dead_lettered) >= 0
            for r in checkpoint.ranges
        )
        below = [o for o in self.log if o < self.tracker.position and o not in set(open_now)]
        contiguous = [o for o in below if o < min(open_now, default=self.end)]
        assert not contiguous or checkpoint.next_offset > contiguous[-1], "settled, but held back"

    def teardown(self) -> None:
        if not hasattr(self, "log"):
            return
        while self.open:
            self.let_go(0)
        while unread := self.unread():
            tickets, _ = self.tracker.track(np.array(unread[:7], dtype=np.int64))
            for ticket in tickets:
                ticket.release()
                self.settled |= dict.fromkeys(self.within(ticket, unread[:7]), False)
        self.tracker.advance(self.end)
        dead = sum(self.settled.values())
        assert self.tracker.checkpoint() == Checkpoint(self.end, Counts(len(self.settled) - dead, dead))
        assert set(self.log) <= set(self.settled)


TrackedPartition.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestTrackedPartition = TrackedPartition.TestCase


def chunk(*offsets: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(offsets, dtype=np.int64)


def test_a_later_acknowledgement_waits_for_an_earlier_one() -> None:
    tracker = PartitionTracker(3, 0)
    (first,), _ = tracker.track(chunk(0, 1))
    (second,), _ = tracker.track(chunk(2, 5))
    second.release(dead=1)
    assert tracker.checkpoint() == Checkpoint(0, Counts(), (SettledRange(2, 6, Counts(1, 1)),))
    first.release()
    assert tracker.checkpoint() == Checkpoint(6, Counts(3, 1))


def test_neighbouring_ranges_travel_as_one() -> None:
    tracker = PartitionTracker(0, 0)
    tickets = [tracker.track(chunk(o, o + 1))[0][0] for o in (0, 2, 7, 9, 20)]
    for ticket in (tickets[1], tickets[2], tickets[4]):
        ticket.release()
    assert tracker.checkpoint().ranges == (SettledRange(2, 9, Counts(4)), SettledRange(20, 22, Counts(2)))


def test_a_second_crash_does_not_forget_what_the_first_process_settled() -> None:
    checkpoint = Checkpoint(0, Counts(), (SettledRange(10, 20, Counts(8, 2)), SettledRange(30, 40, Counts(10))))
    for _ in range(3):
        tracker = PartitionTracker(0, 0, checkpoint)
        tickets, _ = tracker.track(chunk(*range(15)))
        assert [ticket.span for ticket in tickets] == [Span(0, 0, 10, 10)]
        checkpoint = decode(0, encode(tracker.checkpoint()))
        assert counts(checkpoint) == (20, 2)
    tickets, mask = PartitionTracker(0, 0, checkpoint).track(chunk(*range(45)))
    assert [ticket.span for ticket in tickets] == [Span(0, 0, 10, 10), Span(0, 20, 30, 10), Span(0, 40, 45, 5)]
    assert mask is not None
    assert int(mask.sum()) == 25


def test_a_gap_that_ends_inside_a_carried_range_keeps_the_metadata_readable() -> None:
    tracker = PartitionTracker(0, 5, Checkpoint(5, Counts(5), (SettledRange(10, 20, Counts(9, 1)),)))
    tracker.advance(15)
    checkpoint = tracker.checkpoint()
    assert decode(checkpoint.next_offset, encode(checkpoint)) == checkpoint
    assert checkpoint.next_offset == 15
    assert counts(checkpoint) == (15, 1)
    tickets, mask = tracker.track(chunk(*range(15, 22)))
    assert [ticket.span for ticket in tickets] == [Span(0, 20, 22, 2)]
    assert mask is not None
    assert mask.tolist() == [False] * 5 + [True] * 2
    tickets[0].release()
    assert tracker.checkpoint() == Checkpoint(22, Counts(16, 1))


@pytest.mark.parametrize("way", ["end of the log", "chunk"])
def test_what_was_acknowledged_and_compacted_away_since_still_counts(way: str) -> None:
    tracker = PartitionTracker(0, 0, Checkpoint(0, Counts(7), (SettledRange(10, 20, Counts(7, 3)),)))
    if way == "end of the log":
        tracker.advance(30)
    else:
        (ticket,), _ = tracker.track(chunk(25))
        ticket.release()
    assert counts(tracker.checkpoint()) == ((17, 3) if way == "end of the log" else (18, 3))


def test_an_end_that_is_already_passed_changes_nothing() -> None:
    tracker = PartitionTracker(0, 10)
    tracker.advance(10)
    tracker.advance(3)
    assert tracker.position == 10
    assert tracker.checkpoint() == Checkpoint(10)


def test_the_end_waits_for_what_was_polled_before_it() -> None:
    tracker = PartitionTracker(0, 0)
    (ticket,), _ = tracker.track(chunk(0))
    tracker.advance(9)
    assert tracker.checkpoint() == Checkpoint(0)
    ticket.release()
    assert tracker.checkpoint() == Checkpoint(9, Counts(1))


def test_misuse_raises_and_changes_nothing() -> None:
    tracker = PartitionTracker(1, 5)
    (ticket,), _ = tracker.track(chunk(5, 6, 7))
    for wrong in (chunk(7, 8), chunk(4, 8)):
        with pytest.raises(ValueError, match="partition 1 at 8 can't track"):
            tracker.track(wrong)
    for dead in (-1, 4):
        with pytest.raises(ValueError, match="dead letters"):
            ticket.release(dead=dead)
    assert tracker.checkpoint() == Checkpoint(5)
    ticket.release(dead=3)
    with pytest.raises(ValueError, match="already settled"):
        ticket.release()
    with pytest.raises(ValueError, match="already settled"):
        ticket.hold()
    assert tracker.checkpoint() == Checkpoint(8, Counts(0, 3))
