"""Where a partition is read from, and what to do when the log does not hold that offset.

Rules
1. A committed offset is where reading goes on, whatever the configured start says.
2. Without one, `start` decides: the low watermark (earliest) or the end (latest).
3. A committed offset below the low watermark has been overtaken by retention: the lost range is named, and the
   worker stops, unless configured to go on.
4. A committed offset past the end belongs to another life of the topic (recreated, truncated). It is never used, nor
   replaced.
5. A committed offset that carries another topic id belongs to a former topic of the same name, whatever its number.
6. Where Kafka has no offset and we know of one (from the account, or from this run), it has expired, or somebody has
   deleted it. Nothing begins anew silently: `earliest` would deliver everything again, `latest` would pass over what
   came meanwhile. Whoever starts the run chooses (`--resume-from`).
7. A partition that was added after the group's last commits is read from its first message, whatever `start` says: its
   messages came while the group was at work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka.topic_identity import RESUME
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import TopicShape

ResumeFrom = Literal["account", "earliest", "latest"]

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class StartPlan:
    """What a run knows of its partitions before a worker asks Kafka where to go on.

    `begins` has the partitions whose commit, if there is any, is not to be used: a watermark to go on from, or None
    for the first message. `known` has the next offset of each partition that was committed in this run or before it:
    where Kafka has none now, it has forgotten it. `topic_id` is the topic's at the start of the run. `topic_partitions`
    is how many partitions, from 0 on, have a confirmed commit: a later one without a commit was added since. Kafka
    keeps a committed offset for `retention_s`, None if it does not say.
    """

    topic_id: str = ""
    topic_partitions: int = 0
    begins: Mapping[int, Checkpoint | None] = field(default_factory=dict)
    known: Mapping[int, int] = field(default_factory=dict)
    retention_s: float | None = None

    def uses(self, mark: Checkpoint) -> bool:
        """Reading goes on at this commit: it is of this topic."""
        return not foreign(mark, TopicShape(self.topic_id, ()))


def first_offset(kafka: Kafka, committed: Checkpoint | None, bounds: tuple[int, int] | None) -> tuple[int, str]:
    """The offset to start at, and why: committed, earliest or latest.

    `bounds` are low watermark and end offset, needed where nothing is committed. Raises ValueError without either.
    """
    if committed is not None:
        return committed.next_offset, "committed"
    if bounds is None:
        raise ValueError("neither a committed offset nor the log's bounds are known")
    low, end = bounds
    return (low if kafka.start == "earliest" else end), kafka.start


def planned_start(
    kafka: Kafka, partition: int, plan: StartPlan, bounds: tuple[int, int]
) -> tuple[int, str, Checkpoint | None]:
    """Where a partition without a usable commit begins, why there, and the watermark to go on from, if there is one."""
    if partition not in plan.begins:
        return *first_offset(kafka, None, bounds), None
    mark = plan.begins[partition]
    return (bounds[0], "earliest", None) if mark is None else (mark.next_offset, "planned", mark)


def beginnings(
    kafka: Kafka,
    shape: TopicShape,
    committed: Mapping[int, Checkpoint | None],
    *,
    recorded: Mapping[int, Checkpoint],
    bounds: Mapping[int, tuple[int, int]],
    then: int | None = None,
    resume_from: ResumeFrom | None = None,
) -> dict[int, Checkpoint | None]:
    """`StartPlan.begins` of a run that finds these commits.

    `recorded` is what the account last said of partitions; `bounds` are low watermarks and end offsets; `then` is how
    many partitions the topic had when the group last committed, as `committed` says if it is all of them. Raises
    FatalError (exit code EXPIRED) when somebody must choose where to go on.
    """
    former = {p: mark for p, mark in committed.items() if mark is not None and foreign(mark, shape)}
    forgotten = {p: recorded[p] for p, mark in committed.items() if mark is None and p in recorded}
    others = {p: mark for p, mark in forgotten.items() if foreign(mark, shape)}
    if (former or others) and resume_from in {None, "account"}:
        raise _of_former_topic(kafka, shape, former | others)
    if forgotten and resume_from is None:
        raise _forgotten(kafka, {p: mark.next_offset for p, mark in forgotten.items()})
    then = partitions_then(committed) if then is None else then
    unused = [p for p, mark in committed.items() if mark is None or p in former]
    if unused and resume_from == "account" and not forgotten:
        raise _not_in_account(kafka, unused)
    found: dict[int, Checkpoint | None] = {}
    for partition in unused:
        if resume_from == "account":
            # One that it does not know was added after its last rows.
            found[partition] = mark = forgotten.get(partition)
            if mark is not None:
                resume_after_gap(kafka, partition, mark.next_offset, bounds[partition])
            continue
        added = then and partition >= then
        begin = resume_from or ("earliest" if added else kafka.start)
        found[partition] = Checkpoint(bounds[partition][1]) if begin == "latest" else None
    return found


def partitions_then(committed: Mapping[int, Checkpoint | None]) -> int:
    """How many partitions the topic had when the group last committed; 0 if that is unknown."""
    return max((mark.topic_partitions for mark in committed.values() if mark is not None), default=0)


def foreign(mark: Checkpoint, shape: TopicShape) -> bool:
    """The offset was committed for another topic of the same name."""
    return bool(mark.topic_id and shape.topic_id and mark.topic_id != shape.topic_id)


def check_known(kafka: Kafka, committed: Mapping[int, Checkpoint | None], plan: StartPlan) -> None:
    """A worker finds these commits. Raises FatalError (exit code EXPIRED) by rules 5 and 6."""
    former = {p: mark for p, mark in committed.items() if mark and not plan.uses(mark) and p not in plan.begins}
    if former:
        raise _of_former_topic(kafka, TopicShape(plan.topic_id, ()), former)
    lost = {p: plan.known[p] for p, mark in committed.items() if mark is None and p in plan.known}
    if lost:
        raise _forgotten(kafka, lost)


def _forgotten(kafka: Kafka, known: Mapping[int, int]) -> FatalError:
    return FatalError(
        f"Kafka no longer has the committed offsets of group {kafka.group} for topic {kafka.topic}: {_named(known)}. "
        "They have expired (offsets.retention.minutes after the last commit), or were deleted. Nothing was read. "
        "Choose where to go on: --resume-from account (at the last offsets that the account knows; what was "
        "committed after its last rows is delivered again), --resume-from earliest (at the first message; all of them "
        "are delivered again), --resume-from latest (at the end; what came since is never delivered)",
        exit_code=ExitCode.EXPIRED,
    )


def _not_in_account(kafka: Kafka, partitions: Sequence[int]) -> FatalError:
    named = ", ".join(map(str, partitions[:_MOST_NAMED]))
    return FatalError(
        f"--resume-from account: the account here ([account] directory) knows nothing of group {kafka.group} on topic "
        f"{kafka.topic} partition {named}. Start where the account is kept, or choose --resume-from earliest or latest",
        exit_code=ExitCode.EXPIRED,
    )


def _of_former_topic(kafka: Kafka, shape: TopicShape, marks: Mapping[int, Checkpoint]) -> FatalError:
    first = next(iter(marks.values()))
    offsets = {partition: mark.next_offset for partition, mark in marks.items()}
    return FatalError(
        f"topic {kafka.topic} was deleted and created again: its id was {first.topic_id}, it is {shape.topic_id}. The "
        f"offsets of group {kafka.group} belong to the former one: {_named(offsets)}. Nothing was read; what was not "
        f"read of the former one is gone. {RESUME}",
        exit_code=ExitCode.EXPIRED,
    )


def _named(offsets: Mapping[int, int]) -> str:
    named = [f"partition {p} at {offset}" for p, offset in sorted(offsets.items())]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return ", ".join(named[:_MOST_NAMED]) + more


def resume_after_gap(kafka: Kafka, partition: int, offset: int, bounds: tuple[int, int]) -> int:
    """Where to go on when Kafka says that `offset` is outside the log with these `bounds`.

    Raises FatalError (exit code EXPIRED) with the exact range when messages are lost and `on_expired` is stop, or when
    the topic is not the one that was committed for.
    """
    low, end = bounds
    if offset > end:
        raise FatalError(
            f"topic {kafka.topic} partition {partition} ends at {end}, but group {kafka.group} is at {offset}: the "
            "topic was recreated or truncated. Nothing was read. Check the topic, then move the group with "
            "kafka-consumer-groups --reset-offsets",
            exit_code=ExitCode.EXPIRED,
        )
    if low > offset and kafka.on_expired == "stop":
        raise FatalError(
            f"topic {kafka.topic} partition {partition}: retention removed offsets {offset} to {low - 1} before they "
            'were read. To go on without them set [kafka] on_expired = "continue"',
            exit_code=ExitCode.EXPIRED,
        )
    return max(low, offset)
