"""Bisecting a refused batch finds each row that is refused by itself, with few requests."""

import math
import random
from collections.abc import Callable, Collection

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.errors import RejectedError
from ingest.pipeline.delivery import bisect
from ingest.pipeline.delivery.bisect import Bisect, Rows, count, cut, join, numbers

BAD = RejectedError("HTTP 400 bad row", status=400)
LARGE = RejectedError("HTTP 413 too large", status=413)

Judge = Callable[[list[int]], RejectedError | None]


class Arize:
    """Takes or refuses requests, and remembers what it took."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.stored: list[int] = []
        self.requests = self.sent_rows = 0

    def post(self, rows: list[int]) -> RejectedError | None:
        self.requests += 1
        self.sent_rows += len(rows)
        error = self.judge(rows)
        if error is None:
            self.stored += rows
        return error


def flat(rows: Rows) -> list[int]:
    return [row for part in rows for row in part]


def refuses(bad: Collection[int], error: RejectedError = BAD) -> Judge:
    return lambda rows: error if any(row in bad for row in rows) else None


def deliver(rows: int, judge: Judge) -> tuple[Arize, Bisect]:
    """Send a batch that will be refused, and bisect it to the end."""
    arize = Arize(judge)
    first = arize.post(list(range(rows)))
    assert first is not None
    search = Bisect(rows, first)
    while (asked := search.ask()) is not None:
        error = arize.post(flat(asked))
        if error is None:
            search.taken()
        else:
            search.refused(error)
    assert search.requests == arize.requests
    assert search.taken_rows == len(arize.stored)
    return arize, search


def dead(search: Bisect) -> list[int]:
    return [row for row, _, _ in numbers(search.dead)]


def bound(rows: int, bad: int) -> int:
    return bad * (math.ceil(math.log2(rows)) + 4) + 2 if rows > 1 else 1


@settings(max_examples=500, deadline=None)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1))))
@example((1, {0}))
@example((2, {0, 1}))
@example((400, set(range(400))))
def test_every_good_row_is_taken_once_and_every_bad_one_refused_alone(case: tuple[int, set[int]]) -> None:
    rows, bad = case
    arize, search = deliver(rows, refuses(bad))
    if arize.stored or rows == len(bad):
        assert sorted(arize.stored) == sorted(set(range(rows)) - bad)
        assert dead(search) == sorted(bad)
    else:  # rule 5: not one row was taken for so long that it isn't the rows
        assert search.requests >= 8 * rows.bit_length()
        assert dead(search) == list(range(rows))
    assert search.requests <= bound(rows, len(bad))
    if arize.stored:
        assert {together for _, _, together in numbers(search.dead)} == {0}


@pytest.mark.parametrize("bad", [0, 1, 49_999, 50_000, 77_777, 99_999])
def test_one_row_in_100_000_costs_twenty_requests(bad: int) -> None:
    arize, search = deliver(100_000, refuses({bad}))
    assert dead(search) == [bad]
    assert len(arize.stored) == 99_999
    assert search.requests <= 20
    assert arize.sent_rows <= 3 * 100_000


def test_many_spread_rows_cost_about_log2_of_their_distance_each() -> None:
    bad = set(random.Random(7).sample(range(100_000), 100))
    arize, search = deliver(100_000, refuses(bad))
    assert dead(search) == sorted(bad)
    assert sorted(arize.stored) == sorted(set(range(100_000)) - bad)
    assert search.requests <= 100 * (math.log2(1_000) + 4)
    assert arize.sent_rows <= 10 * 100_000


def test_hundreds_of_single_rows_are_found_each_by_itself() -> None:
    bad = set(random.Random(3).sample(range(100_000), 400))
    _, search = deliver(100_000, refuses(bad))
    assert dead(search) == sorted(bad)
    assert max(together for _, _, together in numbers(search.dead)) == 0
    assert search.requests < bisect.MAX_REQUESTS


def test_when_everything_is_refused_the_search_ends_soon() -> None:
    arize, search = deliver(100_000, lambda _: BAD)
    assert arize.stored == []
    assert dead(search) == list(range(100_000))
    assert search.requests <= 8 * 17
    assert max(together for _, _, together in numbers(search.dead)) > 99_000


def test_past_the_limit_the_rest_goes_out_once_more_in_coarse_groups() -> None:
    bad = set(range(0, 100_000, 2))  # every other row
    arize, search = deliver(100_000, refuses(bad))
    assert search.requests <= bisect.MAX_REQUESTS + bisect.COARSE
    assert sorted(arize.stored + dead(search)) == list(range(100_000))
    assert not set(arize.stored) & bad
    late = set(range(0, 20_000, 2))  # the rest of the batch is good, and mostly delivered
    arize, search = deliver(100_000, refuses(late))
    assert len(arize.stored) > 75_000
    assert sorted(arize.stored + dead(search)) == list(range(100_000))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=120),
    st.integers(1, 60),
    st.sets(st.integers(0, 119), max_size=4),
)
def test_what_is_too_large_is_halved_until_it_fits(sizes: list[int], most: int, bad: set[int]) -> None:
    bad &= set(range(len(sizes)))

    def judge(rows: list[int]) -> RejectedError | None:
        if sum(sizes[row] for row in rows) > most:
            return LARGE
        return BAD if bad.intersection(rows) else None

    if judge(list(range(len(sizes)))) is None:
        return
    arize, search = deliver(len(sizes), judge)
    hopeless = bad | {row for row, size in enumerate(sizes) if size > most}
    if arize.stored or len(hopeless) == len(sizes):
        assert dead(search) == sorted(hopeless)
    assert sorted(arize.stored + dead(search)) == list(range(len(sizes)))


def test_a_batch_over_the_size_limit_costs_what_its_pieces_cost() -> None:
    arize, search = deliver(100_000, lambda rows: LARGE if len(rows) > 30_000 else None)
    assert search.requests == 1 + 2 + 4
    assert sorted(arize.stored) == list(range(100_000))
    assert search.dead == []


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 200), st.randoms(use_true_random=False), st.floats(0, 1))
def test_an_endpoint_that_contradicts_itself_loses_and_repeats_nothing(
    rows: int, dice: random.Random, share: float
) -> None:
    answers = iter([BAD])

    def judge(_: list[int]) -> RejectedError | None:
        return next(answers, None) or (dice.choice((BAD, LARGE)) if dice.random() < share else None)

    arize, search = deliver(rows, judge)
    assert sorted(arize.stored + dead(search)) == list(range(rows))
    assert search.requests <= bisect.MAX_REQUESTS + bisect.COARSE


def test_each_dead_row_has_its_own_answer() -> None:
    def judge(rows: list[int]) -> RejectedError | None:
        return next((RejectedError(f"row {row}", status=422) for row in rows if row in {3, 90}), None)

    _, search = deliver(100, judge)
    assert [(row, str(error)) for row, error, _ in numbers(search.dead)] == [(3, "row 3"), (90, "row 90")]


RANGES = st.lists(st.integers(0, 60), max_size=20).map(
    lambda rows: join(tuple(range(row, row + 1) for row in sorted(set(rows))))
)


@given(RANGES, st.integers(0, 70))
def test_cutting_and_joining_keep_all_rows_in_order(rows: Rows, first: int) -> None:
    head, rest = cut(rows, first)
    assert flat(head) + flat(rest) == flat(rows)
    assert count(head) == min(first, count(rows))
    assert join(rest, head) == rows
