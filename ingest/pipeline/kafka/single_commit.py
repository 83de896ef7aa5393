"""One commit by a command, outside of a worker: sent, and its answer waited for."""

import time
from collections.abc import Mapping, Sequence

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import consumer
from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES, Checkpoint
from ingest.pipeline.offsets.committer import Stored

_COMMIT_S = 30.0


def commit_once(
    kafka: Kafka, checkpoints: Mapping[int, Checkpoint], *, metadata_bytes: int = MAX_METADATA_BYTES
) -> str:
    """Commit the checkpoints, by partition; returns why Kafka did not confirm all of them, "" if it did."""
    answers: list[tuple[Stored, Sequence[str]]] = []
    problems: list[str] = []
    reader = consumer.PartitionConsumer(
        kafka,
        tuple(checkpoints),
        on_trouble=problems.append,
        on_committed=lambda stored, faults, _: answers.append((stored, faults)),
    )
    try:
        reader.commit(checkpoints, metadata_bytes=metadata_bytes)
        deadline = time.monotonic() + _COMMIT_S
        while not answers and time.monotonic() < deadline:
            reader.poll(1, 0.1)
    finally:
        reader.close()
    stored, faults = answers[0] if answers else ({}, problems[-1:] or [f"no answer within {_COMMIT_S:g} s"])
    if all(stored.get(p, (None, ""))[0] == mark.next_offset for p, mark in checkpoints.items()):
        return ""
    return "; ".join(faults) or "it confirmed other offsets"
