"""What happens, as typed values, and the one hook it goes through.

The steps and the supervisor say what happened by calling an `Emit`; logs, screens and metrics listen
to it. Nothing here formats, prints or decides. A worker's events travel to the supervisor over a pipe,
so each is a small frozen value that pickles.

No event holds a payload or a secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from ingest.records import Counts, PartitionProgress, Span

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The root of all events. `worker` is the worker's index, or None for the supervisor's own."""

    level: ClassVar[Level] = "info"
    worker: int | None = None


Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Emitter:
    """Emits the events of one worker, or of one of its routes: it stamps each with their names and hands it on."""

    emit: Emit
    worker: int
    route: str | None = None

    def __call__(self, event: Event) -> None:
        """Emit `event`."""
        names: dict[str, Any] = {"worker": self.worker}
        if self.route is not None and hasattr(event, "route"):
            names["route"] = self.route
        self.emit(replace(event, **names))

    def for_route(self, route: str) -> "Emitter":
        """The emitter of one route of this worker."""
        return replace(self, route=route)


class Throttle:
    """Lets the same text through once in `every_s` (monotonic seconds): a broker that is down says so once a second."""

    def __init__(self, every_s: float = 30.0, most: int = 100) -> None:
        self._every_s = every_s
        self._most = most
        self._told: dict[str, float] = {}

    def allow(self, text: str, now: float) -> bool:
        """`text` was not told lately; it counts as told now."""
        if now - self._told.get(text, float("-inf")) < self._every_s:
            return False
        if len(self._told) >= self._most:  # texts with changing details must not pile up
            self._told.clear()
        self._told[text] = now
        return True


# --- one worker ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(Event):
    """The worker's loop begins. `lane` is what decodes: "orjson" alone, or "fast" before it."""

    pid: int
    partitions: tuple[int, ...]
    lane: str = "orjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionAssigned(Event):
    """Reading of `partition` begins at `next_offset`; `why` is committed, earliest, latest or until-end."""

    level: ClassVar[Level] = "debug"
    partition: int
    next_offset: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetsExpired(Event):
    """Retention removed `first`..`next_offset`-1 of `partition` before they were read."""

    level: ClassVar[Level] = "error"
    topic: str
    partition: int
    first: int
    next_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettersWritten(Event):
    """`reasons` maps a reason's code to how many messages were durably written with it."""

    level: ClassVar[Level] = "warning"
    reasons: Mapping[str, int]
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettersBlocked(Event):
    """The dead letters can't be written: partitions pause, nothing is committed past them."""

    level: ClassVar[Level] = "error"
    error: str
    retry_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnWidened(Event):
    """A column's type grew from `old` to `new` (Arrow type names) with every value exact."""

    column: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesNulled(Event):
    """Values that did not fit their `columns` have become null, as [schema.conflicts] asks for.

    `columns` maps each to how many since the last word of it; `others` counts those of further columns.
    """

    level: ClassVar[Level] = "warning"
    columns: Mapping[str, int]
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsIgnored(Event):
    """Values of columns that nothing in [schema] knows are not sent, as [schema] unknown asks for. Counted likewise."""

    columns: Mapping[str, int]
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampsRead(Event):
    """The unit that the first timestamps told (s, ms, us, ns or iso8601), where the configuration leaves it open."""

    column: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LateActuals(Event):
    """So many actuals since this was told last whose timestamps lie before Arize's join window. They are sent."""

    level: ClassVar[Level] = "warning"
    rows: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadStarted(Event):
    """The first attempt of a batch is about to leave: from now on a crash may repeat `spans`."""

    level: ClassVar[Level] = "debug"
    batch: int
    route: str = ""
    rows: int
    bytes: int
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAcknowledged(Event):
    """Arize answered 2xx to the POST itself. `seconds` is the last attempt's wall time."""

    level: ClassVar[Level] = "debug"
    batch: int
    route: str = ""
    rows: int
    attempts: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRetried(Event):
    """An attempt failed in a way that passes; the identical rows go out again in `retry_in_s`."""

    level: ClassVar[Level] = "warning"
    batch: int
    route: str = ""
    rows: int
    attempt: int
    error: str
    retry_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadUnproven(Event):
    """For `seconds` no answer to a batch proves that it is stored: `why` is the last. It is sent again and again.

    Told once in a while as long as it goes on, for one of a route's batches.
    """

    level: ClassVar[Level] = "error"
    batch: int
    route: str = ""
    attempts: int
    seconds: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadsHalved(Event):
    """Only `limit` uploads may be on their way at once now, `before` it were more: `why` is an error, or slow answers.

    Told once in a while as long as it goes on; `Progress` has the limit of each moment.
    """

    level: ClassVar[Level] = "warning"
    route: str = ""
    before: int
    limit: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSplit(Event):
    """Arize refused a batch for good: from now on it is searched for the very rows, the others are delivered."""

    level: ClassVar[Level] = "warning"
    batch: int
    route: str = ""
    rows: int
    status: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRejected(Event):
    """Arize refused these `rows` of a batch for good, found in `requests` requests; they go to the dead letters."""

    level: ClassVar[Level] = "error"
    batch: int
    route: str = ""
    rows: int
    status: int
    error: str
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLeftBehind(Event):
    """A route can't keep up: its messages are left behind, and read again later. The others go on."""

    level: ClassVar[Level] = "warning"
    route: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCaughtUp(Event):
    """A route has caught up with the others: all it had left behind is in its batches."""

    route: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Event):
    """The partitions are paused: `why` is uploads or dead-letters."""

    level: ClassVar[Level] = "debug"
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """The partitions are read again."""

    level: ClassVar[Level] = "debug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Event):
    """Kafka stored these next offsets (partition -> next_offset), and `counts` of all that lies below each."""

    level: ClassVar[Level] = "debug"
    next_offsets: Mapping[int, int]
    counts: Mapping[int, Counts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFailed(Event):
    """Kafka refused or lost a commit; it is tried again with the newest watermark."""

    level: ClassVar[Level] = "warning"
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaTrouble(Event):
    """librdkafka reports something that it deals with by itself (a broker down, a leader moving)."""

    level: ClassVar[Level] = "warning"
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """The loop's sign of life, at least twice a second while it turns. Never sent by a side thread.

    `loops` grows with each turn. `state` is starting, reading, paused, draining or done.
    `rss_bytes` is the process's resident memory; `uploads_limit` is how many uploads may be in flight now.
    """

    level: ClassVar[Level] = "debug"
    loops: int
    state: str
    uploads_in_flight: int
    rss_bytes: int
    uploads_limit: int | None = None
    partitions: Mapping[int, PartitionProgress] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFailed(Event):
    """The worker halts by itself, with this exit code and reason."""

    level: ClassVar[Level] = "error"
    exit_code: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFinished(Event):
    """The worker leaves with everything acknowledged and committed (or says how much is not)."""

    exit_code: int
    unacknowledged: int


# --- the supervisor -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStarted(Event):
    """What is about to run, one for each topic: its workers have the numbers from `first_worker` on.

    `next_offsets` is where each partition is known to begin, `until` where it shall end.
    """

    topic: str
    group: str
    workers: int
    first_worker: int = 0
    partitions: tuple[int, ...]
    next_offsets: Mapping[int, int] = field(default_factory=dict)
    until: Mapping[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsAdded(Event):
    """Partitions were added to `topic` while it is read: this worker reads them from their first message."""

    topic: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsNotRead(Event):
    """Partitions were added to `topic` while it is read, and this run does not read them; `why` says what to do."""

    level: ClassVar[Level] = "warning"
    topic: str
    partitions: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """A plain sentence from the supervisor that needs no fields."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerExited(Event):
    """A worker's process has ended. `exit_code` is negative for a signal, as in `subprocess`."""

    level: ClassVar[Level] = "warning"
    pid: int
    exit_code: int
    ran_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatesPossible(Event):
    """Messages that were sent and not committed when their worker, or the whole run before this one, was lost.

    Each that was sent lies in one of `ranges` (in which others may lie, too); a `count` is the most that may be sent
    twice of a range.
    """

    level: ClassVar[Level] = "warning"
    topic: str
    ranges: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBlocked(Event):
    """The account file can't be written: delivery goes on, the rows wait and are tried again."""

    level: ClassVar[Level] = "warning"
    error: str
    retry_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRestarting(Event):
    """The worker is started again after `in_s` of backoff; `crashes` are those inside the window."""

    level: ClassVar[Level] = "warning"
    in_s: float
    crashes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHung(Event):
    """No progress of the worker's loop for `silent_s`; it is killed and started again."""

    level: ClassVar[Level] = "error"
    pid: int
    silent_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGivenUp(Event):
    """The worker crashed too often: its partitions are given up, the others go on."""

    level: ClassVar[Level] = "error"
    partitions: tuple[int, ...]
    crashes: int
    crash_window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining(Event):
    """A stop was asked for: no more polling, what is in flight has `deadline_s` to be acknowledged.

    With `topic` it is about that one alone, and the others go on.
    """

    reason: str
    deadline_s: float
    topic: str | None = None
