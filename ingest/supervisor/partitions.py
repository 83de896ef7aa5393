"""Which partitions are meant, and who reads them.

1. A set is written `0-31`, `0,3,5-7` or `all`; a partition named twice is meant once.
2. What can't be read is named with its text and its position, and nothing is guessed.
3. Every named partition must exist in the topic; the missing ones are named.
4. Workers get contiguous shares whose sizes differ by one at most. There are never more shares than
   partitions: a worker without a partition would be a process that does nothing.
5. A worker reads one topic. Each topic has a worker at least, and the next one goes where most partitions share one,
   so that no worker of all has more to read than it must.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.errors import ConfigError
from ingest.status import formatting

ALL = "all"
FLAG = "--partitions"
EXAMPLES = 'write "0-31", "0,3,5-7" or "all"'
# More than any cluster has; a slip of the finger must not fill the memory.
HIGHEST = 1_000_000

_ITEM = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


class Assignment(NamedTuple):
    """What one worker reads."""

    topic: str
    partitions: tuple[int, ...]


def parse(text: str, setting: str = FLAG) -> tuple[int, ...] | None:
    """The partitions that `text` names, sorted, each once; None for `all`. `setting` is where the text stands.

    Raises `ConfigError` naming the text and the position (counted from 1) where it can't be read.
    """
    if text.strip().lower() == ALL:
        return None
    found: set[int] = set()
    at = 0
    while True:
        item = _ITEM.match(text, at)
        if item is None:
            raise _fault(setting, text, at, "a partition number is expected")
        first, last = int(item[1]), int(item[2] or item[1])
        if last < first:
            raise _fault(setting, text, item.start(1), f"the range {first}-{last} runs backwards; write {last}-{first}")
        if last > HIGHEST:
            raise _fault(setting, text, item.start(1), f"partition {last} is out of reach (at most {HIGHEST})")
        found.update(range(first, last + 1))
        at = item.end()
        if at == len(text):
            return tuple(sorted(found))
        if text[at] != ",":
            raise _fault(setting, text, at, 'a "," or the end is expected')
        at += 1


def choose(wanted: tuple[int, ...] | None, existing: Iterable[int], topic: str, setting: str = FLAG) -> tuple[int, ...]:
    """The partitions to read: `wanted`, or all that exist in `topic`.

    Raises `ConfigError` naming the partitions that `topic` doesn't have.
    """
    there = tuple(sorted(existing))
    if wanted is None:
        return there
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise ConfigError(
            f"{setting}: topic {topic} has {len(there)} partitions ({formatting.partitions(there)}), "
            f"but not {formatting.partitions(missing)}; name only those it has, or all"
        )
    return wanted


def shares(partitions: Sequence[int], workers: int) -> tuple[tuple[int, ...], ...]:
    """`partitions` in min(workers, partitions) contiguous shares; the first ones are the larger ones."""
    count = min(workers, len(partitions))
    if count < 1:
        return ()
    size, larger = divmod(len(partitions), count)
    ends = [(i + 1) * size + min(i + 1, larger) for i in range(count)]
    starts = [0, *ends[:-1]]
    return tuple(tuple(partitions[start:end]) for start, end in zip(starts, ends, strict=True))


def check_workers(topics: Sequence[str], workers: int) -> None:
    """There is a worker for each topic. Raises `ConfigError`."""
    if workers < len(topics):
        raise ConfigError(
            f"--workers {workers}: a worker reads one topic, and there are {len(topics)}: {', '.join(topics)}; ask for "
            f"{len(topics)} workers or more, or choose a topic with --topic"
        )


def assign(topics: Mapping[str, Sequence[int]], workers: int) -> tuple[Assignment, ...]:
    """What each of at most `workers` workers reads, topic by topic: rules 4 and 5.

    Raises `ConfigError` when there are fewer workers than topics.
    """
    check_workers(tuple(topics), workers)
    counts = {topic: min(len(partitions), 1) for topic, partitions in topics.items()}
    for _ in range(workers - len(topics)):
        fuller = [topic for topic, count in counts.items() if count < len(topics[topic])]
        if not fuller:
            break
        counts[max(fuller, key=lambda topic: len(topics[topic]) / counts[topic])] += 1
    return tuple(
        Assignment(topic, share) for topic, partitions in topics.items() for share in shares(partitions, counts[topic])
    )


def _fault(setting: str, text: str, at: int, why: str) -> ConfigError:
    return ConfigError(f'{setting} "{text}": position {at + 1}: {why}; {EXAMPLES}')
