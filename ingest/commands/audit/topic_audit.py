"""`ingest audit`: the account's rows, followed to what Kafka says now, and their gaps counted in Kafka.

1. The files are read before Kafka is asked: Kafka can only be ahead of them.
2. What Kafka says now is the last row. So the counters in Kafka are checked like any other row.
3. A gap is counted in Kafka where the log still holds it. No more messages than were counted: the gap holds none.
   More: somebody's messages were never counted, an alarm. Fewer: compaction has removed some since, or it is an alarm.
4. Where the group was moved forward by hand, messages that it passed over are an alarm; moved back, a note.
5. A partition with messages for which the group never committed is an alarm, if the last run was to read all of them.
6. Dead letters are counted on request: each that the newest series counts must still be there.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ingest.accounting.files import AccountFiles, Line
from ingest.accounting.rows import Duplicates, Key, State, hour
from ingest.commands.audit.gaps import KafkaState, StepStatus, verify
from ingest.commands.audit.series import Finding, LocatedState, PartitionHistory, Step, follow, within
from ingest.commands.dead_letters.store import open_store
from ingest.config.load import Config
from ingest.config.sections import Kafka
from ingest.errors import ConfigError, FatalError
from ingest.pipeline.kafka import metadata
from ingest.pipeline.kafka.start_offset import StartPlan
from ingest.pipeline.kafka.topic_guard import explain
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, Counts

ADDS_UP, DOES_NOT_ADD_UP = 0, 1
KAFKA_NOW = "Kafka now"
_KAFKA_RUN = "kafka"


@dataclass(slots=True)
class OffsetTotals:
    """Counted messages over offsets, and the verdict on them. `gap` offsets hold no counted message."""

    first: int
    next_offset: int
    counts: Counts = NOTHING
    gap: int = 0
    verdict: StepStatus = "exact"

    def add(self, step: Step, verdict: StepStatus) -> None:
        """One more step."""
        self.next_offset = step.next_offset
        self.counts = self.counts + step.counts
        self.gap += step.gap
        if verdict == "alarm" or self.verdict == "exact":
            self.verdict = verdict


@dataclass(slots=True)
class PartitionAudit:
    """One partition: its sum (None when the account has no two rows of it), the same by hour, and Kafka's own word."""

    partition: int
    total: OffsetTotals | None
    hours: dict[str, OffsetTotals]
    committed: int | None
    low_offset: int
    end_offset: int
    twice: list[Duplicates]


@dataclass(slots=True)
class TopicAudit:
    """One topic."""

    topic: str
    group: str
    partitions: list[PartitionAudit] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def alarms(self) -> list[Finding]:
        """What does not add up."""
        return [finding for finding in self.findings if finding.level == "alarm"]


def audit(settings: Sequence[Config], *, hours: float | None, dead_letters: bool) -> list[TopicAudit]:
    """Audit each topic of `settings`, all of its account or the last `hours` of it.

    Raises ConfigError when there is no account, FatalError (exit code KAFKA) when Kafka doesn't answer.
    """
    lines = _lines(settings[0])
    since = None if hours is None else time.time() - hours * 3600
    return [_topic(each, lines, since, dead_letters=dead_letters) for each in settings]


def _lines(settings: Config) -> list[Line]:
    directory = settings.account.directory
    if not directory:
        raise ConfigError('[account] directory = "": no account is kept. Name a directory, and let a supervisor run')
    if not Path(directory).is_dir():
        raise ConfigError(
            f"[account] directory = {directory}: there is none here. No supervisor has run yet, or this is not the "
            "directory where it runs"
        )
    try:
        return list(AccountFiles(Path(directory)).lines())
    except OSError as error:
        raise ConfigError(f"[account] directory = {directory}: {error.strerror} ({error.filename})") from None


def _topic(settings: Config, lines: Sequence[Line], since: float | None, *, dead_letters: bool) -> TopicAudit:
    kafka = settings.kafka
    found = TopicAudit(kafka.topic, kafka.group, findings=list(_unreadable(lines)))
    rows: dict[int, list[LocatedState]] = {}
    twice: dict[int, list[Duplicates]] = {}
    for line in lines:
        row = line.content
        if isinstance(row, State | Duplicates) and (row.key.topic, row.key.group) == (kafka.topic, kafka.group):
            if isinstance(row, State):
                rows.setdefault(row.key.partition, []).append(LocatedState(row, line.place))
            elif since is None or row.at.timestamp() >= since:
                twice.setdefault(row.key.partition, []).append(row)
    try:
        existing = metadata.topic_partitions(kafka)
    except FatalError:
        if rows:
            explain(kafka, StartPlan())
        raise
    topic_id = metadata.topic_id(kafka)
    partitions = sorted({*existing, *rows})
    now = KafkaState(metadata.committed_progress(kafka, existing), metadata.watermarks(kafka, existing))
    stories = {
        partition: follow(
            [*within(rows[partition], since), _kafka_now(kafka, partition, now.committed.get(partition), topic_id)]
        )
        for partition in partitions
        if partition in rows
    }
    verdicts, findings = verify(kafka, stories, now)
    wanted = _reads_all(rows.values())
    found.findings += findings
    for partition in partitions:
        mark = now.committed.get(partition)
        low, end = now.bounds.get(partition, (0, -1))
        total, by_hour = _sums(stories.get(partition), verdicts.get(partition, []))
        found.partitions.append(
            PartitionAudit(
                partition=partition,
                total=total,
                hours=by_hour,
                committed=None if mark is None else mark.next_offset,
                low_offset=low,
                end_offset=end,
                twice=twice.get(partition, []),
            )
        )
        found.findings += _of_kafka(partition, mark, (low, end), known=partition in rows, wanted=wanted)
        if partition in stories:
            found.findings += stories[partition].findings
    if dead_letters:
        found.findings += _letters(settings, stories, now)
    return found


def _unreadable(lines: Sequence[Line]) -> Iterable[Finding]:
    for line in lines:
        if isinstance(line.content, str):
            yield Finding("alarm", "changed_row", None, f"{line.place}: {line.content}")
        elif line.content is None:
            text = f"{line.place} is torn, by a kill or a full disk; the rows after it heal it"
            yield Finding("note", "torn_row", None, text)


def _reads_all(rows: Iterable[Sequence[LocatedState]]) -> bool:
    """The last run that started was to read all partitions."""
    starts = [seen.state for each in rows for seen in each if seen.state.kind == "started"]
    return bool(starts) and max(starts, key=lambda state: state.at).reads_all


def _kafka_now(kafka: Kafka, partition: int, mark: Checkpoint | None, topic_id: str) -> LocatedState:
    key = Key(kafka.topic, kafka.group, partition)
    next_offset, counts = (None, NOTHING) if mark is None else (mark.next_offset, mark.counts)
    if mark is not None and mark.topic_id:
        topic_id = mark.topic_id
    state = State("committed", key, datetime.now(UTC), next_offset, counts, _KAFKA_RUN, topic_id=topic_id)
    return LocatedState(state, KAFKA_NOW)


# --- sums and Kafka's own word ------------------------------------------------------------------


def _sums(
    story: PartitionHistory | None, verdicts: Sequence[StepStatus]
) -> tuple[OffsetTotals | None, dict[str, OffsetTotals]]:
    if story is None or (story.base is None and not story.steps):
        return None, {}
    begin = story.steps[0].first if story.steps else (story.base.next_offset or 0 if story.base is not None else 0)
    total = OffsetTotals(begin, begin)
    hours: dict[str, OffsetTotals] = {}
    for step, verdict in zip(story.steps, verdicts, strict=True):
        total.add(step, verdict)
        hours.setdefault(hour(step.after.state.at), OffsetTotals(step.first, step.first)).add(step, verdict)
    if story.findings:
        total.verdict = "alarm"
    return total, hours


def _of_kafka(
    partition: int, mark: Checkpoint | None, bounds: tuple[int, int], *, known: bool, wanted: bool
) -> Iterable[Finding]:
    low, end = bounds
    if mark is None and not known and wanted and low < end:
        yield Finding(
            "alarm",
            "unread",
            partition,
            f"it holds offsets {low} to {end - 1}, and the group has never committed for it: nobody has read them, "
            "though the last run was to read all partitions",
        )
    if mark is not None and end < 0:
        yield Finding("alarm", "partition_gone", partition, "the topic no longer has this partition")
    elif mark is not None and mark.next_offset > end:
        yield Finding(
            "alarm",
            "recreated",
            partition,
            f"the group is at offset {mark.next_offset}, the log ends at {end}: the topic was recreated or truncated",
        )
    if mark is not None and not known:
        yield Finding(
            "note",
            "unknown_here",
            partition,
            f"committed at offset {mark.next_offset}, and there is no account of it here: another supervisor's?",
        )


def _letters(settings: Config, stories: Mapping[int, PartitionHistory], now: KafkaState) -> Iterable[Finding]:
    """Rule 6."""
    store = open_store(settings)
    offsets: dict[int, set[int]] = {}
    try:
        for entry in store.index():
            if entry.origin.topic == settings.kafka.topic:
                offsets.setdefault(entry.origin.partition, set()).add(entry.origin.offset)
    finally:
        store.close()
    for partition, story in stories.items():
        mark, base = now.committed.get(partition), story.base
        if mark is None or base is None or base.next_offset is None:
            continue
        counted = mark.counts.dead_lettered - base.counts.dead_lettered
        there = sum(base.next_offset <= offset < mark.next_offset for offset in offsets.get(partition, ()))
        if there < counted:
            yield Finding(
                "alarm",
                "dead_letters_missing",
                partition,
                f"{counted:,} messages were dead-lettered from offset {base.next_offset} on, and {there:,} of them are "
                f"in {store.place}: the others were removed, or lie elsewhere",
            )
