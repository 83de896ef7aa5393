"""The values that pass between the steps.

Offsets follow Kafka's convention: what is committed is a `next_offset`, the offset of the first message
not yet settled. A range is half-open. Offsets have gaps (compaction, transaction markers), so the number
of messages in a range is always counted, never computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


class KafkaMessage(Protocol):
    """What the steps use of `confluent_kafka.Message`; tests pass plain objects of this shape."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def value(self) -> bytes | None: ...
    def key(self) -> bytes | None: ...
    def headers(self) -> Sequence[tuple[str, bytes | None]] | None: ...
    def timestamp(self) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class Span:
    """`count` messages of one partition within offsets `first` <= offset < `next_offset`."""

    partition: int
    first: int
    next_offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """Row `index` of a chunk can't be sent. `code` is countable, `reason` is for people, without the value."""

    index: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a chunk became: `table` has one row per accepted message, in arrival order.

    `accepted` gives the chunk's index of each row; `accepted` and `rejected` together are the whole chunk.
    `widened` lists (column, old type, new type) whose earlier rows can't share a batch with these.
    """

    table: pa.RecordBatch
    accepted: Sequence[int]
    rejected: Sequence[Rejected]
    widened: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """One partition as its worker sees it now. Counts are of messages.

    `acknowledged` and `dead_lettered` count what lies below the committed offset; they are carried in the
    commit itself, so a crash can't blur them, and they keep growing over restarts. `consumed` counts what
    this process polled. `end_offset` is the newest known end of the log, -1 before it is known.
    """

    next_offset: int
    position: int
    end_offset: int
    consumed: int
    acknowledged: int
    dead_lettered: int

    @property
    def lag(self) -> int:
        """Offsets between the committed one and the end; an upper bound of messages, as offsets have gaps."""
        return max(self.end_offset - self.next_offset, 0) if self.end_offset >= 0 else 0
