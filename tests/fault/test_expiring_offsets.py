"""A short run of `tests.fault.expiry`, with the group deleted by hand instead of expired by Kafka."""

from pathlib import Path

import pytest

from tests.fault.expiry import delete_group, play_all, scenes


@pytest.mark.real
@pytest.mark.timeout(600)
def test_quiet_partitions_keep_their_offsets_and_a_start_that_kafka_has_forgotten_halts(tmp_path: Path) -> None:
    with scenes(tmp_path) as found:
        assert play_all(found, quiet_s=75.0, forget=delete_group) == []
