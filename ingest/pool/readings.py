"""What a run reads: its topics with their partitions, and where each stood when it began.

1. What is wrong with the configuration is told before Kafka is asked, and what Kafka does not have before a worker
   exists; each with all that is wrong, over all topics.
2. The end to reach is taken once, so that a restarted worker has the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ingest import config
from ingest.errors import ConfigError
from ingest.overlays import quoted
from ingest.pipeline import cluster
from ingest.pipeline.ack import Watermark
from ingest.pool import partitions as sets

_A = TypeVar("_A")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One topic as the configuration has it; no `partitions` means all. `setting` is where they are said."""

    settings: config.Config
    partitions: tuple[int, ...] | None
    setting: str

    @property
    def topic(self) -> str:
        """Its name in Kafka."""
        return self.settings.kafka.topic


@dataclass(frozen=True, slots=True)
class Reading:
    """One topic as it was found at the start. `marks` are low watermark and end offset, `until` the ends to reach."""

    settings: config.Config
    partitions: tuple[int, ...]
    marks: Mapping[int, tuple[int, int]]
    start: Mapping[int, Watermark | None]
    until: Mapping[int, int] | None

    @property
    def topic(self) -> str:
        """Its name in Kafka."""
        return self.settings.kafka.topic

    def starting_points(self) -> dict[int, int]:
        """Where each partition is known to begin."""
        points = {}
        for partition, (low, end) in self.marks.items():
            committed = self.start[partition]
            fresh = low if self.settings.kafka.start == "earliest" else end
            points[partition] = fresh if committed is None else max(committed.next_offset, low)
        return points

    def until_of(self, partitions: Iterable[int]) -> dict[int, int] | None:
        """The ends of these partitions, if the run has an end."""
        return None if self.until is None else {partition: self.until[partition] for partition in partitions}


def setting_of(settings: config.Config, topic: config.Config) -> str:
    """Where the partitions of `topic`, one of those of `settings`, are said."""
    return f"[topics.{quoted(topic.kafka.topic)}] partitions" if settings.topics else sets.FLAG


def wanted(settings: config.Config) -> list[Wanted]:
    """The topics of `settings`. Raises `ConfigError` with every fault that shows without Kafka."""
    topics = config.topics(settings)

    def of_one(topic: config.Config) -> Wanted:
        setting = setting_of(settings, topic)
        return Wanted(topic, sets.parse(topic.supervisor.partitions, setting), setting)

    faults: list[str] = []
    found = _each(topics, of_one, faults)
    _each([settings], lambda one: sets.check_workers([t.kafka.topic for t in topics], one.supervisor.workers), faults)
    if faults:
        raise ConfigError(faults)
    return found


def find(topics: Iterable[Wanted], *, until_end: bool) -> list[Reading]:
    """Ask Kafka about `topics`; with `until_end` the run ends where they end now.

    Raises `ConfigError` for partitions that are not there, `FatalError` if Kafka can't be reached or refuses.
    """
    faults: list[str] = []
    chosen = _each(
        topics,
        lambda one: (
            one.settings,
            sets.choose(one.partitions, cluster.topic_partitions(one.settings.kafka), one.topic, one.setting),
        ),
        faults,
    )
    if faults:
        raise ConfigError(faults)
    found = []
    for settings, partitions in chosen:
        marks = cluster.watermarks(settings.kafka, partitions)
        start = cluster.committed_progress(settings.kafka, partitions)
        until = {partition: end for partition, (_, end) in marks.items()} if until_end else None
        found.append(Reading(settings, partitions, marks, start, until))
    return found


def _each(items: Iterable[_A], ask: Callable[[_A], _T], faults: list[str]) -> list[_T]:
    """What `ask` says of each of `items`; what it finds wrong goes to `faults`."""
    answers = []
    for item in items:
        try:
            answers.append(ask(item))
        except ConfigError as wrong:
            faults += wrong.faults
    return answers
