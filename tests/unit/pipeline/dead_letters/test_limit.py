"""A worker is stopped when too large a share of its messages are dead letters, and not before."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.dead_letters.limit import DeadLetterLimit

GOOD, DEAD = False, True


def judge(limit: DeadLetterLimit, *lots: list[bool]) -> list[str | None]:
    return [limit.add(np.array(lot, dtype=np.bool_), lot.count(GOOD)) for lot in lots]


def test_a_run_counts_over_lots_and_ends_with_a_good_message() -> None:
    limit = DeadLetterLimit(1.0, 10, 5)
    assert judge(limit, [GOOD, DEAD, DEAD], [DEAD, DEAD], [GOOD], [DEAD] * 4) == [None] * 4
    (why,) = judge(limit, [DEAD])
    assert why is not None
    assert "5 messages in a row" in why
    assert "max_consecutive = 5" in why


def test_a_share_needs_enough_messages_to_be_measured() -> None:
    limit = DeadLetterLimit(0.5, 10, 0)
    assert judge(limit, [GOOD, *[DEAD] * 3], [DEAD] * 5) == [None, None], "nine messages prove nothing"
    (why,) = judge(limit, [DEAD])
    assert why is not None
    assert "9 of the last 10 messages" in why


@pytest.mark.parametrize(
    ("share", "messages", "dead", "too_many"),
    [
        (0.5, 200, 101, True),
        (0.5, 199, 199, False),  # too few messages
        (0.5, 200, 100, False),  # exactly the share
        (0.001, 9_999, 99, False),  # 1%, but too few dead ones
        (0.001, 9_999, 100, True),
        (0.001, 10_000, 11, True),  # the window is full: any number proves it
    ],
)
def test_a_share_counts_from_the_first_message_on(share: float, messages: int, dead: int, *, too_many: bool) -> None:
    lot = [DEAD] * dead + [GOOD] * (messages - dead)
    (why,) = judge(DeadLetterLimit(share, 10_000, 0), lot)
    assert (why is not None) == too_many


def test_none_of_the_first_messages_can_be_delivered() -> None:
    """Most messages are filtered, so that the share of dead ones is small: but nothing is ever delivered."""
    limit = DeadLetterLimit(0.5, 10_000, 0)
    lot = np.array([DEAD] * 250 + [GOOD] * 750, dtype=np.bool_)
    assert [limit.add(lot, deliverable=0) for _ in range(3)] == [None] * 3
    why = limit.add(lot, deliverable=0)
    assert why is not None
    assert "the first 1,000 messages to be delivered, every one of them" in why
    assert not limit.proved


def test_one_message_that_can_be_delivered_proves_that_the_configuration_fits() -> None:
    limit = DeadLetterLimit(0.5, 10_000, 0)
    lot = np.array([DEAD] * 250 + [GOOD] * 750, dtype=np.bool_)
    assert limit.add(lot, deliverable=1) is None
    assert limit.proved
    assert [limit.add(lot, deliverable=0) for _ in range(10)] == [None] * 10


def test_what_is_old_no_longer_counts() -> None:
    limit = DeadLetterLimit(0.5, 10, 0)
    assert judge(limit, [GOOD] * 1_000, [DEAD] * 5, [GOOD] * 5, [DEAD] * 5, [GOOD] * 5) == [None] * 5
    assert judge(limit, [DEAD] * 5, [DEAD] * 1)[-1] is not None


def test_exactly_the_share_is_borne() -> None:
    assert judge(DeadLetterLimit(0.5, 10, 0), [DEAD, GOOD] * 5) == [None]
    assert judge(DeadLetterLimit(0.5, 11, 0), [DEAD, GOOD] * 5 + [DEAD]) != [None]


@pytest.mark.parametrize("lots", [[[DEAD] * 1_000] * 10, [[], [DEAD]]])
def test_switched_off_nothing_is_too_many(lots: list[list[bool]]) -> None:
    assert set(judge(DeadLetterLimit(1.0, 1, 0), *lots)) == {None}


@given(st.lists(st.lists(st.booleans(), max_size=12), max_size=12), st.integers(1, 8))
def test_runs_are_those_of_a_naive_reader(lots: list[list[bool]], most: int) -> None:
    limit = DeadLetterLimit(1.0, 1, most)
    seen: list[bool] = []
    for lot in lots:
        before = len(seen)
        seen += lot
        runs = [(dead, len(list(group))) for dead, group in groupby(seen)]
        end = 0
        longest = 0
        for dead, length in runs:
            end += length
            if dead and end > before:
                longest = max(longest, length)
        (why,) = judge(limit, lot)
        assert (why is not None) == bool(lot and longest >= most)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=12), max_size=20), st.integers(1, 20))
def test_shares_are_those_of_the_newest_lots_that_are_enough(lots: list[list[bool]], events: int) -> None:
    limit = DeadLetterLimit(0.4, events, 0)
    for index, lot in enumerate(lots):
        newest: list[bool] = []
        for old in reversed(lots[: index + 1]):
            newest += old
            if len(newest) >= events:
                break
        (why,) = judge(limit, lot)
        assert (why is not None) == (any(lot) and len(newest) >= events and sum(newest) > 0.4 * len(newest))
