"""The records of a trace: what `ingest debug` finds out at each step. How they are written is elsewhere.

A record holds payloads on purpose: it is printed for the person who asked, and never logged or emitted as an event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ingest.records import KafkaMessage

MessageVerdict = Literal["accepted", "rejected", "settled", "filtered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStart:
    """The state of the partition and its group, and where reading starts.

    `end_offset` is the high watermark, `stable_offset` the last stable offset: later messages can't be read now.
    `committed_next_offset` is the group's, None without a commit. `settled_above` counts messages above it that an
    earlier process has settled. `reading_group` is the group under which messages are read.
    """

    brokers: str
    topic: str
    partition: int
    partition_count: int
    low_offset: int
    stable_offset: int
    end_offset: int
    group: str
    committed_next_offset: int | None
    lag: int | None
    acknowledged: int
    dead_lettered: int
    settled_above: int
    start_offset: int
    start_reason: str
    limit: int
    reading_group: str
    send: bool
    commit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One value of a decoded row, with the Arrow type of its column."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionTrace:
    """One of several predictions in a message: its index there, and its decoded row."""

    index: int
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTrace:
    """One message: accepted with decoded `cells`, rejected with `reason` (a code) and `detail`, settled or filtered.

    Settled means that an earlier process has delivered it, dead-lettered it or passed it over. A message with several
    predictions has the accepted ones in `predictions` instead of cells, also if it is rejected for others. `route` is
    the one it took, empty if there is only one. `unwrapped` is its value after `steps`, those of [format]; there are
    none if it was not unwrapped.
    """

    message: KafkaMessage
    verdict: MessageVerdict
    reason: str = ""
    detail: str = ""
    route: str = ""
    cells: Sequence[Cell] = ()
    unwrapped: bytes | None = None
    steps: Sequence[str] = ()
    predictions: Sequence[PredictionTrace] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTrace:
    """The messages of one poll after decoding. `rejected` counts messages by reason; seconds are wall time.

    `widened` lists columns that changed their type: name, old type, new type. `nulled` counts values that became null,
    by column ([schema.conflicts]); `ignored` counts those of unknown columns.
    """

    messages: int
    first_offset: int
    last_offset: int
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
    """One column of a batch: its Arrow type, its role at Arize, its number of nulls, and its first value."""

    name: str
    type: str
    role: str
    nulls: int
    example: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTrace:
    """One batch as it would be sent: `schema` has the fields of the SDK's Schema that are set, `upload` the target."""

    number: int
    rows: int
    raw_bytes: int
    columns: Sequence[ColumnTrace]
    schema: Mapping[str, Any]
    upload: Mapping[str, str]
    to_dataframe_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTrace:
    """Arize's answer to a batch: acknowledged, or the class of the error. `worker_action` is what a worker would do."""

    rows: int
    answer: str
    detail: str
    worker_action: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitTrace:
    """A commit: dead letters written, and the next offset that was committed, or in `detail` why none is confirmed."""

    dead_letters: int
    dead_letter_store: str
    next_offset: int
    committed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence; `problem` if something is wrong."""

    text: str
    problem: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The total wall seconds of one step, for `count` messages or rows."""

    step: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """The totals. `position` is the next offset to read; `committed_next_offset` and `lag` are the group's now."""

    messages: int
    accepted: int
    settled: int
    rejected: Mapping[str, int]
    acknowledged: int
    position: int
    group: str
    committed_next_offset: int | None
    lag: int | None
    timings: Sequence[Timing]
    stop_reason: str
    nulled: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)


TraceRecord = TraceStart | MessageTrace | ChunkTrace | BatchTrace | UploadTrace | CommitTrace | Note | TraceSummary


class TraceOutput(Protocol):
    """Writes records as text or JSON."""

    @property
    def closed(self) -> bool:
        """The reader of the output has gone away."""
        ...

    def write(self, record: TraceRecord) -> None:
        """Write one record immediately."""
        ...
