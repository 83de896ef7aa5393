"""Checks Kafka, one topic at a time. Nothing is written, and no group is joined.

A message is read from every partition that has one, which proves the leaders' addresses and the right to READ. The
rights of the group are only asked, because only a commit would prove them.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingest.accounting.files import AccountStore, recorded_progress
from ingest.commands.check.messages import check_messages
from ingest.commands.check.result import CheckResult, failed, ok, unchecked, warning
from ingest.config import partition_set
from ingest.config.resolve import TopicConfig
from ingest.config.sections import Kafka
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.kafka import advertised, client, consumer, first_contact, metadata, rights
from ingest.pipeline.kafka.end_offsets import partition_ends
from ingest.pipeline.kafka.first_contact import NoContactError
from ingest.pipeline.kafka.peek import first_messages
from ingest.pipeline.kafka.start_offset import choose_starts, resume_after_gap
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import PartitionEnd, TopicShape
from ingest.status import formatting
from ingest.supervisor import partition_sets, plan

_READ_S = 20.0


def check_options(kafka: Kafka) -> CheckResult:
    """Whether librdkafka accepts [kafka.options], and the addresses are some."""
    if wrong := first_contact.setting_faults(kafka):
        return failed("kafka options", "; ".join(wrong), ExitCode.CONFIGURATION)
    try:
        client.consumer(kafka, 1).close()
    except ConfigError as unusable:
        return failed("kafka options", str(unusable), ExitCode.CONFIGURATION)
    if not kafka.options:
        return ok("kafka options", "none: plain text without a login")
    return ok("kafka options", f"librdkafka accepts {formatting.amount(len(kafka.options), 'option')}")


@dataclass(frozen=True, slots=True)
class TopicSeen:
    """What later checks need of a topic: it was `reachable`, and the bytes of a message on average, None if unknown.

    `answered`: Kafka answers, whatever it says about the topic.
    """

    reachable: bool
    answered: bool = True
    message_bytes: int | None = None


def check_topic(settings: TopicConfig, setting: str, files: AccountStore) -> Generator[CheckResult, None, TopicSeen]:
    """Check one topic; checks that depend on a failed one are unchecked.

    `setting` names the setting of its partitions, `files` is the account.
    """
    kafka = settings.kafka
    try:
        existing = plan.existing_partitions(kafka, files)
    except FatalError as refused:
        yield failed("topic", str(refused), refused.exit_code, kafka.topic)
        yield unchecked("read, group and start", "Kafka must be reachable and the topic must exist first", kafka.topic)
        return TopicSeen(reachable=False, answered=not isinstance(refused, NoContactError))
    try:
        chosen = partition_sets.choose(
            partition_set.parse(settings.supervisor.partitions, setting), existing, kafka.topic, setting
        )
    except ConfigError as wrong:
        yield failed("topic", str(wrong), ExitCode.CONFIGURATION, kafka.topic)
        chosen = existing
    else:
        there = formatting.amount(len(existing), "partition")
        text = f"{there} at {kafka.brokers}; to read: {formatting.partitions(chosen)}"
        yield ok("topic", text, kafka.topic)
    yield from _workers(settings, chosen)
    # Before the ends: a running supervisor's commits can't be past them then.
    access = rights.access(kafka)
    committed = {} if access.group else (yield from _committed(kafka, chosen))
    if committed is None:
        return TopicSeen(reachable=False, answered=False)
    bounds: Mapping[int, tuple[int, int]] = {}
    ends: Mapping[int, PartitionEnd] = {}
    try:
        bounds = metadata.watermarks(kafka, chosen)
        ends = partition_ends(kafka, chosen)
    except FatalError as refused:
        yield failed("read", f"{refused}. The partition's leader must be reachable", refused.exit_code, kafka.topic)
    message_bytes: int | None = None
    if access.topic:
        yield failed("read", access.topic, ExitCode.KAFKA, kafka.topic)
    elif bounds:
        readable = _read(kafka, bounds)
        yield readable
        if readable.status == "failed":
            yield unchecked("messages", "the partitions must be readable first", kafka.topic)
        else:
            message_bytes = yield from check_messages(settings, bounds)
    yield from _group(kafka, access, known=bool(committed))
    if ends and committed:
        yield from _starts(
            kafka, TopicShape(metadata.topic_id(kafka), existing), committed, files, bounds=bounds, ends=ends
        )
    return TopicSeen(reachable=True, message_bytes=message_bytes)


def _committed(
    kafka: Kafka, chosen: Sequence[int]
) -> Generator[CheckResult, None, Mapping[int, Checkpoint | None] | None]:
    """The group's commits, empty if Kafka refuses to tell; None if this machine can't reach the brokers."""
    try:
        return metadata.committed_progress(kafka, chosen)
    except FatalError as refused:
        yield failed("group", str(refused), refused.exit_code, kafka.topic)
    if why := advertised.explanation(kafka):
        yield failed("read", why, ExitCode.KAFKA, kafka.topic)
        return None
    return {}


def _workers(settings: TopicConfig, chosen: Sequence[int]) -> Iterator[CheckResult]:
    asked = settings.supervisor.workers
    if asked > len(chosen):
        text = (
            f"{asked} workers are configured, but there are only {formatting.amount(len(chosen), 'partition')} to read"
        )
        yield warning("workers", text, settings.kafka.topic)


def _read(kafka: Kafka, bounds: Mapping[int, tuple[int, int]]) -> CheckResult:
    """Read the first message of each partition."""
    filled = {partition: low for partition, (low, end) in bounds.items() if low < end}
    if not filled:
        return unchecked("read", "the partitions are empty: only a message would prove the right to READ", kafka.topic)
    reader = consumer.PartitionConsumer(kafka, tuple(filled), on_trouble=lambda _: None, on_committed=lambda *_: None)
    try:
        answers = first_messages(reader, filled, _READ_S)
    except FatalError as refused:
        return failed("read", str(refused), refused.exit_code, kafka.topic)
    finally:
        reader.close()
    silent = sorted(set(filled) - set(answers))
    if silent:
        text = f"partitions {formatting.partitions(silent)} sent nothing within {_READ_S:g} s: " + (
            advertised.explanation(kafka) or "check the brokers, and whether these partitions have a leader"
        )
        return failed("read", text, ExitCode.KAFKA, kafka.topic)
    readable = sum(peeked.message is not None for peeked in answers.values())
    if not readable:
        text = "the partitions hold no message that can be read now: only a message would prove the right to READ"
        return unchecked("read", text, kafka.topic)
    return ok("read", f"read one message from each of {formatting.amount(readable, 'partition')}", kafka.topic)


def _group(kafka: Kafka, access: rights.Access, *, known: bool) -> Iterator[CheckResult]:
    if wrong := access.group or access.members:
        yield failed("group", wrong, ExitCode.KAFKA, kafka.topic)
    elif not known:
        return
    elif not access.group_answered:
        text = f"Kafka doesn't tell this user whether group {kafka.group} may commit"
        yield unchecked("group", text, kafka.topic)
    else:
        text = (
            f"the commits of group {kafka.group} can be read, and it has no subscribed members; another supervisor "
            "under this group would not show here"
        )
        yield ok("group", text, kafka.topic)


def _starts(
    kafka: Kafka,
    shape: TopicShape,
    committed: Mapping[int, Checkpoint | None],
    files: AccountStore,
    *,
    bounds: Mapping[int, tuple[int, int]],
    ends: Mapping[int, PartitionEnd],
) -> Iterator[CheckResult]:
    try:
        record, then = recorded_progress(files, kafka, shape, committed)
        begins = choose_starts(kafka, shape, committed, recorded=record, watermarks=bounds, partitions_before=then)
    except ConfigError as unreadable:
        yield failed("start", str(unreadable), ExitCode.CONFIGURATION, kafka.topic)
        return
    except FatalError as halt:
        yield failed("start", str(halt), halt.exit_code, kafka.topic)
        return
    behind, held_back, fresh = 0, 0, len(begins)
    wrong = False
    for partition, found in committed.items():
        mark = begins.get(partition, found)
        offset = bounds[partition][0] if mark is None else mark.next_offset
        try:
            resume_at = resume_after_gap(kafka, partition, offset, (bounds[partition][0], ends[partition].end_offset))
        except FatalError as halt:
            wrong = True
            yield failed("start", str(halt), halt.exit_code, kafka.topic)
            continue
        behind += ends[partition].end_offset - resume_at
        held_back += ends[partition].held_back(resume_at)
        if resume_at > offset:
            text = (
                f"offsets {offset} to {resume_at - 1} of partition {partition} are no longer in the log (retention, or "
                "deleted records): those of their messages that were not settled are lost"
            )
            yield warning("start", text, kafka.topic)
    if not wrong:
        text = f"{formatting.count(behind)} offsets to read{formatting.held_back(held_back, None)}"
        if fresh:
            added = sum(begins[p] is None for p in begins) if kafka.start == "latest" else 0
            text += (
                f"; {formatting.amount(fresh, 'partition')} without a commit, to read from the {kafka.start} message on"
            )
            if added:
                text += f" except {added} that were added since, to read from the first message"
        yield ok("start", text, kafka.topic)
