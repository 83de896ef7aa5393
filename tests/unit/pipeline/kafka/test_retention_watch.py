"""What a topic's settings say of how long its messages are kept."""

import pytest

from ingest.pipeline.kafka.retention_watch import Retention, UnknownRetention, retention


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (
            {"retention.ms": "604800000", "retention.bytes": "-1", "cleanup.policy": "delete"},
            Retention(604_800, by_size=False),
        ),
        ({"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}, Retention(None, by_size=False)),
        (
            {"retention.ms": "1000", "retention.bytes": "5", "cleanup.policy": "compact,delete"},
            Retention(1.0, by_size=True),
        ),
        ({"retention.ms": "1000", "retention.bytes": "5", "cleanup.policy": "compact"}, Retention(None, by_size=False)),
        ({"retention.ms": "1000"}, UnknownRetention()),
        ({"retention.ms": "None", "retention.bytes": "-1"}, UnknownRetention()),
    ],
)
def test_only_what_kafka_tells_is_known(settings: dict[str, str], found: Retention | UnknownRetention) -> None:
    assert retention(settings) == found
