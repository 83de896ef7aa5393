"""Workers and the supervisor are killed at random: nothing is lost, and duplicates stay within their bound."""

from collections.abc import Callable

import pytest

from tests.fault.soak import Plan, soak
from tests.harness.rig import Rig


@pytest.mark.timeout(300)
def test_kills_at_random_lose_nothing(rig: Callable[..., Rig]) -> None:
    plan = Plan(workers=3, events=120_000, worker_kills=6, supervisor_kills=1, max_events=2_000, bad_share=0.002)
    result = soak(rig(partitions=8), plan)
    assert result.findings == []
    assert result.worker_kills == 6
    assert result.supervisor_kills == 1
