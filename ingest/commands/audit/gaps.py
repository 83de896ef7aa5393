"""Verifies the account's gaps in Kafka: do they hold messages that nobody counted?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.commands.audit.count import Range, count_messages
from ingest.commands.audit.series import Finding, PartitionHistory, Step
from ingest.config.sections import Kafka
from ingest.pipeline.kafka.metadata import cleanup_policy
from ingest.pipeline.offsets.checkpoint import Checkpoint

# `unverifiable`: the log no longer holds the messages that would have to be counted.
StepStatus = Literal["exact", "unverifiable", "mismatch"]

_Counted = Mapping[tuple[int, Range], int]


@dataclass(frozen=True, slots=True)
class KafkaState:
    """One topic in Kafka now: the group's commits, and (low watermark, end offset), by partition."""

    committed: Mapping[int, Checkpoint | None]
    bounds: Mapping[int, tuple[int, int]]


def verify(
    kafka: Kafka, histories: Mapping[int, PartitionHistory], now: KafkaState
) -> tuple[dict[int, list[StepStatus]], list[Finding]]:
    """The status of each step of each partition, and the findings about gaps and moves.

    Raises FatalError (exit code KAFKA) when Kafka does not answer.
    """
    wanted: dict[int, list[Range]] = {}
    for partition, history in histories.items():
        ranges = [(step.first_offset, step.next_offset) for step in history.steps if step.gap]
        ranges += [skipped for move in history.moves if (skipped := move.skipped) is not None]
        low, end = now.bounds.get(partition, (0, -1))
        # After a move back, steps cover the same offsets twice: each range is counted once, overlapping ones apart.
        wanted[partition] = [each for each in dict.fromkeys(ranges) if low <= each[0] and each[1] <= end]
    counted = _count_all(kafka, wanted)
    policies: list[str] = []  # asked of Kafka once, and only if it matters

    def may_remove_messages() -> bool:
        if not policies:
            policies.append(cleanup_policy(kafka, kafka.topic))
        return policies[0] == "" or "compact" in policies[0]

    statuses: dict[int, list[StepStatus]] = {}
    findings: list[Finding] = []
    for partition, history in histories.items():
        statuses[partition] = []
        for step in history.steps:
            offsets = (step.first_offset, step.next_offset)
            messages = step.counts.total if not step.gap else counted.get((partition, offsets))
            fault = None if messages is None else _mismatch(step, messages, may_remove_messages)
            statuses[partition].append(
                "mismatch" if fault is not None else "unverifiable" if messages is None else "exact"
            )
            if fault is not None:
                findings.append(Finding("alarm", fault[0], partition, fault[1]))
        findings += _moved(partition, history, counted)
    return statuses, findings


def _mismatch(step: Step, messages: int, may_remove_messages: Callable[[], bool]) -> tuple[str, str] | None:
    where = f"offsets {step.first_offset} to {step.next_offset - 1} ({step.before.location} to {step.after.location})"
    if messages > step.counts.total:
        return "uncounted", (
            f"{where}: Kafka holds {messages:,} messages, {step.counts.total:,} were counted: "
            f"{messages - step.counts.total:,} messages are not accounted for"
        )
    if messages < step.counts.total and not may_remove_messages():
        return "counted_twice", (
            f"{where}: {step.counts.total:,} messages were counted, but Kafka holds only {messages:,}, and the "
            "topic is not compacted"
        )
    return None


def _moved(partition: int, history: PartitionHistory, counted: _Counted) -> Iterable[Finding]:
    for move in history.moves:
        if move.recreated:
            yield Finding(
                "alarm",
                "recreated",
                partition,
                f"the topic was deleted and created again after offset {move.before} ({move.location}): messages "
                "of the former topic that were not read by then are lost",
            )
            continue
        if move.after is None:
            yield Finding(
                "alarm",
                "commit_gone",
                partition,
                f"the group's commit at offset {move.before} is gone ({move.location}): it was deleted, or it expired "
                "(offsets.retention.minutes)",
            )
            continue
        who = "with ingest offsets set" if move.requested else "by another tool"
        moved = f"the group was moved from offset {move.before} to {move.after} {who} ({move.location})"
        if move.skipped is None:
            yield Finding(
                "note",
                "moved_back",
                partition,
                f"{moved}: messages between them are delivered again, and counting begins again",
            )
            continue
        messages = counted.get((partition, move.skipped))
        if messages == 0:
            yield Finding("note", "moved", partition, f"{moved}: there are no messages between them")
        else:
            how_many = "messages" if messages is None else f"{messages:,} messages"
            if move.requested:
                text = f"{moved}: {how_many} between them were passed over on request"
                yield Finding("note", "skipped_on_request", partition, text)
                continue
            yield Finding("alarm", "skipped", partition, f"{moved}: {how_many} between them are not accounted for")


def _count_all(kafka: Kafka, wanted: Mapping[int, Sequence[Range]]) -> dict[tuple[int, Range], int]:
    """Count ranges that may overlap: each pass over the log counts ranges that don't."""
    counted: dict[tuple[int, Range], int] = {}
    left = {partition: sorted(ranges) for partition, ranges in wanted.items()}
    while any(left.values()):
        now: dict[int, list[Range]] = {}
        later: dict[int, list[Range]] = {}
        for partition, ranges in left.items():
            for each in ranges:
                chosen = now.setdefault(partition, [])
                overlaps = chosen and chosen[-1][1] > each[0]
                (later.setdefault(partition, []) if overlaps else chosen).append(each)
        counted |= count_messages(kafka, now)
        left = later
    return counted
