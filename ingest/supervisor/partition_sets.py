"""Sets of partitions, and which worker reads which of them.

1. How a set is written: `ingest.config.partition_set`.
2. Every named partition must exist in the topic; an error names the missing ones.
3. Workers get contiguous shares whose sizes differ by at most one. There are never more shares than partitions, so
   every worker has at least one.
4. A worker reads one topic. Each topic has at least one worker, and each further worker goes to the topic with the most
   partitions per worker, so that the largest share is as small as possible.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.errors import ConfigError
from ingest.status import formatting

SETTING = "[supervisor] partitions"


class Assignment(NamedTuple):
    """The partitions that one worker reads."""

    topic: str
    partitions: tuple[int, ...]


def choose(
    named: tuple[int, ...] | None, existing: Iterable[int], topic: str, setting: str = SETTING
) -> tuple[int, ...]:
    """The partitions to read: `named`, or all that exist in `topic`.

    Raises `ConfigError` with the named partitions that `topic` doesn't have.
    """
    there = tuple(sorted(existing))
    if named is None:
        return there
    missing = sorted(set(named) - set(there))
    if missing:
        raise ConfigError(
            f"{setting}: topic {topic} has {len(there)} partitions ({formatting.partitions(there)}), "
            f"but not {formatting.partitions(missing)}; name only those it has, or all"
        )
    return named


def contiguous_shares(partitions: Sequence[int], workers: int) -> tuple[tuple[int, ...], ...]:
    """`partitions` in min(workers, partitions) contiguous shares; the first ones are the larger ones."""
    count = min(workers, len(partitions))
    if count < 1:
        return ()
    size, larger = divmod(len(partitions), count)
    ends = [(i + 1) * size + min(i + 1, larger) for i in range(count)]
    starts = [0, *ends[:-1]]
    return tuple(tuple(partitions[start:end]) for start, end in zip(starts, ends, strict=True))


def check_workers(topics: Sequence[str], workers: int) -> None:
    """Raise `ConfigError` if there are fewer workers than topics."""
    if workers < len(topics):
        raise ConfigError(
            f"--workers {workers}: a worker reads one topic, and there are {len(topics)}: {', '.join(topics)}; ask for "
            f"{len(topics)} workers or more, or choose a topic with --topic"
        )


def assign(topics: Mapping[str, Sequence[int]], workers: int) -> tuple[Assignment, ...]:
    """The assignments of at most `workers` workers, topic by topic: rules 3 and 4.

    Raises `ConfigError` when there are fewer workers than topics.
    """
    check_workers(tuple(topics), workers)
    counts = {topic: min(len(partitions), 1) for topic, partitions in topics.items()}
    for _ in range(workers - len(topics)):
        splittable = [topic for topic, count in counts.items() if count < len(topics[topic])]
        if not splittable:
            break
        counts[max(splittable, key=lambda topic: len(topics[topic]) / counts[topic])] += 1
    return tuple(
        Assignment(topic, share)
        for topic, partitions in topics.items()
        for share in contiguous_shares(partitions, counts[topic])
    )
