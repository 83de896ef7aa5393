"""The memory that a worker may need is not less than what was measured."""

import pytest

from ingest.commands.check.local_checks import worker_bytes
from ingest.config.settings import Config

MIB = 2**20


@pytest.mark.parametrize(
    ("message_bytes", "measured_mib"),
    [
        (200_000, 846),  # many strings, fast lane
        (500_000, 861),
        (500_000, 921),  # orjson lane
        (1_000_000, 765),  # a single string
        (600, 436),  # usual events
        (None, 921),
    ],
)
def test_the_estimate_covers_what_a_worker_took_and_is_not_far_above_it(
    message_bytes: int | None, measured_mib: int
) -> None:
    """Proportional memory and the bodies in shared memory, at the defaults, with slow answers and a deep backlog."""
    need = worker_bytes(Config().topics[0], message_bytes)
    assert measured_mib * MIB <= need <= 1.3 * measured_mib * MIB


def test_small_limits_make_a_small_estimate() -> None:
    (topic,) = Config(batch={"max_bytes": 8 * MIB}, kafka={"queue_bytes": 8 * MIB}).topics
    assert worker_bytes(topic, None) == (150 + 8 + 32 + 5 * 16) * MIB
