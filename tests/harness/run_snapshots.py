"""Snapshots made by hand: a run that is well, with what a test changes."""

from dataclasses import replace
from typing import Any

from ingest.status.snapshot import (
    ArizePart,
    Health,
    IngestPart,
    KafkaPart,
    PartitionStatus,
    Snapshot,
    State,
    WorkerStatus,
)

AT = 1_790_000_000.0
WELL = Snapshot(
    at=AT,
    started_at=AT - 600,
    run="r1",
    version="0.1.0",
    host="host",
    pid=7,
    group="g",
    topics=("rides",),
    health=Health.OK,
    sentence="All is well.",
    loop_at=AT,
    kafka=KafkaPart(committed_at=AT - 1),
    ingest=IngestPart(workers=1, workers_running=1, dead_letters_free_bytes=2**40),
    arize=ArizePart(in_flight=2, limit=8, waiting_s=0.5, acknowledged_at=AT - 2),
)


def worker(index: int = 0, state: State = State.READING, **fields: Any) -> WorkerStatus:
    """One worker of `rides`."""
    defaults = {"topic": "rides", "partitions": (index,), "health": Health.OK, "since_s": 1.0, "pid": 100 + index}
    return WorkerStatus(index=index, state=state, **{**defaults, "rss_bytes": 2**28, **fields})


def partition(number: int = 0, state: State = State.READING, **fields: Any) -> PartitionStatus:
    """One partition of `rides`, 10 offsets behind."""
    defaults: dict[str, Any] = {
        "topic": "rides",
        "worker": 0,
        "health": Health.OK,
        "next_offset": 90,
        "position": 95,
        "end_offset": 100,
        "lag": 10,
        "oldest_age_s": 3.5,
        "retention_left_s": 86_400.0,
        "committed_at": AT - 1,
    }
    return PartitionStatus(partition=number, state=state, **{**defaults, **fields})


def snapshot(**fields: Any) -> Snapshot:
    """A run that is well, with one worker and two partitions, and `fields` instead of its own."""
    parts = {"workers": (worker(),), "partitions": (partition(0), partition(1))}
    return replace(WELL, **{**parts, **fields})
