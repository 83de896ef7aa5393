"""What only Kafka can tell of the account: whether the gaps between its rows hold messages that nobody counted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.commands.audit.count import Range, count_messages
from ingest.commands.audit.series import Finding, PartitionHistory, Step
from ingest.config.sections import Kafka
from ingest.pipeline.kafka.producer import cleanup_policy
from ingest.pipeline.offsets.checkpoint import Checkpoint

# `gone`: the log no longer holds what would tell.
StepStatus = Literal["exact", "gone", "alarm"]

_Counted = Mapping[tuple[int, Range], int]


@dataclass(frozen=True, slots=True)
class KafkaState:
    """What Kafka says of one topic now: commits, and (low watermark, end offset), by partition."""

    committed: Mapping[int, Checkpoint | None]
    bounds: Mapping[int, tuple[int, int]]


def verify(
    kafka: Kafka, stories: Mapping[int, PartitionHistory], now: KafkaState
) -> tuple[dict[int, list[StepStatus]], list[Finding]]:
    """A verdict on each step of each partition's story, and what is to be known of gaps and moves.

    Raises FatalError (exit code KAFKA) when Kafka does not answer.
    """
    asked: dict[int, list[Range]] = {}
    for partition, story in stories.items():
        ranges = [(step.first, step.next_offset) for step in story.steps if step.gap]
        ranges += [skipped for move in story.moves if (skipped := move.skipped) is not None]
        low, end = now.bounds.get(partition, (0, -1))
        # After a move back the same offsets are told twice: each range is counted by itself, overlaps one by one.
        asked[partition] = [each for each in dict.fromkeys(ranges) if low <= each[0] and each[1] <= end]
    counted = _count_all(kafka, asked)
    compacted: list[str] = []  # asked for once, and only where it matters

    def removes() -> bool:
        if not compacted:
            compacted.append(cleanup_policy(kafka, kafka.topic))
        return compacted[0] == "" or "compact" in compacted[0]

    verdicts: dict[int, list[StepStatus]] = {}
    findings: list[Finding] = []
    for partition, story in stories.items():
        verdicts[partition] = []
        for step in story.steps:
            messages = step.counts.total if not step.gap else counted.get((partition, (step.first, step.next_offset)))
            wrong = None if messages is None else _wrong(step, messages, removes)
            verdicts[partition].append("alarm" if wrong is not None else "gone" if messages is None else "exact")
            if wrong is not None:
                findings.append(Finding("alarm", wrong[0], partition, wrong[1]))
        findings += _moved(partition, story, counted)
    return verdicts, findings


def _wrong(step: Step, messages: int, removes: Callable[[], bool]) -> tuple[str, str] | None:
    where = f"offsets {step.first} to {step.next_offset - 1} ({step.before.place} to {step.after.place})"
    if messages > step.counts.total:
        return "uncounted", (
            f"{where}: Kafka holds {messages:,} messages, {step.counts.total:,} were counted: "
            f"{messages - step.counts.total:,} are in no sum"
        )
    if messages < step.counts.total and not removes():
        return "counted_twice", (
            f"{where}: {step.counts.total:,} messages were counted, Kafka holds {messages:,}, and its topic is not "
            "compacted"
        )
    return None


def _moved(partition: int, story: PartitionHistory, counted: _Counted) -> Iterable[Finding]:
    for move in story.moves:
        if move.recreated:
            yield Finding(
                "alarm",
                "recreated",
                partition,
                f"the topic was deleted and created again after offset {move.before} ({move.place}): what was not read "
                "of the former one is gone",
            )
            continue
        if move.after is None:
            yield Finding(
                "alarm",
                "commit_gone",
                partition,
                f"the group's commit at offset {move.before} is gone ({move.place}): it was deleted, or has expired "
                "(offsets.retention.minutes)",
            )
            continue
        if move.skipped is None:
            yield Finding(
                "note",
                "moved_back",
                partition,
                f"somebody moved the group from offset {move.before} to {move.after} ({move.place}): what lies between "
                "is delivered again, and counting begins anew",
            )
            continue
        messages = counted.get((partition, move.skipped))
        text = f"somebody moved the group from offset {move.before} to {move.after} ({move.place}), without our counts"
        if messages == 0:
            yield Finding("note", "moved", partition, f"{text}: no message lies between")
        else:
            how_many = "messages" if messages is None else f"{messages:,} messages"
            yield Finding("alarm", "skipped", partition, f"{text}: {how_many} between them are in no sum")


def _count_all(kafka: Kafka, asked: Mapping[int, Sequence[Range]]) -> dict[tuple[int, Range], int]:
    """Count ranges that may overlap: in as many readings as it takes."""
    counted: dict[tuple[int, Range], int] = {}
    left = {partition: sorted(ranges) for partition, ranges in asked.items()}
    while any(left.values()):
        now: dict[int, list[Range]] = {}
        later: dict[int, list[Range]] = {}
        for partition, ranges in left.items():
            for each in ranges:
                mine = now.setdefault(partition, [])
                (mine if not mine or mine[-1][1] <= each[0] else later.setdefault(partition, [])).append(each)
        counted |= count_messages(kafka, now)
        left = later
    return counted
