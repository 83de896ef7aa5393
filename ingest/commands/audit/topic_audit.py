"""Audits topics: follows the account's rows up to Kafka's present state, and counts their gaps in Kafka.

Rules
1. The files are read before Kafka is asked, so Kafka can only be ahead of them.
2. Kafka's present state is the last row. So the counts in Kafka's commits are checked like any other row.
3. A gap is counted in Kafka if the log still holds it. As many messages as were counted: the gap holds none. More
   messages: some were never counted, an alarm. Fewer: compaction has removed some since, otherwise it is an alarm.
4. If the group was moved forward by another tool, messages that were passed over are an alarm; moving back is a note,
   and so is every move with `ingest offsets set`, which the account has.
5. A partition that holds messages but has no commit is an alarm, if the last run was to read all partitions.
6. Dead letters are counted on request: each one that the newest series counts must still be stored.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ingest.accounting.files import AccountFiles, Line
from ingest.accounting.rows import CommittedState, PartitionKey, PossibleDuplicates, hour
from ingest.commands.audit.gaps import KafkaState, StepStatus, verify
from ingest.commands.audit.series import Finding, LocatedState, PartitionHistory, Step, follow, within
from ingest.commands.dead_letters.store import open_store
from ingest.config.resolve import TopicConfig
from ingest.config.sections import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka import first_contact, metadata, rights
from ingest.pipeline.kafka.end_offsets import partition_ends
from ingest.pipeline.kafka.first_contact import UnknownTopicError
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.pipeline.kafka.topic_guard import explain_refusal
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, Counts

ADDS_UP, DOES_NOT_ADD_UP = 0, 1
KAFKA_NOW = "Kafka now"
_KAFKA_RUN = "kafka"


@dataclass(slots=True)
class OffsetTotals:
    """The messages counted in a range of offsets. `gap` of these offsets hold no counted message."""

    first_offset: int
    next_offset: int
    counts: Counts = NOTHING
    gap: int = 0
    status: StepStatus = "exact"

    def add(self, step: Step, status: StepStatus) -> None:
        """Add one step."""
        self.next_offset = step.next_offset
        self.counts = self.counts + step.counts
        self.gap += step.gap
        if status == "mismatch" or self.status == "exact":
            self.status = status


@dataclass(slots=True)
class PartitionAudit:
    """One partition: totals (None if the account has no two rows of it), totals by hour, and Kafka's offsets.

    `end_offset` is the high watermark, `stable_offset` the last stable offset; both are -1 if the partition is gone.
    """

    partition: int
    total: OffsetTotals | None
    hours: dict[str, OffsetTotals]
    committed_next_offset: int | None
    low_offset: int
    end_offset: int
    stable_offset: int
    possible_duplicates: list[PossibleDuplicates]


@dataclass(frozen=True, slots=True)
class StoredDeadLetters:
    """How many dead letters the account counts, and how many of them `store` still holds.

    `unchecked` are the partitions whose count can't be compared: the account does not have where it begins.
    """

    store: str
    counted: int
    stored: int
    unchecked: tuple[int, ...] = ()


@dataclass(slots=True)
class TopicAudit:
    """One topic. `dead_letters` is None if they were not asked for."""

    topic: str
    group: str
    partitions: list[PartitionAudit] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    dead_letters: StoredDeadLetters | None = None

    @property
    def alarms(self) -> list[Finding]:
        """The findings that do not add up."""
        return [finding for finding in self.findings if finding.level == "alarm"]

    @property
    def unverified(self) -> list[int]:
        """The partitions without an account, or with gaps that the log no longer shows, though messages were there."""
        return [
            found.partition
            for found in self.partitions
            if (found.total is None and found.committed_next_offset is not None)
            or (found.total is not None and found.total.status == "unverifiable")
        ]


def audit(settings: Sequence[TopicConfig], *, hours: float | None, dead_letters: bool) -> list[TopicAudit]:
    """Audit each topic of `settings`, all of its account or the last `hours` of it.

    Raises ConfigError when there is no account, FatalError (exit code KAFKA) when Kafka doesn't answer.
    """
    lines = _lines(settings[0])
    since = None if hours is None else time.time() - hours * 3600
    return [_topic(each, lines, since, dead_letters=dead_letters) for each in settings]


def _lines(settings: TopicConfig) -> list[Line]:
    directory = settings.account.directory
    if not directory:
        raise ConfigError('[account] directory = "": no account is kept. Set a directory and run the supervisor')
    if not Path(directory).is_dir():
        raise ConfigError(
            f"[account] directory = {directory} does not exist. No supervisor has run yet, or it runs in another "
            "directory"
        )
    try:
        return list(AccountFiles(Path(directory)).lines())
    except OSError as error:
        raise ConfigError(f"[account] directory = {directory}: {error.strerror} ({error.filename})") from None


def _topic(settings: TopicConfig, lines: Sequence[Line], since: float | None, *, dead_letters: bool) -> TopicAudit:
    kafka = settings.kafka
    found = TopicAudit(kafka.topic, kafka.group, findings=list(_unreadable(lines)))
    rows: dict[int, list[LocatedState]] = {}
    duplicates: dict[int, list[PossibleDuplicates]] = {}
    for line in lines:
        row = line.content
        if isinstance(row, CommittedState | PossibleDuplicates) and (row.key.topic, row.key.group) == (
            kafka.topic,
            kafka.group,
        ):
            if isinstance(row, CommittedState):
                rows.setdefault(row.key.partition, []).append(LocatedState(row, line.place))
            elif since is None or row.at.timestamp() >= since:
                duplicates.setdefault(row.key.partition, []).append(row)
    try:
        existing = first_contact.topic_partitions(kafka)
    except UnknownTopicError:
        if rows:
            explain_refusal(kafka, StartPlan())
        raise
    topic_id = metadata.topic_id(kafka)
    partitions = sorted({*existing, *rows})
    rights.may_ask_group(kafka)
    committed = metadata.committed_progress(kafka, existing)  # before the ends, so that it can't be past them
    bounds, ends = metadata.watermarks(kafka, existing), partition_ends(kafka, existing)
    now = KafkaState(committed, {p: (low, ends[p].end_offset) for p, (low, _) in bounds.items()})
    histories = {
        partition: follow(
            [*within(rows[partition], since), _kafka_now(kafka, partition, now.committed.get(partition), topic_id)]
        )
        for partition in partitions
        if partition in rows
    }
    statuses, findings = verify(kafka, histories, now)
    reads_all = _reads_all(rows.values())
    found.findings += findings
    for partition in partitions:
        mark = now.committed.get(partition)
        low, end = now.bounds.get(partition, (0, -1))
        total, by_hour = _totals(histories.get(partition), statuses.get(partition, []))
        found.partitions.append(
            PartitionAudit(
                partition=partition,
                total=total,
                hours=by_hour,
                committed_next_offset=None if mark is None else mark.next_offset,
                low_offset=low,
                end_offset=end,
                stable_offset=ends[partition].stable_offset if partition in ends else -1,
                possible_duplicates=duplicates.get(partition, []),
            )
        )
        found.findings += _of_kafka(partition, mark, (low, end), known=partition in rows, reads_all=reads_all)
        if partition in histories:
            found.findings += histories[partition].findings
    if dead_letters:
        found.dead_letters, missing = _stored_dead_letters(settings, histories, now)
        found.findings += missing
    return found


def _unreadable(lines: Sequence[Line]) -> Iterable[Finding]:
    for line in lines:
        if isinstance(line.content, str):
            yield Finding("alarm", "changed_row", None, f"{line.place}: {line.content}")
        elif line.content is None:
            text = f"{line.place} is incomplete after a kill or a full disk; its counts are included in the next row"
            yield Finding("note", "torn_row", None, text)


def _reads_all(rows: Iterable[Sequence[LocatedState]]) -> bool:
    """Whether the last run that started was to read all partitions."""
    starts = [row.state for each in rows for row in each if row.state.kind == "started"]
    return bool(starts) and max(starts, key=lambda state: state.at).reads_all


def _kafka_now(kafka: Kafka, partition: int, mark: Checkpoint | None, topic_id: str) -> LocatedState:
    key = PartitionKey(kafka.topic, kafka.group, partition)
    next_offset, counts = (None, NOTHING) if mark is None else (mark.next_offset, mark.counts)
    if mark is not None and mark.topic_id:
        topic_id = mark.topic_id
    state = CommittedState("committed", key, datetime.now(UTC), next_offset, counts, _KAFKA_RUN, topic_id=topic_id)
    return LocatedState(state, KAFKA_NOW)


# --- totals and Kafka's offsets -----------------------------------------------------------------


def _totals(
    history: PartitionHistory | None, statuses: Sequence[StepStatus]
) -> tuple[OffsetTotals | None, dict[str, OffsetTotals]]:
    if history is None or (history.base is None and not history.steps):
        return None, {}
    begin = 0
    if history.steps:
        begin = history.steps[0].first_offset
    elif history.base is not None:
        begin = history.base.next_offset or 0
    total = OffsetTotals(begin, begin)
    hours: dict[str, OffsetTotals] = {}
    for step, status in zip(history.steps, statuses, strict=True):
        total.add(step, status)
        hours.setdefault(hour(step.after.state.at), OffsetTotals(step.first_offset, step.first_offset)).add(
            step, status
        )
    if history.findings:
        total.status = "mismatch"
    return total, hours


def _of_kafka(
    partition: int, mark: Checkpoint | None, bounds: tuple[int, int], *, known: bool, reads_all: bool
) -> Iterable[Finding]:
    low, end = bounds
    if mark is None and not known and reads_all and low < end:
        yield Finding(
            "alarm",
            "unread",
            partition,
            f"it holds offsets {low} to {end - 1}, but the group never committed an offset for it: they were not read, "
            "although the last run was to read all partitions",
        )
    if mark is not None and end < 0:
        yield Finding("alarm", "partition_gone", partition, "the topic no longer has this partition")
    elif mark is not None and mark.next_offset > end:
        yield Finding(
            "alarm",
            "recreated",
            partition,
            f"the committed offset is {mark.next_offset}, but the log ends at {end}: topic recreated or truncated",
        )
    if mark is not None and not known:
        yield Finding(
            "note",
            "unknown_here",
            partition,
            f"offset {mark.next_offset} is committed, but this account has no row of it: is it another supervisor's?",
        )


def _stored_dead_letters(
    settings: TopicConfig, histories: Mapping[int, PartitionHistory], now: KafkaState
) -> tuple[StoredDeadLetters, list[Finding]]:
    """Rule 6."""
    store = open_store(settings.dead_letters, settings.kafka)
    offsets: dict[int, set[int]] = {}
    try:
        for entry in store.index():
            if entry.origin.topic == settings.kafka.topic:
                offsets.setdefault(entry.origin.partition, set()).add(entry.origin.offset)
    finally:
        store.close()
    all_counted = all_stored = 0
    unchecked, findings = [], []
    for partition, history in histories.items():
        mark, base = now.committed.get(partition), history.base
        if mark is None or base is None or base.next_offset is None:
            unchecked.append(partition)
            continue
        counted = mark.counts.dead_lettered - base.counts.dead_lettered
        stored = sum(base.next_offset <= offset < mark.next_offset for offset in offsets.get(partition, ()))
        all_counted += counted
        all_stored += stored
        if stored < counted:
            text = (
                f"{counted:,} messages were dead-lettered from offset {base.next_offset} on, only {stored:,} of them "
                f"are in {store.name}: the others were removed, or are stored elsewhere"
            )
            findings.append(Finding("alarm", "dead_letters_missing", partition, text))
    return StoredDeadLetters(store.name, all_counted, all_stored, tuple(unchecked)), findings
