"""The number of uploads at the same time grows while Arize answers well, and shrinks when it does not."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.config.sections import Arize
from ingest.pipeline.delivery.concurrency import Concurrency, Slowdown
from ingest.pipeline.delivery.route import concurrency

SIZE = 5_000_000
BACKOFF_S = 0.25


@dataclass
class Endpoint:
    """Serves `servers` batches at once, first come, first served; each answer takes `latency_s` on the way as well.

    With more than `most` of them in its hands it refuses a further one, as a 429 does.
    """

    servers: int = 64
    service_s: float = 0.001
    latency_s: float = 0.0
    most: int = 64
    jitter: Callable[[], float] = lambda: 1.0
    refused: int = 0
    most_at_once: int = 0
    _free: list[float] = field(default_factory=list)
    _leaving: list[float] = field(default_factory=list)

    def answer(self, now: float) -> tuple[float, bool]:
        """When a batch sent now is answered, and whether it is taken."""
        while self._leaving and self._leaving[0] <= now:
            heapq.heappop(self._leaving)
        if len(self._leaving) >= self.most:
            self.refused += 1
            return now + self.latency_s + 0.001, False
        while len(self._free) < self.servers:
            heapq.heappush(self._free, now)
        ready = max(now, heapq.heappop(self._free)) + self.service_s * self.jitter()
        heapq.heappush(self._free, ready)
        at = ready + self.latency_s * self.jitter()
        heapq.heappush(self._leaving, at)
        self.most_at_once = max(self.most_at_once, len(self._leaving))
        return at, True


@dataclass
class Client:
    """Sends a batch each `every_s` seconds, or as fast as it may, and tells `concurrency` what became of it."""

    concurrency: Concurrency
    every_s: float = 0.0
    now: float = 0.0
    taken: list[float] = field(default_factory=list)
    limits: list[tuple[float, int]] = field(default_factory=list)
    slowdowns: list[Slowdown] = field(default_factory=list)
    _out: list[tuple[float, float, bool]] = field(default_factory=list)
    _waiting: list[float] = field(default_factory=list)  # refused ones, by when they go again
    _next: float = 0.0

    def run(self, endpoint: Endpoint, seconds: float) -> "Client":
        end = self.now + seconds
        while True:
            self._send(endpoint)
            self.limits.append((self.now, self.concurrency.limit))
            soonest = [self._out[0][0]] if self._out else []
            if len(self._out) < self.concurrency.limit:
                soonest += self._waiting[:1]
                if len(self._out) + len(self._waiting) < self.concurrency.most:
                    soonest.append(self._next)
            at = max(min(soonest, default=end), self.now)
            if at >= end:
                self.now = end
                return self
            self.now = at
            while self._out and self._out[0][0] <= at:
                self._hear(*heapq.heappop(self._out))

    def _send(self, endpoint: Endpoint) -> None:
        while True:
            again = bool(self._waiting) and self._waiting[0] <= self.now
            fresh = self._next <= self.now and len(self._out) + len(self._waiting) < self.concurrency.most
            if not again and not fresh:
                return
            if len(self._out) >= self.concurrency.limit:
                self.concurrency.limit_reached()
                return
            if again:
                heapq.heappop(self._waiting)
            else:
                self._next = max(self._next + self.every_s, self.now if not self.every_s else 0.0)
            at, taken = endpoint.answer(self.now)
            heapq.heappush(self._out, (at, self.now, taken))

    def _hear(self, at: float, began: float, taken: bool) -> None:  # noqa: FBT001  what `answer` said
        if taken:
            self.taken.append(at)
            slowdown = self.concurrency.acknowledged(SIZE, began=began, seconds=at - began, now=at)
            self.slowdowns += [] if slowdown is None else [slowdown]
        else:
            heapq.heappush(self._waiting, at + BACKOFF_S)
            self.concurrency.failed(began=began, now=at)

    def rate(self, since: float) -> float:
        """Batches a second from `since` until now."""
        return sum(at >= since for at in self.taken) / (self.now - since)


def fixed(limit: int) -> Concurrency:
    return Concurrency(limit, least=limit)


def rise_to(one: Concurrency, limit: int, now: float) -> float:
    """Rounds of answers in time, with a batch waiting in each."""
    while one.limit < limit:
        for _ in range(one.limit):
            one.limit_reached()
            one.acknowledged(SIZE, began=now, seconds=1.0, now=now + 1.0)
        now += 1.0
    return now


# --- the rules -----------------------------------------------------------------------------------


def test_it_begins_with_one_and_a_fixed_one_stays_what_it_is() -> None:
    assert Concurrency(8).limit == 1
    one = Concurrency(4, least=4)
    rise_to(one, 4, 0.0)
    for now in range(20):
        assert not one.failed(began=float(now), now=float(now))
        assert one.acknowledged(SIZE, began=float(now), seconds=10.0**now, now=float(now)) is None
    assert one.limit == 4


@pytest.mark.parametrize(("most", "least"), [(0, 0), (0, 1), (2, 3), (4, 0)])
def test_a_range_that_is_none_is_refused(most: int, least: int) -> None:
    with pytest.raises(ValueError, match="no range"):
        Concurrency(most, least=least)


def test_a_round_is_as_many_answers_as_the_limit_says() -> None:
    one = Concurrency(8)
    limits = []
    for now in range(10):
        one.limit_reached()
        one.acknowledged(SIZE, began=float(now), seconds=1.0, now=now + 1.0)
        limits.append(one.limit)
    assert limits == [2, 2, 3, 3, 3, 4, 4, 4, 4, 5]


def test_it_rises_only_when_a_batch_waited_for_it() -> None:
    one = Concurrency(8)
    for now in range(100):
        one.acknowledged(SIZE, began=float(now), seconds=1.0, now=now + 1.0)
    assert one.limit == 1
    one.limit_reached()
    one.acknowledged(SIZE, began=100.0, seconds=1.0, now=101.0)
    assert one.limit == 2


def test_what_waited_in_an_earlier_round_does_not_count() -> None:
    one = Concurrency(8)
    one.limit_reached()
    one.acknowledged(SIZE, began=0.0, seconds=1.0, now=1.0)
    assert one.limit == 2
    for now in range(1, 20):
        one.acknowledged(SIZE, began=float(now), seconds=1.0, now=now + 1.0)
    assert one.limit == 2


def test_it_stays_at_most_the_configured_limit() -> None:
    one = Concurrency(3)
    now = rise_to(one, 3, 0.0)
    for _ in range(30):
        one.limit_reached()
        one.acknowledged(SIZE, began=now, seconds=1.0, now=now + 1.0)
    assert one.limit == 3


def test_a_failure_halves_it_and_never_below_one() -> None:
    one = Concurrency(8)
    now = rise_to(one, 8, 0.0)
    limits = []
    for _ in range(5):
        limits.append((one.failed(began=now, now=now + 1.0), one.limit))
        now += 1.0
    assert limits == [(True, 4), (True, 2), (True, 1), (False, 1), (False, 1)]


def test_all_failures_of_a_round_trip_halve_it_once() -> None:
    one = Concurrency(8)
    now = rise_to(one, 8, 0.0)
    assert [one.failed(began=now, now=now + 1.0 + n / 10) for n in range(8)] == [True] + 7 * [False]
    assert one.limit == 4
    assert one.failed(began=now + 1.0, now=now + 3.0)
    assert one.limit == 2


def test_answers_to_what_was_sent_before_do_not_raise_it_again() -> None:
    one = Concurrency(8)
    now = rise_to(one, 4, 0.0)
    one.failed(began=now, now=now + 1.0)
    for _ in range(8):
        one.limit_reached()
        one.acknowledged(SIZE, began=now + 0.9, seconds=1.0, now=now + 1.9)
    assert one.limit == 2


def test_slow_answers_halve_it_and_say_how_slow() -> None:
    one = Concurrency(8)
    now = rise_to(one, 8, 0.0)
    slowdown = None
    while slowdown is None:
        slowdown = one.acknowledged(SIZE, began=now, seconds=10.0, now=now + 10.0)
    assert one.limit == 4
    assert slowdown.usual_s == pytest.approx(1.0)
    assert 3.1 < slowdown.recent_s < 10.0


def test_a_single_late_answer_is_no_slowdown() -> None:
    one = Concurrency(8)
    now = rise_to(one, 8, 0.0)
    assert one.acknowledged(SIZE, began=now, seconds=8.0, now=now + 8.0) is None
    assert one.limit == 8


def test_a_large_batch_is_not_slow_for_taking_its_time() -> None:
    one = Concurrency(8)
    now = rise_to(one, 8, 0.0)
    for n in range(20):
        assert one.acknowledged(20 * SIZE, began=now + n, seconds=20.0, now=now + n + 20.0) is None
        assert one.acknowledged(SIZE, began=now + n, seconds=1.0, now=now + n + 20.0) is None
    assert one.limit == 8


def test_below_a_tenth_of_a_second_nothing_is_slow() -> None:
    one = Concurrency(8)
    for n in range(200):
        one.limit_reached()
        assert one.acknowledged(SIZE, began=n, seconds=0.001 if n < 100 else 0.1, now=n + 0.1) is None
    assert one.limit == 8


@pytest.mark.parametrize(("adaptive", "limit"), [(True, 1), (False, 6)])
def test_a_fixed_setting_is_possible(adaptive: bool, limit: int) -> None:  # noqa: FBT001  the setting's own
    one = concurrency(Arize(in_flight=6, adaptive=adaptive))
    assert (one.limit, one.most) == (limit, 6)


# --- against an endpoint -------------------------------------------------------------------------


@pytest.mark.parametrize("latency_s", [0.005, 0.05, 0.5, 5.0])
def test_an_endpoint_that_takes_them_all_gets_as_many_as_may_be(latency_s: float) -> None:
    one = Client(Concurrency(8)).run(Endpoint(latency_s=latency_s), 100 * latency_s)
    assert one.concurrency.limit == 8
    assert one.slowdowns == []
    assert next(now for now, limit in one.limits if limit == 8) <= 8 * (latency_s + 0.001)


@pytest.mark.parametrize("latency_s", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("servers", [1, 2, 3, 5, 8])
def test_it_reaches_nine_tenths_of_the_best_fixed_limit(servers: int, latency_s: float) -> None:
    def rate(concurrency: Concurrency) -> float:
        client = Client(concurrency).run(Endpoint(servers, latency_s, latency_s), 300 * latency_s)
        return client.rate(100 * latency_s)

    best = max(rate(fixed(limit)) for limit in range(1, 9))
    assert rate(Concurrency(8)) >= 0.9 * best


def test_a_queue_at_the_endpoint_is_not_fed_for_ever() -> None:
    """It serves one at a time in a second: with 32 uploads each would take 32 s and gain nothing."""
    endpoint = Endpoint(servers=1, service_s=1.0)
    one = Client(Concurrency(32)).run(endpoint, 3_000.0)
    assert one.rate(100.0) > 0.99
    assert endpoint.most_at_once <= 8
    assert one.slowdowns


def test_refusals_hold_it_near_what_the_endpoint_takes() -> None:
    greedy, careful = Endpoint(latency_s=0.05, most=4), Endpoint(latency_s=0.05, most=4)
    best = Client(fixed(4)).run(Endpoint(latency_s=0.05, most=4), 100.0)
    eight = Client(fixed(8)).run(greedy, 100.0)
    one = Client(Concurrency(8)).run(careful, 100.0)
    assert max(limit for now, limit in one.limits if now > 10.0) == 5
    assert one.rate(10.0) > 0.7 * best.rate(10.0)
    assert careful.refused < greedy.refused / 2
    assert eight.rate(10.0) > 0


def test_it_comes_back_after_an_outage() -> None:
    one = Client(Concurrency(8)).run(Endpoint(latency_s=0.5), 30.0)
    assert one.concurrency.limit == 8
    one.run(Endpoint(latency_s=0.5, most=0), 30.0)
    assert one.concurrency.limit == 1
    one.run(Endpoint(latency_s=0.5), 6.0)
    assert one.concurrency.limit == 8


@pytest.mark.parametrize("servers", [8, 64])
def test_an_endpoint_that_is_slower_from_now_on_is_believed(servers: int) -> None:
    one = Client(Concurrency(8)).run(Endpoint(latency_s=0.05), 10.0)
    one.run(Endpoint(servers, latency_s=1.0), 30.0)
    assert len(one.slowdowns) == 3, "8, 4, 2, 1"
    assert one.concurrency.limit == 8
    one.run(Endpoint(latency_s=0.05), 10.0)
    assert one.concurrency.limit == 8
    assert len(one.slowdowns) == 3


@pytest.mark.parametrize("spread", [0.1, 0.3, 0.5])
def test_noise_is_no_slowdown(spread: float) -> None:
    """Log-normal: at 0.5 one answer in a hundred takes more than three times the median."""
    noise = random.Random(7)
    endpoint = Endpoint(latency_s=1.0, jitter=lambda: noise.lognormvariate(0.0, spread))
    one = Client(Concurrency(8)).run(endpoint, 2_000.0)
    settled = [limit for now, limit in one.limits if now > 100.0]
    assert sum(settled) / len(settled) > 7.6
    if spread < 0.5:
        assert one.slowdowns == []


def test_a_trickle_needs_one() -> None:
    one = Client(Concurrency(8), every_s=1.0).run(Endpoint(latency_s=0.5), 100.0)
    assert {limit for _, limit in one.limits} == {1}


def test_a_trickle_gets_as_many_as_its_answers_need() -> None:
    """A batch each 0.1 s, and 0.5 s to answer it: five at once, some more to catch up with what waited meanwhile."""
    one = Client(Concurrency(32), every_s=0.1).run(Endpoint(latency_s=0.495), 200.0)
    assert 5 <= one.concurrency.limit <= 10
    assert one.rate(100.0) == pytest.approx(10.0, rel=0.05)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 16),
    st.lists(st.tuples(st.sampled_from(["held back", "taken", "failed"]), st.floats(0, 100), st.floats(0, 1e6))),
)
def test_whatever_happens_it_stays_in_its_range(most: int, steps: list[tuple[str, float, float]]) -> None:
    one = Concurrency(most)
    now = 0.0
    for what, ago, seconds in steps:
        now += 1.0
        before = one.limit
        if what == "held back":
            one.limit_reached()
            halved = False
        elif what == "failed":
            halved = one.failed(began=now - ago, now=now)
        else:
            halved = one.acknowledged(int(seconds), began=now - ago, seconds=seconds, now=now) is not None
        assert 1 <= one.limit <= most
        assert one.limit == max(before // 2, 1) if halved else before <= one.limit <= before + 1
        assert halved == (one.limit < before)
