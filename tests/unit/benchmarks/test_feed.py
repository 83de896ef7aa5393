"""What a feed makes: usual events that can be told apart, and when a worker that reads it has caught up."""

import threading
from typing import Any

import numpy as np
import orjson

from benchmarks.feed import Pool, run
from benchmarks.parts.latency import caught_up
from ingest.sandbox.generate import Generator


class Taking:
    """A producer that takes everything."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, bytes]] = []

    def produce(self, topic: str, value: bytes, *, partition: int, on_delivery: object) -> None:
        del topic, on_delivery
        self.taken.append((partition, value))

    def poll(self, timeout: float) -> int:
        del timeout
        return 0

    def flush(self, timeout: float) -> int:
        del timeout
        return 0


def test_an_event_has_the_fields_of_the_generators_and_its_own_place() -> None:
    made = orjson.loads(Pool().event(3, 1_000_007))
    like = orjson.loads(Generator(seed=5).event(0, 7) or b"")
    assert list(made) == list(like)
    own = {"prediction_id", "kp", "seq"}
    assert {key: value for key, value in made.items() if key not in own} == {
        key: value for key, value in like.items() if key not in own
    }
    assert (made["kp"], made["seq"], made["prediction_id"]) == (3, 1_000_007, "3-f4247")


def test_events_go_to_the_partitions_in_turn_and_go_on_where_the_last_feed_ended() -> None:
    producer: Any = Taking()
    told = iter([2, 5, 5, 100])
    fed = run(producer, "t", 2, 3, lambda _: next(told), seconds=60.0, events=7, ended=threading.Event())
    places = [(partition, orjson.loads(value)["seq"]) for partition, value in producer.taken]
    assert fed.events == 7
    assert places == [(1, 1), (0, 2), (1, 2), (0, 3), (1, 3), (0, 4), (1, 4)]


def test_a_feed_that_is_told_to_end_says_what_it_made() -> None:
    producer: Any = Taking()
    ended = threading.Event()

    def allowed(_: float) -> int:
        ended.set()
        return 4

    assert run(producer, "t", 2, 0, allowed, seconds=60.0, events=100, ended=ended).events == len(producer.taken) == 4


def test_caught_up_is_when_nothing_old_is_open() -> None:
    produced = np.array([0.0, 1.0, 2.0, 11.0, 12.0])
    acknowledged = np.array([20.0, 21.0, 22.0, 22.0, 22.5])
    # The last two are late at 13 and 14, and so belong to the backlog; it ends with the last of them.
    assert caught_up(acknowledged, produced, grace_s=2.0, since_s=10.0) == 22.5
    # An event that waits no longer than it may is none of it, also when it is open at that moment.
    assert caught_up(acknowledged, np.array([0.0, 1.0, 2.0, 20.5, 21.0]), grace_s=2.0, since_s=10.0) == 22.0


def test_events_out_of_order_count_until_the_last_of_them() -> None:
    produced, acknowledged = np.array([0.0, 1.0, 30.0]), np.array([25.0, 20.0, 31.0])
    assert caught_up(acknowledged, produced, grace_s=2.0, since_s=10.0) == 25.0


def test_a_worker_that_was_never_behind_has_caught_up_at_once() -> None:
    assert caught_up(np.array([10.5, 11.5]), np.array([10.2, 11.2]), grace_s=2.0, since_s=10.0) == 10.0


def test_what_was_produced_just_before_the_worker_came_is_of_the_backlog() -> None:
    assert caught_up(np.array([14.0, 14.0]), np.array([9.0, 9.5]), grace_s=2.0, since_s=10.0) == 14.0
