"""What a run reads: its topics with their partitions, and where each stood when it began.

1. What is wrong with the configuration is told before Kafka is asked, and what Kafka does not have before a worker
   exists; each with all that is wrong, over all topics.
2. The end to reach is taken once, so that a restarted worker has the same.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ingest.accounting.files import AccountStore, knows_topic, recorded_progress
from ingest.config.resolve import TopicConfig
from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.errors import ConfigError, FatalError
from ingest.pipeline.kafka import metadata
from ingest.pipeline.kafka.start_offset import ResumeFrom, StartPlan, choose_starts
from ingest.pipeline.kafka.topic_guard import explain_refusal
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import TopicShape
from ingest.supervisor import partitions as sets

_A = TypeVar("_A")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One topic as the configuration has it; no `partitions` means all. `setting` is where they are said."""

    settings: TopicConfig
    partitions: tuple[int, ...] | None
    setting: str

    @property
    def topic(self) -> str:
        """Its name in Kafka."""
        return self.settings.kafka.topic


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it was found at the start, or has become since.

    `marks` are low watermark and end offset, `start` is what was committed, `until` the ends to reach. `existing` is
    how many partitions the topic has. `named_by` is the setting that names the partitions, so that no others are to be
    read; "" where all are. `resumed` are the partitions that go on where somebody has chosen, without a commit.
    """

    settings: TopicConfig
    partitions: tuple[int, ...]
    marks: Mapping[int, tuple[int, int]]
    start: Mapping[int, Checkpoint | None]
    until: Mapping[int, int] | None
    plan: StartPlan
    existing: int = 0
    named_by: str = ""
    resumed: tuple[int, ...] = ()

    @property
    def topic(self) -> str:
        """Its name in Kafka."""
        return self.settings.kafka.topic

    def starting_points(self) -> dict[int, int]:
        """Where each partition is known to begin."""
        points = {}
        for partition, (low, _) in self.marks.items():
            mark = self.plan.chosen_starts.get(partition, self.start[partition])
            points[partition] = low if mark is None else max(mark.next_offset, low)
        return points

    def plan_of(self, partitions: Iterable[int], confirmed: Mapping[int, int]) -> StartPlan:
        """The plan for a worker of these partitions, of which Kafka has `confirmed` commits in this run."""
        known = {**self.plan.known_offsets, **{p: confirmed[p] for p in partitions if p in confirmed}}
        return replace(self.plan, known_offsets=known)

    def confirmed(self, confirmed: Mapping[int, int]) -> int:
        """How many partitions, from 0 on, have a commit; 0 where not all are read: then nobody can tell what is new."""
        if self.named_by:
            return 0
        known = {*self.plan.known_offsets, *confirmed}
        return next(partition for partition in itertools.count() if partition not in known)

    def grown(self, partitions: Iterable[int], shape: TopicShape) -> "TopicPlan":
        """With partitions that were added to the topic, each to be read from its first message."""
        added = dict.fromkeys(partitions)
        return replace(
            self,
            partitions=tuple(sorted({*self.partitions, *added})),
            marks={**self.marks, **dict.fromkeys(added, (0, 0))},
            start={**self.start, **added},
            plan=replace(self.plan, chosen_starts={**self.plan.chosen_starts, **added}),
            existing=len(shape.partitions),
        )

    def until_of(self, partitions: Iterable[int]) -> dict[int, int] | None:
        """The ends of these partitions, if the run has an end."""
        return None if self.until is None else {partition: self.until[partition] for partition in partitions}


def setting_of(topic: TopicConfig) -> str:
    """The setting that names the partitions of `topic`."""
    return f"{topic.section} partitions" if topic.section else sets.FLAG


def wanted(settings: Config) -> list[Wanted]:
    """The topics of `settings`. Raises `ConfigError` with every fault that shows without Kafka."""

    def of_one(topic: TopicConfig) -> Wanted:
        setting = setting_of(topic)
        return Wanted(topic, sets.parse(topic.supervisor.partitions, setting), setting)

    faults: list[str] = []
    found = _each(settings.topics, of_one, faults)
    names = [topic.kafka.topic for topic in settings.topics]
    _each([settings], lambda one: sets.check_workers(names, one.supervisor.workers), faults)
    if faults:
        raise ConfigError(faults)
    return found


def find(
    topics: Iterable[Wanted], files: AccountStore, *, until_end: bool, resume_from: ResumeFrom | None = None
) -> list[TopicPlan]:
    """Ask Kafka about `topics`; with `until_end` the run ends where they end now.

    Raises `ConfigError` for partitions that are not there, `FatalError` if Kafka can't be reached or refuses, or has
    forgotten what the account in `files` knows: then `resume_from` chooses where to go on.
    """
    faults: list[str] = []
    wanted = list(topics)
    there = [existing(one.settings.kafka, files) for one in wanted]
    chosen = _each(
        zip(wanted, there, strict=True),
        lambda one: (*one, sets.choose(one[0].partitions, one[1], one[0].topic, one[0].setting)),
        faults,
    )
    if faults:
        raise ConfigError(faults)
    retention_s = metadata.offsets_retention_s(wanted[0].settings.kafka)
    found = []
    for one, existing_partitions, partitions in chosen:
        kafka = one.settings.kafka
        shape = TopicShape(metadata.topic_id(kafka), existing_partitions)
        marks = metadata.watermarks(kafka, partitions)
        committed = metadata.committed_progress(kafka, partitions)
        record, then = recorded_progress(files, kafka, shape, committed)
        begins = choose_starts(
            kafka,
            shape,
            committed,
            recorded=record,
            watermarks=marks,
            partitions_before=then,
            resume_from=resume_from,
        )
        resumed = tuple(begins) if resume_from is not None else ()
        resumed_marks = record if resume_from == "account" else {}
        plan = StartPlan(
            topic_id=shape.topic_id,
            chosen_starts=begins,
            known_offsets={
                p: mark.next_offset for p, mark in committed.items() if mark is not None and p not in begins
            },
            retention_s=retention_s,
        )
        reading = TopicPlan(
            settings=one.settings,
            partitions=partitions,
            marks=marks,
            start={p: resumed_marks.get(p) if p in begins else mark for p, mark in committed.items()},
            until={partition: end for partition, (_, end) in marks.items()} if until_end else None,
            plan=plan,
            existing=len(existing_partitions),
            named_by="" if one.partitions is None else one.setting,
            resumed=resumed,
        )
        found.append(replace(reading, plan=replace(plan, topic_partitions=reading.confirmed({}))))
    return found


def existing(kafka: Kafka, files: AccountStore) -> tuple[int, ...]:
    """The partitions of the topic.

    Raises FatalError: exit code KAFKA when Kafka can't be reached or has no such topic, EXPIRED when the account in
    `files` knows that it once had it.
    """
    try:
        return metadata.topic_partitions(kafka)
    except FatalError:
        if knows_topic(files, kafka.topic, kafka.group):
            explain_refusal(kafka, StartPlan())
        raise


def _each(items: Iterable[_A], ask: Callable[[_A], _T], faults: list[str]) -> list[_T]:
    """What `ask` says of each of `items`; what it finds wrong goes to `faults`."""
    answers = []
    for item in items:
        try:
            answers.append(ask(item))
        except ConfigError as wrong:
            faults += wrong.faults
    return answers
