"""Where `ingest offsets set` moves a group's commits, and what that delivers again or passes over.

Rules
1. A target is an end of the log, an offset that the log holds (or its end), or a time: the first message with that
   timestamp or a later one, else the end. An offset outside the log is refused: a worker would stop there.
2. A commit of a former topic of the same name is replaced, and counts as none.
3. The counts in the metadata begin again at 0: they are of the messages below the offset, one by one, and nobody has
   counted those between. The account keeps what was counted before.
4. Moving forward keeps the ranges of messages that are settled above the new offset, so that these are not delivered
   again. A range that the offset cuts is dropped, as its counts can't be divided. Moving back drops all ranges: whoever
   moves back wants the messages again.
5. A partition that stands at the target already is not committed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ingest.commands.offsets.target import Target
from ingest.commands.time_argument import usage_error
from ingest.config.sections import Kafka
from ingest.pipeline.kafka.start_offset import first_offset, from_former_topic
from ingest.pipeline.kafka.time_range import FoundOffset
from ingest.pipeline.offsets.checkpoint import Checkpoint
from ingest.records import NOTHING, TopicShape


@dataclass(frozen=True, slots=True)
class TopicOffsets:
    """A topic as Kafka has it: the commits of all its partitions, low and high watermarks, and what a time selects."""

    shape: TopicShape
    committed: Mapping[int, Checkpoint | None]
    bounds: Mapping[int, tuple[int, int]]
    at_times: Mapping[int, FoundOffset]


@dataclass(frozen=True, slots=True)
class PartitionMove:
    """The move of one partition. `begin` is where a worker would continue before it, `before` the commit, if any."""

    partition: int
    before: Checkpoint | None
    begin: int
    after: Checkpoint
    low: int
    end: int

    @property
    def changes(self) -> bool:
        """Rule 5."""
        return self.before is None or self.before.next_offset != self.after.next_offset

    @property
    def again(self) -> int:
        """Offsets below the position that will be read again."""
        return max(self.begin - self.after.next_offset, 0)

    @property
    def passed_over(self) -> int:
        """Offsets that will not be read; those that retention has removed already are not among them."""
        return max(self.after.next_offset - max(self.begin, self.low), 0)

    @property
    def settled_passed_over(self) -> int:
        """Of the messages that are passed over, how many are known to be settled already."""
        return self._settled_below(self.after.next_offset)

    @property
    def settled_again(self) -> int:
        """Messages above the position before that are settled, and will be delivered again all the same."""
        if self.before is None:
            return 0
        all_settled = sum(each.counts.total for each in self.before.ranges)
        kept = sum(each.counts.total for each in self.after.ranges)
        return all_settled - kept - self._settled_below(self.after.next_offset)

    def _settled_below(self, offset: int) -> int:
        ranges = () if self.before is None else self.before.ranges
        return sum(each.counts.total for each in ranges if each.next_offset <= offset and not each.open)


def target_offset(
    target: Target, kafka: Kafka, partition: int, bounds: tuple[int, int], at_time: FoundOffset | None
) -> int:
    """Rule 1; `bounds` are low and high watermark. Raises FatalError (exit code USAGE)."""
    low, end = bounds
    match target.kind:
        case "earliest":
            return low
        case "latest":
            return end
        case "time":
            return end if at_time is None else min(max(at_time.offset, low), end)
        case "offset":
            if low <= target.number <= end:
                return target.number
            raise usage_error(
                f"--to-offset {target.number}: topic {kafka.topic} partition {partition} "
                + (f"holds offsets {low} to {end - 1}" if low < end else f"is empty at offset {end}")
                + f". Name one of them, or its end {end}; or name other partitions with --partitions"
            )


def plan_moves(target: Target, kafka: Kafka, now: TopicOffsets, partitions: Iterable[int]) -> list[PartitionMove]:
    """The moves of `partitions`. Raises FatalError (exit code USAGE)."""
    partitions = tuple(partitions)
    usable = {
        p: None if mark is None or from_former_topic(mark, now.shape) else mark
        for p, mark in sorted(now.committed.items())
    }
    with_commit = {p for p, mark in usable.items() if mark is not None} | set(partitions)
    # Only once every partition has a commit: else a later start would take those without one for new partitions.
    contiguous = len(usable) if len(with_commit) == len(usable) else 0
    moves = []
    for partition in partitions:
        low, end = now.bounds[partition]
        before = usable[partition]
        to = target_offset(target, kafka, partition, (low, end), now.at_times.get(partition))
        known = 0 if before is None else before.topic_partitions
        after = moved(before, to, now.shape.topic_id, max(contiguous, known))
        begin, _ = first_offset(kafka, before, (low, end))
        moves.append(PartitionMove(partition, before, begin, after, low, end))
    return moves


def moved(before: Checkpoint | None, to: int, topic_id: str, topic_partitions: int) -> Checkpoint:
    """The checkpoint at the offset `to`: rules 3 and 4."""
    forward = before is not None and to >= before.next_offset
    ranges = tuple(each for each in before.ranges if each.first >= to) if before is not None and forward else ()
    routes = before.routes if before is not None and ranges else ""
    return Checkpoint(to, NOTHING, ranges, routes, topic_id, topic_partitions)
