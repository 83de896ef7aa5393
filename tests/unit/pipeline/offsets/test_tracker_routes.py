"""The ack tracker with several routes, against a model that knows every single message by its offset."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingest.pipeline.offsets.checkpoint import Checkpoint, SettledRange, decode, encode
from ingest.pipeline.offsets.segment import Ticket
from ingest.pipeline.offsets.tracker import PartitionTracker
from ingest.records import Counts

OUTCOMES = ("acknowledged", "dead_lettered", "tombstones", "filtered")


def array(numbers: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.array(list(numbers), dtype=np.int64)


@dataclass
class Delivery:
    """A ticket, its messages by outcome, and what each of its holds will say of them."""

    ticket: Ticket
    offsets: list[int]
    outcomes: list[str]
    holds: list[Counter[str]]


class RoutedPartition(RuleBasedStateMachine):
    """A partition whose messages take several routes, read by one process after another; each may crash at any step.

    A worker is modelled as far as the tracker sees it: a route in `suspended` catches up step by step, and is no
    longer suspended once it has caught up. `to_reread` are the messages that a route has not read again yet.
    """

    @initialize(
        gaps=st.lists(st.integers(1, 3), min_size=20, max_size=60),
        base=st.integers(0, 5),
        tail=st.integers(0, 3),
        count=st.integers(2, 4),
        data=st.data(),
    )
    def make_log(self, gaps: list[int], base: int, tail: int, count: int, data: st.DataObject) -> None:
        self.log: list[int] = (np.cumsum(gaps) + base).tolist()
        self.end = self.log[-1] + 1 + tail
        self.count = count
        self.version = 0
        self.route_the_log(data)
        self.removed = False  # any message was, so that what a range counts can't be compared one by one
        self.exact = True  # no range was forgotten that counts messages removed since
        self.outcomes_exact = True  # no part of a range was forgotten
        self.committed = (base, encode(Checkpoint(base)))
        self.kept: dict[int, str] = {}  # what the last commit calls settled: offset -> outcome
        self.highest = base
        self.begin(data)

    def route_the_log(self, data: st.DataObject) -> None:
        last = self.count - 1
        drawn = data.draw(st.lists(st.integers(0, last), min_size=len(self.log), max_size=len(self.log)))
        self.route = dict(zip(self.log, drawn, strict=True))

    def begin(self, data: st.DataObject) -> None:
        carried = decode(*self.committed)
        id_now = f"rules-{self.version}"
        self.tracker = PartitionTracker(0, carried.next_offset, carried, id_now)
        checkpoint = self.tracker.checkpoint()
        if carried.routes in ("", id_now):
            assert (checkpoint.next_offset, checkpoint.counts, checkpoint.ranges) == (
                carried.next_offset,
                carried.counts,
                carried.ranges,
            )
        else:
            whole = tuple(each for each in carried.ranges if not each.open)
            assert checkpoint == replace(carried, ranges=whole, routes=id_now)
            self.forget(carried, checkpoint)
        self.settled = dict(self.kept)
        self.open: list[Delivery] = []
        self.to_reread: dict[int, set[int]] = {route: set() for route in range(self.count)}
        self.delivered_late: set[int] = set()  # when their route had read them again
        self.suspended = data.draw(st.sets(st.integers(0, self.count - 1), max_size=self.count - 1))
        self.highest = carried.next_offset

    def forget(self, before: Checkpoint, after: Checkpoint) -> None:
        """The ranges of `before` that `after` lacks: their messages are to be sent again."""
        if after.ranges != before.ranges:
            self.exact &= not self.removed
            self.outcomes_exact = False
        self.kept = self.claimed(after, self.kept)

    def claimed(self, checkpoint: Checkpoint, of: dict[int, str]) -> dict[int, str]:
        """Those messages `of` some that `checkpoint` calls settled."""
        return {offset: outcome for offset, outcome in of.items() if self.claims(checkpoint, offset)}

    def claims(self, checkpoint: Checkpoint, offset: int) -> bool:
        return offset < checkpoint.next_offset or any(
            each.first <= offset < each.next_offset and self.route[offset] not in each.open
            for each in checkpoint.ranges
        )

    # --- what a worker does --------------------------------------------------------------------

    def unread(self) -> list[int]:
        return [offset for offset in self.log if offset >= self.tracker.position]

    @precondition(lambda self: self.unread())
    @rule(size=st.integers(1, 12), data=st.data())
    def poll(self, size: int, data: st.DataObject) -> None:
        self.take_in(self.unread()[:size], data)

    def take_in(self, polled: list[int], data: st.DataObject | None) -> None:
        tickets, mask = self.tracker.track(
            array(polled), array(self.route[o] for o in polled), frozenset(self.suspended)
        )
        fresh = polled if mask is None else [o for o, new in zip(polled, mask.tolist(), strict=True) if new]
        new = set(polled) - self.kept.keys()
        assert set(fresh) == {o for o in new if self.route[o] not in self.suspended}, "sent again, or skipped"
        for offset in new - set(fresh):
            self.to_reread[self.route[offset]].add(offset)
        self.deliver(tickets, fresh, data)

    def deliver(self, tickets: Sequence[Ticket], fresh: Sequence[int], data: st.DataObject | None) -> None:
        delivered = []
        for ticket in tickets:
            span = ticket.span
            own = [o for o in fresh if span.first <= o < span.next_offset and self.route[o] == ticket.route]
            assert ticket.span.count == len(own) > 0
            delivered += own
            outcomes = (
                data.draw(st.lists(st.sampled_from(OUTCOMES), min_size=len(own), max_size=len(own))) if data else []
            )
            outcomes += [OUTCOMES[0]] * (len(own) - len(outcomes))
            lost = [outcome for outcome in outcomes if outcome != OUTCOMES[0]]
            at = data.draw(st.integers(0, len(lost))) if data else 0
            holds = [Counter(lost[:at]), Counter(lost[at:])]
            ticket.hold()
            self.open.append(Delivery(ticket, own, outcomes, holds))
        assert sorted(delivered) == sorted(fresh)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.let_go(data.draw(st.integers(0, len(self.open) - 1)))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def release_a_route(self, data: st.DataObject) -> None:
        """One that works, while another is stuck."""
        route = data.draw(st.sampled_from([each.ticket.route for each in self.open]))
        while own := [index for index, each in enumerate(self.open) if each.ticket.route == route]:
            self.let_go(own[-1])

    def let_go(self, index: int) -> None:
        delivery = self.open[index]
        delivery.ticket.release(**_losses(delivery.holds.pop()))
        if not delivery.holds:
            del self.open[index]
            assert not self.settled.keys() & set(delivery.offsets), "settled twice"
            self.settled |= dict(zip(delivery.offsets, delivery.outcomes, strict=True))

    @rule(data=st.data())
    def suspend(self, data: st.DataObject) -> None:
        self.suspended.add(data.draw(st.integers(0, self.count - 1)))

    @precondition(lambda self: self.suspended)
    @rule(size=st.integers(1, 15), ahead=st.booleans(), release_all=st.booleans(), data=st.data())
    def catch_up(self, size: int, ahead: bool, release_all: bool, data: st.DataObject) -> None:  # noqa: FBT001
        in_hand = len(self.open)
        self.reread(data.draw(st.sampled_from(sorted(self.suspended))), size, data, ahead=ahead)
        while release_all and len(self.open) > in_hand:
            self.let_go(in_hand)

    def reread(self, route: int, size: int, data: st.DataObject | None, *, ahead: bool) -> None:
        """`ahead`: the route knows where its next message is, and goes on past the position of the others."""
        start = self.tracker.suspended_from(route)
        if start is None:
            self.suspended.discard(route)
            return
        bound = self.end if ahead else self.tracker.position
        rest = [offset for offset in self.log if start <= offset < bound]
        chunk = rest[:size]
        upto = bound if len(rest) <= size else rest[size] if ahead else chunk[-1] + 1
        tickets, mask = self.tracker.track_reread(route, array(chunk), array(self.route[o] for o in chunk), upto)
        fresh = [o for o, new in zip(chunk, mask.tolist(), strict=True) if new]
        assert set(fresh) == self.to_reread[route] & set(chunk), "sent again, or skipped"
        self.to_reread[route] -= set(fresh)
        self.delivered_late |= set(fresh)
        self.deliver(tickets, fresh, data)

    @precondition(lambda self: not self.unread())
    @rule()
    def reach_the_end(self) -> None:
        self.tracker.advance(self.end)
        assert self.tracker.position == self.end

    # --- what happens to it --------------------------------------------------------------------

    @rule(further=st.integers(1, 15), gone=st.none() | st.sets(st.integers(0, 120), max_size=30))
    def retention_or_compaction(self, further: int, gone: set[int] | None) -> None:
        """Messages vanish, also those of suspended routes; if the first ones do, the low watermark moves."""
        if gone is not None:
            self.remove(gone & set(self.log))
            return
        low = min(self.tracker.position + further, self.end)
        self.remove({offset for offset in self.log if offset < low})
        self.tracker.advance(low)

    def remove(self, gone: set[int]) -> None:
        self.removed |= bool(gone)
        self.log = [offset for offset in self.log if offset not in gone]
        for route in self.to_reread:
            self.to_reread[route] -= gone

    @rule(crash=st.booleans(), data=st.data())
    def commit(self, crash: bool, data: st.DataObject) -> None:  # noqa: FBT001
        checkpoint = self.tracker.checkpoint()
        self.committed = (checkpoint.next_offset, encode(checkpoint))
        self.kept = self.claimed(checkpoint, self.settled)
        # Which of those that retention has removed are counted, in a range that now begins after them, nobody knows.
        self.exact &= not crash or self.settled.keys() - self.kept.keys() <= set(self.log)
        if crash:
            self.begin(data)

    @precondition(lambda self: len(self.tracker.checkpoint().ranges) > 1)
    @rule(data=st.data())
    def commit_what_fits_and_crash(self, data: st.DataObject) -> None:
        checkpoint = self.tracker.checkpoint()
        cut = replace(checkpoint, ranges=checkpoint.ranges[: data.draw(st.integers(0, len(checkpoint.ranges) - 1))])
        self.kept = dict(self.settled)
        self.forget(checkpoint, cut)
        self.committed = (cut.next_offset, encode(cut))
        self.begin(data)

    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        self.begin(data)

    @rule(data=st.data())
    def start_with_other_routes(self, data: st.DataObject) -> None:
        self.version += 1
        carried = decode(*self.committed)
        before = {offset for offset in self.kept if offset >= carried.next_offset}
        self.kept = self.claimed(carried.for_routes(f"rules-{self.version}"), self.kept)
        assert before >= {offset for offset in self.kept if offset >= carried.next_offset}
        rerouted = data.draw(st.sets(st.sampled_from(sorted(self.route)), max_size=20))
        self.route |= {offset: (self.route[offset] + 1) % self.count for offset in rerouted}
        self.begin(data)

    # --- what must hold ------------------------------------------------------------------------

    @invariant()
    def holds_true(self) -> None:
        checkpoint = self.tracker.checkpoint()
        assert decode(checkpoint.next_offset, encode(checkpoint)) == checkpoint
        assert checkpoint.next_offset >= self.highest, "went back"
        self.highest = checkpoint.next_offset
        edges = [
            checkpoint.next_offset,
            *(edge for each in checkpoint.ranges for edge in (each.first, each.next_offset)),
        ]
        assert edges == sorted(edges)
        claimed = {offset for offset in self.log if self.claims(checkpoint, offset)}
        assert claimed <= self.settled.keys(), "a commit would lose it"
        assert self.kept.keys() & set(self.log) <= claimed, "would be forgotten"
        self.nothing_is_held_back(checkpoint)
        self.counts_are_kept(checkpoint)

    def nothing_is_held_back(self, checkpoint: Checkpoint) -> None:
        in_hand = {offset for each in self.open for offset in each.offsets}
        assert self.tracker.messages_in_hand == len(in_hand)
        waiting = {each.ticket.route for each in self.open}
        for route, open_messages in self.to_reread.items():
            start = self.tracker.suspended_from(route)
            assert not open_messages if start is None else start <= min(open_messages, default=self.end)
            if start is not None:
                waiting.add(route)
        if not waiting:
            assert checkpoint.next_offset >= min(self.tracker.position, self.end)
        unclaimed = {offset for offset in self.settled.keys() & set(self.log) if not self.claims(checkpoint, offset)}
        assert unclaimed <= self.delivered_late, "settled, but would be sent again"
        assert {self.route[offset] for offset in unclaimed} <= waiting

    def counts_are_kept(self, checkpoint: Checkpoint) -> None:
        counted = [checkpoint.counts, *(each.counts for each in checkpoint.ranges)]
        assert all(min(_numbers(each)) >= 0 for each in counted)
        if not self.exact:
            return
        outcomes = self.claimed(checkpoint, self.settled)
        gone = len(self.settled.keys() - outcomes.keys() - set(self.log))  # may be counted in a range beside their own
        assert len(outcomes) <= checkpoint.settled().total <= len(outcomes) + gone
        if self.outcomes_exact and not gone:
            found = Counter(outcomes.values())
            assert checkpoint.settled() == Counts(*(found[outcome] for outcome in OUTCOMES))
        if not self.removed:
            assert checkpoint.counts.total == sum(offset < checkpoint.next_offset for offset in outcomes)
            for each in checkpoint.ranges:
                assert each.counts.total == sum(each.first <= offset < each.next_offset for offset in outcomes)

    def teardown(self) -> None:
        if not hasattr(self, "log"):
            return
        while self.open or self.suspended or self.unread():
            while self.open:
                self.let_go(0)
            for route in sorted(self.suspended):
                self.reread(route, 9, None, ahead=False)
            if unread := self.unread():
                self.take_in(unread[:7], None)
            self.holds_true()
        self.tracker.advance(self.end)
        checkpoint = self.tracker.checkpoint()
        assert (checkpoint.next_offset, checkpoint.ranges) == (self.end, ())
        assert set(self.log) <= self.settled.keys()
        self.holds_true()


def _losses(lost: Counter[str]) -> dict[str, int]:
    return {"dead": lost["dead_lettered"], "tombstones": lost["tombstones"], "filtered": lost["filtered"]}


def _numbers(counts: Counts) -> tuple[int, int, int, int]:
    return (counts.acknowledged, counts.dead_lettered, counts.tombstones, counts.filtered)


RoutedPartition.TestCase.settings = settings(
    max_examples=2 * settings().max_examples, stateful_step_count=50, deadline=None
)
TestRoutedPartition = RoutedPartition.TestCase


def arrived(tracker: PartitionTracker, routes: dict[int, int], suspended: Iterable[int] = ()) -> dict[int, Ticket]:
    """One chunk, `routes` by offset: its tickets by route."""
    tickets, _ = tracker.track(array(routes), array(routes.values()), frozenset(suspended))
    return {ticket.route: ticket for ticket in tickets}


def reread_by(tracker: PartitionTracker, route: int, routes: dict[int, int], upto: int) -> list[Ticket]:
    tickets, _ = tracker.track_reread(route, array(routes), array(routes.values()), upto)
    return tickets


def test_a_suspended_route_delays_only_the_next_offset() -> None:
    tracker = PartitionTracker(0, 0, routes="ab")
    for first in range(0, 30, 3):
        arrived(tracker, {first: 0, first + 1: 1, first + 2: 0}, suspended=[1])[0].release(dead=1)
    checkpoint = Checkpoint(0, Counts(), (SettledRange(0, 30, Counts(10, 10), frozenset({1})),), "ab")
    assert tracker.checkpoint() == checkpoint
    assert tracker.messages_in_hand == 0
    (ticket,) = reread_by(tracker, 1, {0: 0, 1: 1, 2: 0}, upto=3)
    ticket.release(filtered=1)
    assert tracker.suspended_from(1) == 3
    rest = SettledRange(3, 30, Counts(10, 8), frozenset({1}))
    assert tracker.checkpoint() == Checkpoint(3, Counts(0, 2, 0, 1), (rest,), "ab")


def test_of_two_suspended_routes_one_may_catch_up_without_the_other() -> None:
    tracker = PartitionTracker(0, 0)
    routes = {0: 1, 1: 2, 2: 2, 3: 2, 4: 0, 5: 1}
    arrived(tracker, routes, suspended=[1, 2])[0].release()
    (ticket,) = reread_by(tracker, 1, {offset: routes[offset] for offset in range(4)}, upto=4)
    ticket.release()
    checkpoint = tracker.checkpoint()
    assert checkpoint.ranges == (
        SettledRange(0, 4, Counts(1), frozenset({2})),
        SettledRange(4, 6, Counts(1), frozenset({1, 2})),
    )
    tickets = arrived(PartitionTracker(0, 0, checkpoint), routes)
    assert {route: ticket.span.count for route, ticket in tickets.items() if route != 2} == {1: 1}, "sent again"


@pytest.mark.parametrize("rest", [{}, {2: 1}, {2: 0}])
def test_what_a_restart_sends_again_is_not_counted_before(rest: dict[int, int]) -> None:
    tracker = PartitionTracker(0, 0)
    routes = {0: 0, 1: 1, 2: 1, 3: 0}
    slow = arrived(tracker, routes, suspended=[1])[0]
    (ticket,) = reread_by(tracker, 1, {0: 0, 1: 1}, upto=2)
    ticket.release()
    tickets = reread_by(tracker, 1, rest, upto=3)
    slow.release()
    assert tracker.checkpoint().ranges == (SettledRange(0, 4, Counts(2), frozenset({1})),)
    for ticket in (*tickets, *reread_by(tracker, 1, {3: 0}, upto=4)):
        ticket.release()
    assert tracker.checkpoint() == Checkpoint(4, Counts(3 + len(tickets)))


def test_messages_that_are_read_again_twice_are_sent_once() -> None:
    tracker = PartitionTracker(0, 0)
    routes = dict.fromkeys(range(8), 1) | {7: 0}
    arrived(tracker, routes, suspended=[1])
    assert [ticket.span.count for ticket in reread_by(tracker, 1, routes, upto=5)] == [5]
    for upto in (0, 3, 5):
        assert reread_by(tracker, 1, routes, upto) == []
        assert tracker.suspended_from(1) == 5
    assert [ticket.span.count for ticket in reread_by(tracker, 1, routes, upto=99)] == [2]
    assert tracker.suspended_from(1) is None


def test_an_offset_that_was_tracked_can_not_be_tracked_again() -> None:
    tracker = PartitionTracker(0, 5, Checkpoint(5, Counts(), (SettledRange(20, 30, Counts(10)),)))
    arrived(tracker, dict.fromkeys(range(5, 10), 0))[0].release()
    for offset in (4, 9):
        for suspended in ((), (1,)):
            with pytest.raises(ValueError, match=f"can't track offset {offset}"):
                arrived(tracker, dict.fromkeys(range(offset, 25), 0), suspended)
    assert tracker.checkpoint() == Checkpoint(10, Counts(5), (SettledRange(20, 30, Counts(10)),))


def test_what_retention_took_does_not_lie_below_the_next_commit() -> None:
    tracker = PartitionTracker(0, 0)
    before = arrived(tracker, {0: 0})[0]
    tracker.advance(100)
    arrived(tracker, {100: 0})
    before.release()
    assert tracker.checkpoint() == Checkpoint(100, Counts(1))


@pytest.mark.parametrize("seed", range(3))
def test_hours_of_a_suspended_route_are_one_range(seed: int) -> None:
    """Control records between the polls, a second route that is suspended now and then, and crashes."""
    random = np.random.default_rng(seed)
    offsets = np.cumsum(random.choice([1, 1, 1, 2], size=8_000))
    routes = random.integers(3, size=len(offsets))
    tracker, suspended, in_hand = PartitionTracker(0, 0), {2}, list[Ticket]()
    for step in range(3_000):
        begin = int(np.searchsorted(offsets, tracker.position))
        own = slice(begin, begin + int(random.integers(1, 9)))
        if begin < len(offsets):
            in_hand += tracker.track(offsets[own], routes[own], frozenset(suspended))[0]
            tracker.advance(tracker.position + int(tracker.position not in offsets[own.stop : own.stop + 1]))
        if step % 60 > 30:
            in_hand += reread(tracker, 1, offsets, routes, int(random.integers(1, 40)))
        suspended = {2} if tracker.suspended_from(1) is None and step % 60 else {1, 2}
        while len(in_hand) > 4:
            in_hand.pop(int(random.integers(len(in_hand)))).release()
        checkpoint = tracker.checkpoint()
        assert max(len(checkpoint.ranges), len(tracker._segments)) <= 20
        if step in (300, 700):
            suspended, in_hand = {2}, []
            tracker = PartitionTracker(0, checkpoint.next_offset, decode(checkpoint.next_offset, encode(checkpoint)))
    assert tracker.position > offsets[-1]
    for route in (1, 2):
        in_hand += reread(tracker, route, offsets, routes, len(offsets))
    for ticket in in_hand:
        ticket.release()
    assert tracker.checkpoint() == Checkpoint(tracker.position, Counts(len(offsets)))


def reread(
    tracker: PartitionTracker, route: int, offsets: npt.NDArray[np.int64], routes: npt.NDArray[np.int64], most: int
) -> list[Ticket]:
    start = tracker.suspended_from(route)
    if start is None:
        return []
    begin, end = np.searchsorted(offsets, [start, tracker.position]).tolist()
    own = slice(begin, min(begin + most, end))
    upto = int(offsets[own.stop]) if own.stop < end else tracker.position
    return tracker.track_reread(route, offsets[own], routes[own], upto)[0]
