"""Where a partition is read from, and what to do when the log does not hold that offset.

Rules
1. Reading goes on at a committed offset, whatever the configured start is.
2. Without one, `start` decides: the low watermark (earliest) or the end (latest).
3. If a committed offset is below the low watermark, retention has removed unread messages: the error names their
   range, and the worker stops, unless it is configured to go on.
4. A committed offset past the end belongs to the topic before it was recreated or truncated. It is never used, nor
   replaced.
5. A committed offset with another topic id belongs to a former topic of the same name, whatever its number.
6. If Kafka has no offset and we know one (from the account, or from this run), it has expired, or somebody has
   deleted it. The partition is not started silently: `earliest` would deliver all messages again, `latest` would skip
   those that came meanwhile. The user who starts the run chooses (`--resume-from`).
7. A partition that was added after the group's last commits is read from its first message, whatever `start` is: its
   messages came while the group was at work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka.topic_identity import RESUME
from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES, Checkpoint
from ingest.records import TopicShape

ResumeFrom = Literal["account", "earliest", "latest"]

_MAX_LISTED = 20


@dataclass(frozen=True, slots=True)
class StartPlan:
    """What a run knows of its partitions before a worker asks Kafka for their commits.

    `chosen_starts` has the partitions whose commit, if there is one, is not to be used: a checkpoint to go on from, or
    None for the first message. `known_offsets` has the next offset of each partition that was committed in this run or
    before it: if Kafka has none now, it has lost it. `topic_id` is the topic's at the start of the run.
    `topic_partitions` is how many partitions, from 0 on, have a confirmed commit: a later one without a commit was
    added since. Kafka keeps a committed offset for `retention_s`, None if unknown, and takes `metadata_bytes` with it,
    as far as is known.
    """

    topic_id: str = ""
    topic_partitions: int = 0
    chosen_starts: Mapping[int, Checkpoint | None] = field(default_factory=dict)
    known_offsets: Mapping[int, int] = field(default_factory=dict)
    retention_s: float | None = None
    metadata_bytes: int = MAX_METADATA_BYTES

    def uses(self, checkpoint: Checkpoint) -> bool:
        """Reading goes on at this committed checkpoint: it is of this topic."""
        return not from_former_topic(checkpoint, TopicShape(self.topic_id, ()))


def first_offset(kafka: Kafka, committed: Checkpoint | None, watermarks: tuple[int, int] | None) -> tuple[int, str]:
    """The offset to start at, and why: committed, earliest or latest.

    `watermarks` are low watermark and end offset, needed if nothing is committed. Raises ValueError without either.
    """
    if committed is not None:
        return committed.next_offset, "committed"
    if watermarks is None:
        raise ValueError("neither a committed offset nor the watermarks are known")
    low, end = watermarks
    return (low if kafka.start == "earliest" else end), kafka.start


def planned_start(
    kafka: Kafka, partition: int, plan: StartPlan, watermarks: tuple[int, int]
) -> tuple[int, str, Checkpoint | None]:
    """The start of a partition without a usable commit, the reason, and the checkpoint to go on from, if any."""
    if partition not in plan.chosen_starts:
        return *first_offset(kafka, None, watermarks), None
    chosen = plan.chosen_starts[partition]
    return (watermarks[0], "earliest", None) if chosen is None else (chosen.next_offset, "planned", chosen)


def choose_starts(
    kafka: Kafka,
    shape: TopicShape,
    committed: Mapping[int, Checkpoint | None],
    *,
    recorded: Mapping[int, Checkpoint],
    watermarks: Mapping[int, tuple[int, int]],
    partitions_before: int | None = None,
    resume_from: ResumeFrom | None = None,
) -> dict[int, Checkpoint | None]:
    """`StartPlan.chosen_starts` of a run that finds the `committed` checkpoints.

    `recorded` are the newest ones in the account; `watermarks` are low watermarks and end offsets. `partitions_before`
    is how many partitions the topic had when the group last committed; None if `committed` has all partitions, which
    then show it. Raises FatalError (exit code EXPIRED) if the user must choose where to go on.
    """
    former = {
        p: checkpoint
        for p, checkpoint in committed.items()
        if checkpoint is not None and from_former_topic(checkpoint, shape)
    }
    lost = {p: recorded[p] for p, checkpoint in committed.items() if checkpoint is None and p in recorded}
    lost_former = {p: checkpoint for p, checkpoint in lost.items() if from_former_topic(checkpoint, shape)}
    if (former or lost_former) and resume_from in {None, "account"}:
        raise _former_topic_error(kafka, shape, former | lost_former)
    if lost and resume_from is None:
        raise _offsets_lost_error(kafka, {p: checkpoint.next_offset for p, checkpoint in lost.items()})
    if partitions_before is None:
        partitions_before = partitions_at_last_commit(committed)
    unusable = [p for p, checkpoint in committed.items() if checkpoint is None or p in former]
    if unusable and resume_from == "account" and not lost:
        raise _not_in_account_error(kafka, unusable)
    starts: dict[int, Checkpoint | None] = {}
    for partition in unusable:
        if resume_from == "account":
            # A partition that it does not have was added after its last rows.
            starts[partition] = checkpoint = lost.get(partition)
            if checkpoint is not None:
                resume_after_gap(kafka, partition, checkpoint.next_offset, watermarks[partition])
            continue
        added = partitions_before and partition >= partitions_before
        start = resume_from or ("earliest" if added else kafka.start)
        starts[partition] = Checkpoint(watermarks[partition][1]) if start == "latest" else None
    return starts


def partitions_at_last_commit(committed: Mapping[int, Checkpoint | None]) -> int:
    """How many partitions the topic had when the group last committed; 0 if that is unknown."""
    return max((checkpoint.topic_partitions for checkpoint in committed.values() if checkpoint is not None), default=0)


def from_former_topic(checkpoint: Checkpoint, shape: TopicShape) -> bool:
    """The checkpoint was committed for a former topic of the same name."""
    return bool(checkpoint.topic_id and shape.topic_id and checkpoint.topic_id != shape.topic_id)


def check_known_offsets(kafka: Kafka, committed: Mapping[int, Checkpoint | None], plan: StartPlan) -> None:
    """Check the commits that a worker finds. Raises FatalError (exit code EXPIRED) by rules 5 and 6."""
    former = {
        p: checkpoint
        for p, checkpoint in committed.items()
        if checkpoint and not plan.uses(checkpoint) and p not in plan.chosen_starts
    }
    if former:
        raise _former_topic_error(kafka, TopicShape(plan.topic_id, ()), former)
    known = plan.known_offsets
    lost = {p: known[p] for p, checkpoint in committed.items() if checkpoint is None and p in known}
    if lost:
        raise _offsets_lost_error(kafka, lost)


def _offsets_lost_error(kafka: Kafka, known: Mapping[int, int]) -> FatalError:
    return FatalError(
        f"Kafka no longer has the committed offsets of group {kafka.group} for topic {kafka.topic}: {_listed(known)}. "
        "They have expired (offsets.retention.minutes after the last commit), or were deleted. Nothing was read. "
        "Choose where to go on: --resume-from account (at the last offsets in the account; messages "
        "committed after its last rows are delivered again), --resume-from earliest (at the first message; all of them "
        "are delivered again), --resume-from latest (at the end; messages that came since are never delivered)",
        exit_code=ExitCode.EXPIRED,
    )


def _not_in_account_error(kafka: Kafka, partitions: Sequence[int]) -> FatalError:
    named = ", ".join(map(str, partitions[:_MAX_LISTED]))
    return FatalError(
        f"--resume-from account: the account here ([account] directory) has no offset of group {kafka.group} on topic "
        f"{kafka.topic} partition {named}. Start where the account is kept, or choose --resume-from earliest or latest",
        exit_code=ExitCode.EXPIRED,
    )


def _former_topic_error(kafka: Kafka, shape: TopicShape, checkpoints: Mapping[int, Checkpoint]) -> FatalError:
    first = next(iter(checkpoints.values()))
    offsets = {partition: checkpoint.next_offset for partition, checkpoint in checkpoints.items()}
    return FatalError(
        f"topic {kafka.topic} was deleted and created again: its id was {first.topic_id}, it is {shape.topic_id}. The "
        f"offsets of group {kafka.group} belong to the former one: {_listed(offsets)}. Nothing was read; the "
        f"messages of the former one that were not read are gone. {RESUME}",
        exit_code=ExitCode.EXPIRED,
    )


def _listed(offsets: Mapping[int, int]) -> str:
    named = [f"partition {p} at {offset}" for p, offset in sorted(offsets.items())]
    more = f" and {len(named) - _MAX_LISTED} more" if len(named) > _MAX_LISTED else ""
    return ", ".join(named[:_MAX_LISTED]) + more


def resume_after_gap(kafka: Kafka, partition: int, offset: int, watermarks: tuple[int, int]) -> int:
    """The offset to go on from if `offset` is out of the range of these `watermarks` (low watermark, end offset).

    Raises FatalError (exit code EXPIRED) with the exact range if messages are lost and `on_expired` is stop, or if the
    offset is past the end.
    """
    low, end = watermarks
    if offset > end:
        raise FatalError(
            f"topic {kafka.topic} partition {partition} ends at {end}, but group {kafka.group} is at {offset}: the "
            "topic was recreated or truncated. Nothing is read from there, and nothing is committed. Check the topic, "
            "then move the group with ingest offsets set",
            exit_code=ExitCode.EXPIRED,
        )
    if low > offset and kafka.on_expired == "stop":
        raise FatalError(
            f"topic {kafka.topic} partition {partition}: offsets {offset} to {low - 1} are no longer in the log "
            "(retention, or deleted records), and those of their messages that were not settled are lost. To go on "
            'without them set [kafka] on_expired = "continue"',
            exit_code=ExitCode.EXPIRED,
        )
    return max(low, offset)
