"""The ack tracker with several routes, against a model that knows every single message by its offset."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest

from ingest.pipeline import commit
from ingest.pipeline.ack import PartitionTracker, SettledRange, Ticket, Watermark
from ingest.records import Counts


def array(numbers: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.array(list(numbers), dtype=np.int64)


def arrived(tracker: PartitionTracker, routes: dict[int, int], left: Iterable[int] = ()) -> dict[int, Ticket]:
    """One chunk, `routes` by offset: its tickets by route."""
    tickets, _ = tracker.arrive(array(routes), array(routes.values()), frozenset(left))
    return {ticket.route: ticket for ticket in tickets}


def read_again(tracker: PartitionTracker, route: int, routes: dict[int, int], upto: int) -> list[Ticket]:
    tickets, _ = tracker.again(route, array(routes), array(routes.values()), upto)
    return tickets


def test_a_route_left_behind_holds_up_nothing_but_the_watermark() -> None:
    tracker = PartitionTracker(0, 0, routes="ab")
    for first in range(0, 30, 3):
        tracker.release(arrived(tracker, {first: 0, first + 1: 1, first + 2: 0}, left=[1])[0], dead=1)
    mark = Watermark(0, Counts(), (SettledRange(0, 30, Counts(10, 10), frozenset({1})),), "ab")
    assert tracker.watermark() == mark
    assert tracker.open_messages == 0
    (ticket,) = read_again(tracker, 1, {0: 0, 1: 1, 2: 0}, upto=3)
    tracker.release(ticket, filtered=1)
    assert tracker.left_from(1) == 3
    rest = SettledRange(3, 30, Counts(10, 8), frozenset({1}))
    assert tracker.watermark() == Watermark(3, Counts(0, 2, 0, 1), (rest,), "ab")


def test_of_two_routes_behind_one_may_go_on_without_the_other() -> None:
    tracker = PartitionTracker(0, 0)
    routes = {0: 1, 1: 2, 2: 2, 3: 2, 4: 0, 5: 1}
    tracker.release(arrived(tracker, routes, left=[1, 2])[0])
    (ticket,) = read_again(tracker, 1, {offset: routes[offset] for offset in range(4)}, upto=4)
    tracker.release(ticket)
    mark = tracker.watermark()
    assert mark.ranges == (
        SettledRange(0, 4, Counts(1), frozenset({2})),
        SettledRange(4, 6, Counts(1), frozenset({1, 2})),
    )
    tickets = arrived(PartitionTracker(0, 0, mark), routes)
    assert {route: ticket.span.count for route, ticket in tickets.items() if route != 2} == {1: 1}, "sent again"


@pytest.mark.parametrize("rest", [{}, {2: 1}, {2: 0}])
def test_what_a_restart_sends_again_is_not_counted_before(rest: dict[int, int]) -> None:
    tracker = PartitionTracker(0, 0)
    routes = {0: 0, 1: 1, 2: 1, 3: 0}
    slow = arrived(tracker, routes, left=[1])[0]
    (ticket,) = read_again(tracker, 1, {0: 0, 1: 1}, upto=2)
    tracker.release(ticket)
    tickets = read_again(tracker, 1, rest, upto=3)
    tracker.release(slow)
    assert tracker.watermark().ranges == (SettledRange(0, 4, Counts(2), frozenset({1})),)
    for ticket in (*tickets, *read_again(tracker, 1, {3: 0}, upto=4)):
        tracker.release(ticket)
    assert tracker.watermark() == Watermark(4, Counts(3 + len(tickets)))


def test_a_reading_that_comes_twice_sends_nothing_again() -> None:
    tracker = PartitionTracker(0, 0)
    routes = dict.fromkeys(range(8), 1) | {7: 0}
    arrived(tracker, routes, left=[1])
    assert [ticket.span.count for ticket in read_again(tracker, 1, routes, upto=5)] == [5]
    for upto in (0, 3, 5):
        assert read_again(tracker, 1, routes, upto) == []
        assert tracker.left_from(1) == 5
    assert [ticket.span.count for ticket in read_again(tracker, 1, routes, upto=99)] == [2]
    assert tracker.left_from(1) is None


def test_what_has_been_tracked_does_not_arrive_again() -> None:
    tracker = PartitionTracker(0, 5, Watermark(5, Counts(), (SettledRange(20, 30, Counts(10)),)))
    tracker.release(arrived(tracker, dict.fromkeys(range(5, 10), 0))[0])
    for offset in (4, 9):
        for left in ((), (1,)):
            with pytest.raises(ValueError, match=f"can't track offset {offset}"):
                arrived(tracker, dict.fromkeys(range(offset, 25), 0), left)
    assert tracker.watermark() == Watermark(10, Counts(5), (SettledRange(20, 30, Counts(10)),))


def test_what_retention_took_does_not_lie_below_the_next_commit() -> None:
    tracker = PartitionTracker(0, 0)
    before = arrived(tracker, {0: 0})[0]
    tracker.advance(100)
    arrived(tracker, {100: 0})
    tracker.release(before)
    assert tracker.watermark() == Watermark(100, Counts(1))


@pytest.mark.parametrize("seed", range(3))
def test_hours_of_a_route_behind_are_one_range(seed: int) -> None:
    """Control records between the polls, a second route that falls behind now and then, and crashes."""
    random = np.random.default_rng(seed)
    offsets = np.cumsum(random.choice([1, 1, 1, 2], size=8_000))
    routes = random.integers(3, size=len(offsets))
    tracker, left, in_hand = PartitionTracker(0, 0), {2}, list[Ticket]()
    for turn in range(3_000):
        begin = int(np.searchsorted(offsets, tracker.position))
        own = slice(begin, begin + int(random.integers(1, 9)))
        if begin < len(offsets):
            in_hand += tracker.arrive(offsets[own], routes[own], frozenset(left))[0]
            tracker.advance(tracker.position + int(tracker.position not in offsets[own.stop : own.stop + 1]))
        if turn % 60 > 30:
            in_hand += second_reading(tracker, 1, offsets, routes, int(random.integers(1, 40)))
        left = {2} if tracker.left_from(1) is None and turn % 60 else {1, 2}
        while len(in_hand) > 4:
            tracker.release(in_hand.pop(int(random.integers(len(in_hand)))))
        mark = tracker.watermark()
        assert max(len(mark.ranges), len(tracker._stretches)) <= 20
        if turn in (300, 700):
            left, in_hand = {2}, []
            tracker = PartitionTracker(0, mark.next_offset, commit.decode(mark.next_offset, commit.encode(mark)))
    assert tracker.position > offsets[-1]
    for route in (1, 2):
        in_hand += second_reading(tracker, route, offsets, routes, len(offsets))
    for ticket in in_hand:
        tracker.release(ticket)
    assert tracker.watermark() == Watermark(tracker.position, Counts(len(offsets)))


def second_reading(
    tracker: PartitionTracker, route: int, offsets: npt.NDArray[np.int64], routes: npt.NDArray[np.int64], most: int
) -> list[Ticket]:
    start = tracker.left_from(route)
    if start is None:
        return []
    begin, end = np.searchsorted(offsets, [start, tracker.position]).tolist()
    own = slice(begin, min(begin + most, end))
    upto = int(offsets[own.stop]) if own.stop < end else tracker.position
    return tracker.again(route, offsets[own], routes[own], upto)[0]
