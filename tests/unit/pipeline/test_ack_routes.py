"""The ack tracker with several routes, against a model that knows every single message by its offset."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest

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
