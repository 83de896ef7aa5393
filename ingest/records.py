"""The values that pass between the steps.

Offsets follow Kafka's convention: what is committed is a `next_offset`, the offset of the first message
not yet settled. A range is half-open. Offsets have gaps (compaction, transaction markers), so the number
of messages in a range is always counted, never computed.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ingest.reasons import Reason

# As confluent_kafka types them; in fact it returns a list.
Headers = Mapping[str, str | bytes | None] | Sequence[tuple[str, str | bytes | None]] | None


def header_pairs(headers: Headers) -> Iterable[tuple[str, str | bytes | None]]:
    """A message's headers, one by one and in order: a name may come twice."""
    return headers.items() if isinstance(headers, Mapping) else headers or ()


class KafkaMessage(Protocol):
    """What the steps use of `confluent_kafka.Message`; tests pass plain objects of this shape."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def value(self) -> bytes | None: ...
    def key(self) -> bytes | None: ...
    def headers(self) -> Headers: ...
    def timestamp(self) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of messages by their outcome; each message is in exactly one of them.

    Everything that sums or stores them goes through these fields. Tables name their columns themselves.
    `tombstones` were passed over by configuration; they are dead letters otherwise. `filtered` messages are on a route
    that is not delivered, or a sample leaves them out. In a commit's metadata they are told apart by their order: a new
    one comes last.
    """

    acknowledged: int = 0
    dead_lettered: int = 0
    tombstones: int = 0
    filtered: int = 0

    def values(self) -> tuple[int, ...]:
        """The numbers, in the order of the fields."""
        return _VALUES(self)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.values())

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*map(operator.add, self.values(), other.values()))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*map(operator.sub, self.values(), other.values()))

    def positive(self) -> "Counts":
        """The same with 0 for each negative number: a difference to counts that somebody has set back."""
        return Counts(*(max(number, 0) for number in self.values()))

    def part(self, count: int) -> "Counts":
        """At most `count` of them; which ones is not known any more, so the rare outcomes come first."""
        acknowledged, *rare = self.values()
        parts = []
        for number in rare:
            parts.append(min(number, count))
            count -= parts[-1]
        return Counts(min(acknowledged, count), *parts)


_VALUES: Callable[[Counts], tuple[int, ...]] = operator.attrgetter(*(each.name for each in fields(Counts)))
NOTHING = Counts()


@dataclass(frozen=True, slots=True)
class Span:
    """`count` messages of one partition within offsets `first` <= offset < `next_offset`."""

    partition: int
    first: int
    next_offset: int
    count: int


@dataclass(frozen=True, slots=True)
class TopicShape:
    """A topic as the cluster describes it.

    `topic_id` is Kafka's own (KIP-516): a topic that is deleted and created again has another one. It is "" where the
    brokers have none, or this user may not ask.
    """

    topic_id: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PartitionEnd:
    """Where a partition ends, as its leader answers.

    `end_offset` is the high watermark. `stable_offset` is the last stable offset: a message at or past it belongs to an
    open transaction or lies behind one, so nobody who reads committed messages gets it before that transaction ends.
    """

    stable_offset: int
    end_offset: int

    def held_back(self, next_offset: int, until: int | None = None) -> int:
        """How many of the offsets from `next_offset` up to the end, or up to `until`, an open transaction holds back.

        0 if `next_offset` is past the last stable offset: then that transaction has ended since.
        """
        if next_offset > self.stable_offset:
            return 0
        return max((self.end_offset if until is None else min(until, self.end_offset)) - self.stable_offset, 0)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where rows go: a model of Arize's, its version and environment. `batch_id` is one of environment validation."""

    space_id: str
    model_name: str
    model_version: str
    environment: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Messages as polled, in arrival order.

    `partitions` and `offsets` are those of `messages`; `raw_bytes` is the size of their values.
    """

    messages: Sequence[KafkaMessage]
    partitions: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    raw_bytes: int

    def up_to(self, ends: Mapping[int, int]) -> tuple["Chunk", list[int]]:
        """Without the messages at or past `ends`, and the partitions that had such messages."""
        limits = np.array([ends[partition] for partition in self.partitions.tolist()], dtype=np.int64)
        inside = self.offsets < limits
        if inside.all():
            return self, []
        past: list[int] = np.unique(self.partitions[~inside]).tolist()
        kept = np.flatnonzero(inside)
        messages = [self.messages[index] for index in kept.tolist()]
        raw_bytes = self.raw_bytes * len(messages) // len(self.messages)
        return Chunk(messages, self.partitions[kept], self.offsets[kept], raw_bytes), past


@dataclass(frozen=True, slots=True)
class Rejected:
    """Row `index` of a chunk or a table can't be sent.

    `parts` are the indices of its predictions that can't, of a message with several; empty if none of it can be sent.
    """

    index: int
    reason: Reason
    parts: tuple[int, ...] = ()

    def at(self, index: int) -> "Rejected":
        """The same row under the index that it has somewhere else."""
        return Rejected(index, self.reason, self.parts)


def reindexed(rejected: Iterable[Rejected], indices: Sequence[int] | npt.NDArray[np.int64]) -> list[Rejected]:
    """The same rows by other indices: row `i` becomes `indices[i]`."""
    return [row.at(int(indices[row.index])) for row in rejected]


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """One partition as its worker sees it now. Counts are of messages.

    `counts` are of what lies below the committed offset; they are carried in the commit itself, so a crash can't change
    them, and they keep growing over restarts. `consumed` counts the messages that this process polled. `end_offset` is
    the high watermark as of the last fetch, -1 before the first one: a paused partition is not fetched. `oldest_ms` is
    the Kafka timestamp (milliseconds since the epoch) of the first message read at or past `next_offset`, to the
    precision of a chunk; None if there is none, or it has no timestamp. `paused`: by request, not as the worker has no
    room.
    """

    next_offset: int
    position: int
    end_offset: int
    consumed: int
    counts: Counts
    oldest_ms: int | None = None
    paused: bool = False

    @property
    def lag(self) -> int | None:
        """Offsets between the committed one and the end; an upper bound of messages, as offsets have gaps.

        None before the end is known.
        """
        return max(self.end_offset - self.next_offset, 0) if self.end_offset >= 0 else None
