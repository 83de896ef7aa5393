"""Sets of partitions, and which worker reads which of them.

1. A set is written `0-31`, `0,3,5-7` or `all`; a partition that is named twice counts once.
2. An error names the text that can't be read and its position; nothing is guessed.
3. Every named partition must exist in the topic; an error names the missing ones.
4. Workers get contiguous shares whose sizes differ by at most one. There are never more shares than partitions, so
   every worker has at least one.
5. A worker reads one topic. Each topic has at least one worker, and each further worker goes to the topic with the most
   partitions per worker, so that the largest share is as small as possible.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.errors import ConfigError
from ingest.status import formatting

ALL = "all"
FLAG = "--partitions"
EXAMPLES = 'write "0-31", "0,3,5-7" or "all"'
# More than any cluster has; a typing error must not fill the memory.
HIGHEST = 1_000_000

_ITEM = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


class Assignment(NamedTuple):
    """The partitions that one worker reads."""

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


def choose(named: tuple[int, ...] | None, existing: Iterable[int], topic: str, setting: str = FLAG) -> tuple[int, ...]:
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
    """The assignments of at most `workers` workers, topic by topic: rules 4 and 5.

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


def _fault(setting: str, text: str, at: int, reason: str) -> ConfigError:
    return ConfigError(f'{setting} "{text}": position {at + 1}: {reason}; {EXAMPLES}')
