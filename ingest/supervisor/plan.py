"""What a run reads: its topics with their partitions, and the offsets where each begins and ends.

1. All faults of the configuration are reported before Kafka is asked, and all partitions that Kafka does not have
   before a worker exists; each time over all topics.
2. The end offsets of a run that has an end are read once, so that a restarted worker has the same ones. They are the
   high watermarks: messages behind a transaction that is open now belong to the run, which waits for its end.
3. A backfill begins and ends at the offsets of its times. A commit of its group wins over the begin, so that it goes on
   where it was. It reads no partition that is added later.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ingest.accounting.files import AccountStore, knows_topic, recorded_progress
from ingest.config import partition_set
from ingest.config.resolve import TopicConfig
from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.errors import ConfigError
from ingest.pipeline.kafka import first_contact, metadata, rights
from ingest.pipeline.kafka.end_offsets import partition_ends
from ingest.pipeline.kafka.first_contact import COMMAND_PATIENCE_S, RUN_PATIENCE_S, UnknownTopicError
from ingest.pipeline.kafka.start_offset import ResumeFrom, StartPlan, choose_starts
from ingest.pipeline.kafka.time_range import OffsetRange, check_group, offset_ranges
from ingest.pipeline.kafka.topic_guard import explain_refusal
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import PartitionEnd, TopicShape
from ingest.supervisor import partition_sets
from ingest.time_range import TimeRange

_A = TypeVar("_A")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ConfiguredTopic:
    """One topic and its partitions as they are configured; None means all. `setting` is where they are configured."""

    settings: TopicConfig
    partitions: tuple[int, ...] | None
    setting: str

    @property
    def topic(self) -> str:
        """Its name in Kafka."""
        return self.settings.kafka.topic


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic of a run, as it was found at the start or has become since.

    `watermarks` are low watermark and last stable offset, `ends` where the partitions ended, `committed` is what was
    committed at the start, `end_offsets` are where the run ends, if it has an end; each by partition. `existing` is how
    many partitions the topic has. `named_by` is the setting that names the partitions, so that no others are read; ""
    if all are read. `resumed` are the partitions without a usable commit, for which somebody has chosen where to go on.
    `ranges` are the offsets of a backfill, by partition.
    """

    settings: TopicConfig
    partitions: tuple[int, ...]
    watermarks: Mapping[int, tuple[int, int]]
    committed: Mapping[int, Checkpoint | None]
    end_offsets: Mapping[int, int] | None
    start_plan: StartPlan
    existing: int = 0
    named_by: str = ""
    resumed: tuple[int, ...] = ()
    ends: Mapping[int, PartitionEnd] = field(default_factory=dict)
    ranges: Mapping[int, OffsetRange] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        """Its name in Kafka."""
        return self.settings.kafka.topic

    def start_offsets(self) -> dict[int, int]:
        """Where reading begins, by partition."""
        offsets = {}
        for partition, (low, _) in self.watermarks.items():
            mark = self.start_plan.chosen_starts.get(partition, self.committed[partition])
            offsets[partition] = low if mark is None else max(mark.next_offset, low)
        return offsets

    def start_plan_of(self, partitions: Iterable[int], confirmed: Mapping[int, int]) -> StartPlan:
        """The plan for a worker of these partitions; `confirmed` are the next offsets committed in this run."""
        known = {**self.start_plan.known_offsets, **{p: confirmed[p] for p in partitions if p in confirmed}}
        return replace(self.start_plan, known_offsets=known)

    def confirmed_partitions(self, confirmed: Mapping[int, int]) -> int:
        """How many partitions, from 0 on, have a commit.

        0 if not all partitions are read: then nobody can tell which ones are new.
        """
        if self.named_by:
            return 0
        known = {*self.start_plan.known_offsets, *confirmed}
        return next(partition for partition in itertools.count() if partition not in known)

    def with_added(self, partitions: Iterable[int], shape: TopicShape) -> "TopicPlan":
        """With partitions that were added to the topic, each to be read from its first message."""
        added = dict.fromkeys(partitions)
        return replace(
            self,
            partitions=tuple(sorted({*self.partitions, *added})),
            watermarks={**self.watermarks, **dict.fromkeys(added, (0, 0))},
            committed={**self.committed, **added},
            start_plan=replace(self.start_plan, chosen_starts={**self.start_plan.chosen_starts, **added}),
            existing=len(shape.partitions),
        )

    def end_offsets_of(self, partitions: Iterable[int]) -> dict[int, int] | None:
        """The end offsets of these partitions, if the run has an end."""
        ends = self.end_offsets
        return None if ends is None else {partition: ends[partition] for partition in partitions}


def setting_of(topic: TopicConfig) -> str:
    """The setting that names the partitions of `topic`."""
    return f"{topic.section} partitions" if topic.section else partition_sets.SETTING


def configured_topics(settings: Config) -> list[ConfiguredTopic]:
    """The topics of `settings`. Raises `ConfigError` with every fault that shows without Kafka."""

    def of_one(topic: TopicConfig) -> ConfiguredTopic:
        setting = setting_of(topic)
        return ConfiguredTopic(topic, partition_set.parse(topic.supervisor.partitions, setting), setting)

    def check_workers(one: Config) -> None:
        partition_sets.check_workers([topic.kafka.topic for topic in settings.topics], one.supervisor.workers)

    faults: list[str] = []
    found = _each(settings.topics, of_one, faults)
    _each([settings], check_workers, faults)
    if faults:
        raise ConfigError(faults)
    return found


def plan_topics(
    configured: Iterable[ConfiguredTopic],
    account: AccountStore,
    *,
    until_end: bool,
    resume_from: ResumeFrom | None = None,
    span: TimeRange | None = None,
    on_trouble: Callable[[str], None] = lambda _: None,
) -> list[TopicPlan]:
    """Ask Kafka about the topics; with `until_end` the run ends at their end offsets of now, with `span` where it ends.

    `on_trouble` gets what is wrong with the connection and may pass.

    Raises `ConfigError` for partitions that do not exist, `FatalError` if Kafka can't be reached or refuses, or no
    longer has the offsets that the account has: then `resume_from` chooses where to go on.
    """
    faults: list[str] = []
    configured = list(configured)
    existing = [
        existing_partitions(one.settings.kafka, account, patience_s=RUN_PATIENCE_S, on_trouble=on_trouble)
        for one in configured
    ]
    chosen = _each(
        zip(configured, existing, strict=True),
        lambda one: (*one, partition_sets.choose(one[0].partitions, one[1], one[0].topic, one[0].setting)),
        faults,
    )
    if faults:
        raise ConfigError(faults)
    offsets = metadata.offset_settings(configured[0].settings.kafka)
    found = []
    for one, all_partitions, partitions in chosen:
        kafka = one.settings.kafka
        rights.access(kafka).check()
        shape = TopicShape(metadata.topic_id(kafka), all_partitions)
        committed = metadata.committed_progress(kafka, partitions)  # before the ends: they can't be behind it
        watermarks = metadata.watermarks(kafka, partitions)
        ends = partition_ends(kafka, partitions)
        recorded, then = recorded_progress(account, kafka, shape, committed)
        begins = choose_starts(
            kafka,
            shape,
            committed,
            recorded=recorded,
            watermarks=watermarks,
            partitions_before=then,
            resume_from=resume_from,
        )
        resumed = tuple(begins) if resume_from is not None else ()
        ranges: Mapping[int, OffsetRange] = {}
        if span is not None:
            lows = {partition: low for partition, (low, _) in watermarks.items()}
            ranges = offset_ranges(kafka, span, lows, ends)
            check_group(kafka, span, ranges, {p: mark for p, mark in committed.items() if p not in begins}, lows)
            in_account = {} if resume_from != "account" else begins
            begins = {p: in_account.get(p) or Checkpoint(ranges[p].first) for p in begins}
        end_offsets = {p: ranges[p].next_offset if ranges else end.end_offset for p, end in ends.items()}
        resumed_marks = recorded if resume_from == "account" else {}
        start_plan = StartPlan(
            topic_id=shape.topic_id,
            chosen_starts=begins,
            known_offsets={
                p: mark.next_offset for p, mark in committed.items() if mark is not None and p not in begins
            },
            retention_s=offsets.retention_s,
            metadata_bytes=offsets.usable_metadata_bytes,
        )
        plan = TopicPlan(
            settings=one.settings,
            partitions=partitions,
            watermarks=watermarks,
            committed={p: resumed_marks.get(p) if p in begins else mark for p, mark in committed.items()},
            end_offsets=end_offsets if until_end or ranges else None,
            start_plan=start_plan,
            existing=len(all_partitions),
            named_by=_named_by(one, span),
            resumed=resumed,
            ends=ends,
            ranges=ranges,
        )
        found.append(
            replace(plan, start_plan=replace(start_plan, topic_partitions=plan.confirmed_partitions(confirmed={})))
        )
    return found


def _named_by(configured: ConfiguredTopic, span: TimeRange | None) -> str:
    if configured.partitions is not None:
        return configured.setting
    return "" if span is None else "--from and --until"


def existing_partitions(
    kafka: Kafka,
    account: AccountStore,
    *,
    patience_s: float = COMMAND_PATIENCE_S,
    on_trouble: Callable[[str], None] = lambda _: None,
) -> tuple[int, ...]:
    """The partitions of the topic, with the arguments of `first_contact.topic_partitions`.

    Raises FatalError: exit code KAFKA when Kafka can't be reached or has no such topic, EXPIRED when the account has
    commits of the topic.
    """
    try:
        return first_contact.topic_partitions(kafka, patience_s=patience_s, on_trouble=on_trouble)
    except UnknownTopicError:
        if knows_topic(account, kafka.topic, kafka.group):
            explain_refusal(kafka, StartPlan())
        raise


def _each(items: Iterable[_A], function: Callable[[_A], _T], faults: list[str]) -> list[_T]:
    """What `function` returns for each of `items`; the faults that it raises are added to `faults`."""
    results = []
    for item in items:
        try:
            results.append(function(item))
        except ConfigError as wrong:
            faults += wrong.faults
    return results
