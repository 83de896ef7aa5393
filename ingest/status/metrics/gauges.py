"""The values that the metrics have in a snapshot."""

import functools
import platform
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from ingest.status.health import readyz
from ingest.status.metrics import table
from ingest.status.metrics.table import Labels, Metric
from ingest.status.snapshot import Health, PartitionStatus, Snapshot, State

Samples = Iterator[tuple[Labels, float]]
_LOST = {State.GIVEN_UP, State.HALTED}


def samples(metric: Metric, snapshot: Snapshot, now: float) -> Samples:
    """The label values of `metric`, which is one of `table.READ`, and their values. `now` is in Unix seconds."""
    if metric is table.READY:  # also if the loop has stopped, and the snapshot with it
        return _single(readyz(snapshot, now).ok)
    return _READERS[metric](snapshot)


def state_name(state: State) -> str:
    """The value of the label `state`."""
    return state.name.lower()


def _single(value: float | None) -> Samples:
    if value is not None:
        yield (), float(value)


def _build(snapshot: Snapshot) -> Samples:
    yield (snapshot.version, platform.python_version(), *_libraries()), 1.0


@functools.cache
def _libraries() -> tuple[str, str]:
    return _version("arize"), _version("confluent-kafka")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _parts(snapshot: Snapshot) -> Samples:
    for part, found in (("kafka", snapshot.kafka), ("ingest", snapshot.ingest), ("arize", snapshot.arize)):
        for health in Health:
            yield (part, health.value), float(found.health is health)


def _partitions(value: Callable[[PartitionStatus], float | None]) -> Callable[[Snapshot], Samples]:
    def read(snapshot: Snapshot) -> Samples:
        for one in snapshot.partitions:
            found = value(one)
            if found is not None:
                yield (one.topic, str(one.partition)), float(found)

    return read


def _oldest_age(one: PartitionStatus) -> float | None:
    return 0.0 if one.lag == 0 else one.oldest_age_s


def _by_topic(value: Callable[[PartitionStatus], float]) -> Callable[[Snapshot], Samples]:
    def read(snapshot: Snapshot) -> Samples:
        sums: dict[str, float] = dict.fromkeys(snapshot.topics, 0.0)
        for one in snapshot.partitions:
            sums[one.topic] = sums.get(one.topic, 0.0) + value(one)
        for topic, total in sums.items():
            yield (topic,), total

    return read


def _committed_at(snapshot: Snapshot) -> Samples:
    newest: dict[str, float] = {}
    for one in snapshot.partitions:
        if one.committed_at is not None:
            newest[one.topic] = max(newest.get(one.topic, 0.0), one.committed_at)
    for topic, at in newest.items():
        yield (topic,), at


def _worker_state(snapshot: Snapshot) -> Samples:
    for one in snapshot.workers:
        for state in State:
            yield (one.topic, str(one.index), state_name(state)), float(one.state is state)


def _worker_memory(snapshot: Snapshot) -> Samples:
    for one in snapshot.workers:
        if one.pid is not None and one.rss_bytes:
            yield (one.topic, str(one.index)), float(one.rss_bytes)


_READERS: Mapping[Metric, Callable[[Snapshot], Samples]] = {
    table.BUILD: _build,
    table.RUN: lambda snapshot: iter([((snapshot.run, snapshot.group), 1.0)]),
    table.STARTED: lambda snapshot: _single(snapshot.started_at),
    table.LOOP: lambda snapshot: _single(snapshot.loop_at),
    table.DRAINING: lambda snapshot: _single(snapshot.draining),
    table.PART: _parts,
    table.IN_FLIGHT: lambda snapshot: _single(snapshot.arize.in_flight),
    table.IN_FLIGHT_LIMIT: lambda snapshot: _single(snapshot.arize.limit),
    table.WAITING: lambda snapshot: _single(snapshot.arize.waiting_s),
    table.ACKNOWLEDGED_AT: lambda snapshot: _single(snapshot.arize.acknowledged_at),
    table.COMMITTED_AT: _committed_at,
    table.LAG: _partitions(lambda one: one.lag),
    table.OLDEST_AGE: _partitions(_oldest_age),
    table.HEADROOM: _partitions(lambda one: one.retention_left_s),
    table.NEXT_OFFSET: _partitions(lambda one: one.next_offset),
    table.END_OFFSET: _partitions(lambda one: one.end_offset),
    table.HELD_BACK: _by_topic(lambda one: one.held_back),
    table.PARTITIONS: _by_topic(lambda _: 1),
    table.GIVEN_UP: _by_topic(lambda one: one.state in _LOST),
    table.PAUSED: _by_topic(lambda one: one.paused_s is not None),
    table.PAUSED_FOR: _partitions(lambda one: one.paused_s),
    table.WORKER_STATE: _worker_state,
    table.WORKER_MEMORY: _worker_memory,
    table.DISK_FREE: lambda snapshot: _single(snapshot.ingest.dead_letters_free_bytes),
}
