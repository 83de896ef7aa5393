"""What `ingest debug` finds out, step by step, as values; how they are shown is elsewhere.

Findings hold payloads, on purpose: they are for the eyes of whoever asked, never for a log or an event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ingest.records import KafkaMessage

MessageVerdict = Literal["accepted", "rejected", "settled", "filtered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStart:
    """Where the partition stands, where reading starts and why.

    `committed` is the group's next offset, None without one. `settled_above` counts messages above it that a former
    process delivered.
    """

    brokers: str
    topic: str
    partition: int
    partitions: int
    low: int
    end: int
    group: str
    committed: int | None
    lag: int | None
    acknowledged: int
    dead_lettered: int
    settled_above: int
    start: int
    why: str
    limit: int
    reading_group: str
    send: bool
    commit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One value of a decoded row, under its column's Arrow type."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTrace:
    """One message: accepted with its decoded `cells`, rejected with `code` and `reason`, settled before, or filtered.

    `route` is the one that it took, empty if there is only one.
    """

    message: KafkaMessage
    verdict: MessageVerdict
    code: str = ""
    reason: str = ""
    route: str = ""
    cells: Sequence[Cell] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTrace:
    """One poll and what decoding made of it. `rejected` maps a reason's code to its messages; seconds are wall time.

    `nulled` counts values that became null by column ([schema.conflicts]), `ignored` those of unknown columns.
    """

    messages: int
    first: int
    last: int
    raw_bytes: int
    accepted: int
    settled: int
    rejected: Mapping[str, int]
    widened: Sequence[tuple[str, str, str]]
    poll_s: float
    decode_s: float
    nulled: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnTrace:
    """One column of a batch: its Arrow type, what it means to Arize, how many nulls, and its first value."""

    name: str
    type: str
    role: str
    nulls: int
    example: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTrace:
    """One batch as it would be sent: `schema` has the set fields of the SDK's Schema, `upload` the receiver."""

    number: int
    rows: int
    raw_bytes: int
    columns: Sequence[ColumnTrace]
    schema: Mapping[str, Any]
    upload: Mapping[str, str]
    frame_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTrace:
    """What Arize answered: acknowledged, or the class of the error; `now_what` says what a worker would do."""

    rows: int
    answer: str
    text: str
    now_what: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitTrace:
    """The end of a batch under --commit: dead letters written, and the next offset committed, or why not."""

    dead_letters: int
    directory: str
    next_offset: int
    committed: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A plain sentence."""

    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one step took in all: wall seconds for so many messages or rows."""

    step: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """What it came to. `committed` and `lag` are the group's now; `next_offset` is where reading stopped."""

    messages: int
    accepted: int
    settled: int
    rejected: Mapping[str, int]
    acknowledged: int
    next_offset: int
    group: str
    committed: int | None
    lag: int | None
    timings: Sequence[Timing]
    stopped: str
    nulled: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)


TraceRecord = TraceStart | MessageTrace | ChunkTrace | BatchTrace | UploadTrace | CommitTrace | Note | TraceSummary


class TraceOutput(Protocol):
    """Where findings go."""

    @property
    def gone(self) -> bool:
        """Nobody reads them any more."""
        ...

    def show(self, finding: TraceRecord) -> None:
        """Show one finding, now."""
        ...
