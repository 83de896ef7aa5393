"""Waits grow up to their limit, differ at random, and follow what the server asks for."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline.backoff import MAX_RETRY_AFTER_S, Backoff

SECONDS = st.floats(min_value=1e-6, max_value=1e9)
CHANCE = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(SECONDS, SECONDS, st.integers(0, 10_000), CHANCE, st.none() | st.floats(min_value=0, allow_nan=False))
def test_a_wait_stays_within_its_bounds(
    base_s: float, max_s: float, failures: int, chance: float, asked: float | None
) -> None:
    wait_s = Backoff(base_s, max_s).wait_s(failures, chance, asked)
    ceiling = max_s if failures > 64 and base_s * 2.0**64 >= max_s else min(max_s, base_s * 2.0 ** min(failures, 64))
    assert math.isfinite(wait_s)
    assert 0 <= wait_s <= max(ceiling, min(asked or 0, MAX_RETRY_AFTER_S))
    assert wait_s >= min(asked or 0, MAX_RETRY_AFTER_S)


def test_ten_thousand_failures_wait_as_long_as_the_longest() -> None:
    backoff = Backoff(0.5, 30.0)
    assert backoff.wait_s(10_000, 0.999999) < 30.0
    assert backoff.wait_s(10_000, 0.5) == 15.0
    assert [backoff.wait_s(n, 0.5) for n in range(4)] == [0.25, 0.5, 1.0, 2.0]


def test_full_jitter_reaches_zero() -> None:
    assert Backoff(0.5, 30.0).wait_s(8, 0.0) == 0.0


def test_what_the_endpoint_asks_for_is_a_lower_bound_and_bounded() -> None:
    backoff = Backoff(0.5, 30.0)
    assert backoff.wait_s(1, 0.0, 7.0) == 7.0
    assert backoff.wait_s(10, 0.9, 7.0) == 27.0
    assert backoff.wait_s(1, 0.0, 86_400.0) == MAX_RETRY_AFTER_S
    assert backoff.wait_s(1, 0.0, float("inf")) == MAX_RETRY_AFTER_S
