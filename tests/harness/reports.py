"""What workers report, and the state and the snapshots of a run that takes it."""

from collections.abc import Mapping
from typing import Any

from ingest import events
from ingest.records import Counts, PartitionProgress
from ingest.status.run_state import RunState
from ingest.status.snapshot import Snapshot

UNIX = 1.7e9  # at second 0 of the monotonic clock


def progress(
    now_state: str = "reading",
    *,
    worker: int = 0,
    partition: int = 0,
    next_offset: int = 100,
    end_offset: int = 1_000,
    oldest_ms: int | None = None,
    in_flight: int = 0,
    in_hand: int = 10,
    paused: bool = False,
    **facts: Any,
) -> events.Progress:
    return events.Progress(
        worker=worker,
        loops=1,
        state=now_state,
        uploads_in_flight=in_flight,
        rss_bytes=10,
        partitions={
            partition: PartitionProgress(
                next_offset=next_offset,
                position=next_offset + in_hand,
                end_offset=end_offset,
                consumed=next_offset,
                counts=Counts(next_offset),
                oldest_ms=oldest_ms,
                paused=paused,
            )
        },
        **facts,
    )


def run_of(workers: int = 1, *, end_offsets: Mapping[int, int] | None = None) -> RunState:
    state = RunState()
    state.snapshot(0.0, UNIX)
    partitions = tuple(range(workers))
    state.take(
        events.SupervisorStarted(
            topic="rides", group="g", workers=workers, partitions=partitions, end_offsets=end_offsets
        ),
        0.0,
    )
    for worker in partitions:
        state.take(
            events.WorkerStarted(worker=worker, pid=100 + worker, partitions=(worker,), endpoint="https://a"), 0.0
        )
    return state


def seen(state: RunState, now: float) -> Snapshot:
    return state.snapshot(now, UNIX + now)
