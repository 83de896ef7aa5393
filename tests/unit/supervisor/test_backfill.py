"""What a backfill reports before it starts: the offsets of each partition, what is left, and what is gone."""

from dataclasses import replace

from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.pipeline.kafka.time_range import OffsetRange
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.supervisor.backfill import notices
from ingest.supervisor.plan import TopicPlan
from ingest.time_range import TimeRange

SPAN = TimeRange(1_793_491_200_000, 1_793_577_600_250)
REMOVED = (
    "partition 2: the log begins at offset 7 with a message of 2026-11-01T00:01:00Z. Up to 7 offsets before it were "
    "removed (retention, or deleted records); those of 2026-11-01T00:00:00Z to 2026-11-02T00:00:00.250Z among them are "
    "gone"
)


def test_each_partition_is_reported_with_what_is_left() -> None:
    settings = Config(kafka=Kafka(topic="rides", group="g")).topics[0]
    plan = TopicPlan(
        settings,
        (0, 1, 2),
        {0: (0, 90), 1: (0, 90), 2: (7, 90)},
        {0: None, 1: Checkpoint(30), 2: None},
        {0: 60, 1: 60, 2: 60},
        StartPlan("a", chosen_starts={0: Checkpoint(60), 2: Checkpoint(7)}),
    )
    ranges = {0: OffsetRange(60, 60), 1: OffsetRange(10, 60), 2: OffsetRange(7, 60, 7, 1_793_491_260_000)}
    assert list(notices(replace(plan, ranges=ranges), SPAN)) == [
        "backfill of rides, 2026-11-01T00:00:00Z to 2026-11-02T00:00:00.250Z, as group g: 83 offsets of 3 partitions",
        "to go on with it after a stop: --from 2026-11-01T00:00:00Z --until 2026-11-02T00:00:00.250Z --group g",
        "partition 0: nothing",
        "partition 1: offsets 10 to 59, 30 offsets left from the committed offset 30 on",
        "partition 2: offsets 7 to 59, 53 offsets",
        REMOVED,
    ]
