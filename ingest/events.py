"""The events that a run emits, as typed values, and the callable that they are passed to.

The steps and the supervisor pass each event to an `Emit`; logs, screens and the account receive it there. Nothing here
formats, prints or decides. A worker's events travel to the supervisor over a pipe, so each is a small frozen value that
pickles.

Rules
1. The class names, in snake_case, and the field names are what a JSON log line shows: they are an interface.
2. A field's description stands in its type: `Annotated[int, "rows of the batch"]`.
3. No event holds a payload or a secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal

from ingest.errors import RetryReason
from ingest.records import Counts, PartitionProgress, Span

Level = Literal["debug", "info", "warning", "error"]
UploadOutcome = Literal["acknowledged", "rejected", "retried", "halted"]

_Topic = Annotated[str, "name of the topic"]
_Batch = Annotated[int, "number of the batch in its worker process, from 1 on"]
_Route = Annotated[str, "name of the route; empty if the configuration has no routes"]
_RetryIn = Annotated[float, "seconds until the next attempt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events."""

    level: ClassVar[Level] = "info"
    worker: Annotated[int | None, "number of the worker that the event is about; null for the supervisor"] = None


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
    """Allows each text once in `every_s` (monotonic seconds), so that a lasting fault does not flood the log."""

    def __init__(self, every_s: float = 30.0, most: int = 100) -> None:
        self._every_s = every_s
        self._most = most
        self._allowed_at: dict[str, float] = {}

    def allow(self, text: str, now: float) -> bool:
        """Whether `text` was not allowed within the last `every_s`; if so, it counts as allowed at `now`."""
        if now - self._allowed_at.get(text, float("-inf")) < self._every_s:
            return False
        if len(self._allowed_at) >= self._most:  # texts with changing details must not pile up
            self._allowed_at.clear()
        self._allowed_at[text] = now
        return True


# --- one worker ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(Event):
    """A worker's process runs and its loop begins."""

    pid: Annotated[int, "process id of the worker"]
    partitions: Annotated[tuple[int, ...], "partitions that the worker reads"]
    lane: Annotated[str, "decoder of the messages: `orjson`, or `fast` for the compiled one with orjson behind it"] = (
        "orjson"
    )
    orjson_reason: Annotated[str, "why the fast lane decodes no message of this worker; empty if it does"] = ""
    endpoint: Annotated[str, "address that the rows are sent to"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionAssigned(Event):
    """The worker begins to read a partition."""

    level: ClassVar[Level] = "debug"
    partition: Annotated[int, "partition that is read"]
    next_offset: Annotated[int, "offset of the first message that is read"]
    reason: Annotated[str, "why reading begins there: for example `committed`, `earliest` or `latest`"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetsExpired(Event):
    """The log no longer holds offsets that were to be read: retention or somebody has removed them.

    Those of their messages that were not settled are lost. Reading goes on after them, as [kafka] on_expired allows.
    """

    level: ClassVar[Level] = "error"
    topic: _Topic
    partition: Annotated[int, "partition that lost messages"]
    first: Annotated[int, "first offset that was removed"]
    next_offset: Annotated[int, "first offset that still exists"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettersWritten(Event):
    """Messages that can't be delivered were written to the dead letters, and are on disk or in the topic there."""

    level: ClassVar[Level] = "warning"
    reasons: Annotated[Mapping[str, int], "number of messages by reason code"]
    example: Annotated[str, "partition, offset and reason of one of them, without its value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettersBlocked(Event):
    """The dead letters can't be written. The partitions pause, and nothing is committed past these messages."""

    level: ClassVar[Level] = "error"
    error: Annotated[str, "why they can't be written"]
    retry_in_s: _RetryIn


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnWidened(Event):
    """A column's type was widened for a new value. Every value stays exact."""

    column: Annotated[str, "name of the column"]
    old_type: Annotated[str, "Arrow type before"]
    new_type: Annotated[str, "Arrow type from now on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesNulled(Event):
    """Values that do not fit the type of their column became null, as [schema.conflicts] is configured."""

    level: ClassVar[Level] = "warning"
    columns: Annotated[Mapping[str, int], "number of values by column, since the column's last event"]
    other_values: Annotated[int, "number of values in further columns, which are not named"] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownColumnsIgnored(Event):
    """Values of columns that [schema] does not name are not sent, as [schema] unknown is configured."""

    columns: Annotated[Mapping[str, int], "number of values by column, since the column's last event"]
    other_values: Annotated[int, "number of values in further columns, which are not named"] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampUnitDetected(Event):
    """The unit of a timestamp column was detected from its first values, because none is configured."""

    column: Annotated[str, "name of the column"]
    unit: Annotated[str, "`s`, `ms`, `us`, `ns` or `iso8601`"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateActuals(Event):
    """Actuals have timestamps before Arize's join window. They are not held back, but Arize may not join them."""

    level: ClassVar[Level] = "warning"
    rows: Annotated[int, "number of such actuals since the last event"]
    join_window_days: Annotated[int, "days before now within which Arize joins actuals to predictions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadStarted(Event):
    """An attempt to send a batch is about to start. From now on a crash may repeat its messages.

    The event comes with the first attempt, and again with the next one after `upload_not_stored`.
    """

    level: ClassVar[Level] = "debug"
    batch: _Batch
    route: _Route = ""
    rows: Annotated[int, "rows of the batch"]
    bytes: Annotated[int, "bytes of the messages of the batch, as read from Kafka"]
    spans: Annotated[tuple[Span, ...], "ranges of offsets that the messages of the batch lie in"]
    attempt: Annotated[int, "number of the attempt, from 1 on"] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadNotStored(Event):
    """An attempt ended, and Arize has nothing of the batch: nothing was sent, or the whole request was refused.

    A crash repeats nothing of it before the next `upload_started`. The event is missing if an earlier attempt may have
    stored rows.
    """

    level: ClassVar[Level] = "debug"
    batch: _Batch
    route: _Route = ""
    rows: Annotated[int, "rows of the batch"]
    spans: Annotated[tuple[Span, ...], "ranges of offsets, as in `upload_started`"]
    error: Annotated[str, "why the attempt stored nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAcknowledged(Event):
    """Arize acknowledged all rows of a batch, or those that were not rejected: it answered 2xx to our own requests."""

    level: ClassVar[Level] = "debug"
    batch: _Batch
    route: _Route = ""
    rows: Annotated[int, "rows that were acknowledged"]
    attempts: Annotated[int, "requests that were made for the batch, failed and rejected ones too"]
    last_attempt_s: Annotated[float, "seconds from the last request to its answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAnswered(Event):
    """A request to Arize has ended, with or without an answer: one event for each attempt, also while bisecting."""

    level: ClassVar[Level] = "debug"
    batch: _Batch
    route: _Route = ""
    rows: Annotated[int, "rows of the request"]
    outcome: Annotated[UploadOutcome, "what became of the rows; `halted`: the worker halts"]
    http_status: Annotated[int | None, "HTTP status of the answer; null if there was none"]
    retry_reason: Annotated[RetryReason | None, "why the rows are sent again; null for another outcome"]
    took_s: Annotated[float, "seconds from the request to its answer, or to its failure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRetried(Event):
    """An attempt failed for a reason that may pass. The identical rows will be sent again."""

    level: ClassVar[Level] = "warning"
    batch: _Batch
    route: _Route = ""
    rows: Annotated[int, "rows that will be sent again"]
    attempt: Annotated[int, "how many attempts have failed one after the other, from 1 on"]
    error: Annotated[str, "why it failed"]
    retry_in_s: _RetryIn


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadUnacknowledged(Event):
    """A batch was sent, but for some time no answer proves that Arize stored it. It will be sent again.

    The event is repeated from time to time for as long as this lasts, for one batch of each route.
    """

    level: ClassVar[Level] = "error"
    batch: _Batch
    route: _Route = ""
    attempts: Annotated[int, "attempts that were made so far"]
    elapsed_s: Annotated[float, "seconds since the first answer that proved nothing"]
    reason: Annotated[str, "why the last answer proves nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadConcurrencyReduced(Event):
    """Fewer uploads may run at the same time, because Arize answered with an error or slowly.

    The event is repeated from time to time for as long as this lasts; `progress` has the current limit.
    """

    level: ClassVar[Level] = "warning"
    route: _Route = ""
    before: Annotated[int, "number of concurrent uploads that were allowed before"]
    limit: Annotated[int, "number of concurrent uploads that are allowed now"]
    reason: Annotated[str, "the error, or how slow the answers are"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadBisecting(Event):
    """Arize rejected a batch. It is bisected to find the rejected rows; the others are delivered."""

    level: ClassVar[Level] = "warning"
    batch: _Batch
    route: _Route = ""
    rows: Annotated[int, "rows of the rejected batch"]
    http_status: Annotated[int, "HTTP status of the answer"]
    error: Annotated[str, "text of the answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRejected(Event):
    """Arize rejected rows of a batch. They become dead letters, unless the limit of dead letters is exceeded."""

    level: ClassVar[Level] = "error"
    batch: _Batch
    route: _Route = ""
    rows: Annotated[int, "rows that were rejected"]
    http_status: Annotated[int, "HTTP status of the last rejection; others may have had another one"]
    error: Annotated[str, "text of the last rejection"]
    requests: Annotated[int, "requests that were made to find the rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSuspended(Event):
    """A route can't keep up. Its messages are read again later; the other routes go on."""

    level: ClassVar[Level] = "warning"
    route: _Route
    reason: Annotated[str, "what holds the route up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCaughtUp(Event):
    """A suspended route has read again all that it had not taken, and goes on with the other routes."""

    route: _Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Event):
    """Kafka confirmed a commit."""

    level: ClassVar[Level] = "debug"
    next_offsets: Annotated[Mapping[int, int], "next offset to read by partition"]
    counts: Annotated[Mapping[int, Counts], "outcomes of all messages below the next offset, by partition"] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFailed(Event):
    """Kafka refused or lost a commit. The next commit, if the worker goes on, has the newest offsets."""

    level: ClassVar[Level] = "warning"
    error: Annotated[str, "why it failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaWarning(Event):
    """A problem with Kafka that may pass, such as a broker that is down."""

    level: ClassVar[Level] = "warning"
    error: Annotated[str, "what is wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """The worker's loop makes progress. It is emitted at least twice a second, by the loop itself."""

    level: ClassVar[Level] = "debug"
    loops: Annotated[int, "turns of the loop since the worker started"]
    state: Annotated[str, "`starting`, `reading`, `paused`, `draining` or `done`"]
    uploads_in_flight: Annotated[int, "uploads that wait for an answer"]
    rss_bytes: Annotated[int, "resident memory of the process"]
    uploads_limit: Annotated[int | None, "uploads that may run at the same time now"] = None
    partitions: Annotated[Mapping[int, PartitionProgress], "offsets and counts by partition"] = field(
        default_factory=dict
    )
    rows_decoded: Annotated[Mapping[str, int], "rows that the process has decoded, by lane: `fast` or `orjson`"] = (
        field(default_factory=dict)
    )
    commit_failures: Annotated[Mapping[str, int], "refused or lost commits of the process, by Kafka's error name"] = (
        field(default_factory=dict)
    )
    waits_for: Annotated[
        str,
        "what keeps the loop from reading more: `arize`, `dead letters`, `metadata`, `commit` or `catching up`; empty "
        "while there is room",
    ] = ""
    oldest_upload_s: Annotated[float | None, "seconds since the oldest batch in flight was first sent"] = None
    unanswered_s: Annotated[
        float | None, "seconds for which uploads are out and Arize has answered none of them; null if none is out"
    ] = None
    answered_s: Annotated[float | None, "seconds since Arize last answered, whatever it was; null before it did"] = None
    usual_answer_s: Annotated[float | None, "seconds within which Arize lately answered; null before it did"] = None
    arize_late: Annotated[bool, "an upload is out for longer than is usual, or attempts fail"] = False
    upload_error: Annotated[str, "why the last attempt failed, if none was acknowledged since"] = ""
    failing_s: Annotated[float | None, "seconds since the first attempt that failed after the last acknowledgement"] = (
        None
    )
    dead_letters_blocked_s: Annotated[float | None, "seconds since the dead letters can't be written"] = None
    kafka_silent_s: Annotated[float | None, "seconds for which no broker has answered; null while one does"] = None
    kafka_error: Annotated[str, "what Kafka's client last reported about that"] = ""
    suspended_routes: Annotated[tuple[str, ...], "routes that can't keep up and read their messages again later"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFailed(Event):
    """The worker halts by itself because of a fault."""

    level: ClassVar[Level] = "error"
    exit_code: Annotated[int, "exit code of its process"]
    error: Annotated[str, "the fault, and what to do about it"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFinished(Event):
    """The worker exits after a drain, or at the end that it had to reach."""

    exit_code: Annotated[int, "exit code of its process"]
    unacknowledged: Annotated[
        int,
        "messages that were read and are not settled, those of suspended routes aside; they stay uncommitted in Kafka",
    ]
    consumed: Annotated[int, "messages that the process read"] = 0
    unconfirmed_partitions: Annotated[
        tuple[int, ...], "partitions with settled messages whose commit Kafka has not confirmed: they may be sent again"
    ] = ()
    suspended_routes: Annotated[
        tuple[str, ...], "routes that had messages to read again; these stay uncommitted in Kafka"
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryMessage(Event):
    """A library has logged or warned. Its lines come as events, at a limited rate, and without secrets.

    The text of a library that sees messages or keys is left out; its place stays.
    """

    level: Annotated[Level, "level that the library gave it"] = "warning"  # type: ignore[misc]
    library: Annotated[str, "the library's logger, for example `librdkafka` or `uvicorn.error`"]
    text: Annotated[str, "what it wrote, or where it wrote it if the text is left out"]
    left_out: Annotated[int, "messages of this library that came before this one and were too many to be shown"] = 0


# --- the supervisor -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarting(Event):
    """The command has started: the first line, before the configuration is read."""

    pid: Annotated[int, "process id of the supervisor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    """The run ends by a fault of the configuration, a fault that a person must end, or a defect: the last line.

    As text it is written to standard error, as JSON to standard output with the others.
    """

    level: ClassVar[Level] = "error"
    exit_code: Annotated[int, "exit code of the command"]
    error: Annotated[str, "what is wrong, and what to do about it"]
    faults: Annotated[tuple[str, ...], "each fault of the configuration; empty for another error"] = ()
    traceback: Annotated[str, "where an unexpected exception was raised, without its text; else empty"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated(Event):
    """An event came again with the same text. Only text has this line; JSON has every event."""

    level: Annotated[Level, "level of the event"] = "info"  # type: ignore[misc]
    text: Annotated[str, "sentence of the event"]
    times: Annotated[int, "how often it came again"]
    within_s: Annotated[float, "seconds within which it did"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStarted(Event):
    """The supervisor is about to start the workers of a topic. There is one event for each topic."""

    topic: _Topic
    group: Annotated[str, "consumer group"]
    workers: Annotated[int, "number of workers of the topic"]
    first_worker: Annotated[int, "number of the first of them; the others follow it"] = 0
    partitions: Annotated[tuple[int, ...], "partitions of the topic that are read"]
    next_offsets: Annotated[Mapping[int, int], "offset where reading begins, by partition, where it is known"] = field(
        default_factory=dict
    )
    end_offsets: Annotated[Mapping[int, int] | None, "offset where the run ends, by partition; null without an end"] = (
        None
    )
    stable_offsets: Annotated[
        Mapping[int, int], "last stable offset by partition: later messages wait for the end of an open transaction"
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionEnds(Event):
    """The supervisor has asked where the partitions of a topic end. It does so every few seconds.

    It covers partitions whose worker is paused, hung or given up, too. A partition whose leader does not answer is
    missing.
    """

    level: ClassVar[Level] = "debug"
    topic: _Topic
    end_offsets: Annotated[Mapping[int, int], "high watermark by partition"]
    stable_offsets: Annotated[Mapping[int, int], "last stable offset by partition: no later message can be read now"]
    held_back_s: Annotated[
        Mapping[int, float],
        "seconds for which this run has seen the last stable offset stand still below the high watermark, by partition "
        "where it does",
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRetention(Event):
    """Kafka has answered for how long it keeps the messages of a topic. The supervisor asks every few minutes."""

    level: ClassVar[Level] = "debug"
    topic: _Topic
    retention_s: Annotated[float | None, "seconds after which it may remove a message; null: never, for its age"]
    by_size: Annotated[bool, "it also removes the oldest messages of a partition that is too large"] = False
    known: Annotated[bool, "false: Kafka does not tell this user"] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestMessages(Event):
    """The supervisor has asked Kafka when the oldest messages were written of partitions that no worker reads."""

    level: ClassVar[Level] = "debug"
    topic: _Topic
    next_offsets: Annotated[Mapping[int, int], "committed offset, or where reading begins, by partition"]
    timestamps_ms: Annotated[
        Mapping[int, int], "Kafka timestamp of the first message from there on, in ms since the epoch, by partition"
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionOpen(Event):
    """Messages lie behind an open transaction and can't be read before it ends, for over a minute.

    The broker aborts it after the producer's transaction.timeout.ms. The event is repeated from time to time.
    """

    level: ClassVar[Level] = "warning"
    topic: _Topic
    partition: Annotated[int, "the partition that has waited longest"]
    stable_offset: Annotated[int, "offset of the transaction's first message"]
    held_back: Annotated[int, "offsets from there up to the high watermark"]
    held_back_s: Annotated[float, "seconds for which this run has seen the transaction open: it may be older"]
    other_partitions: Annotated[tuple[int, ...], "further partitions of the topic that wait for over a minute"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCommit(Event):
    """The group's committed offset is not what this run has committed: somebody else commits for the group.

    That may be a second supervisor on the same partitions, which delivers the same messages, or a tool that moves
    offsets. Two supervisors whose commits are equal are not noticed.
    """

    level: ClassVar[Level] = "warning"
    topic: _Topic
    group: Annotated[str, "consumer group"]
    committed: Annotated[Mapping[int, int], "next offset that this run last committed, by partition"]
    found: Annotated[Mapping[int, int | None], "next offset that Kafka has, by partition; null if it has none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsAdded(Event):
    """Partitions were added to the topic during the run, and are assigned to this worker.

    It reads them from the committed offset if there is one, else from the first message.
    """

    topic: _Topic
    partitions: Annotated[tuple[int, ...], "partitions that the worker reads in addition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPaused(Event):
    """Somebody has paused a partition: nothing more is read of it until it is resumed, or the run ends.

    What was read of it is delivered and committed. A restart of its worker does not end the pause.
    """

    level: ClassVar[Level] = "warning"
    topic: _Topic
    partition: Annotated[int, "the partition"]
    by: Annotated[str, "who has asked for it"]
    holds_up_the_end: Annotated[bool, "the run has an end, and waits for the partition"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionResumed(Event):
    """Somebody has ended the pause of a partition: it is read on from where it was."""

    topic: _Topic
    partition: Annotated[int, "the partition"]
    by: Annotated[str, "who has asked for it"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsNotRead(Event):
    """Partitions were added to the topic during the run, and this run does not read them."""

    level: ClassVar[Level] = "warning"
    topic: _Topic
    partitions: Annotated[tuple[int, ...], "partitions that are not read"]
    reason: Annotated[str, "why they are not read, and what to do"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """A sentence that needs no fields of its own."""

    text: Annotated[str, "the sentence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusServed(Event):
    """The supervisor serves the run's page, its metrics and its health until the run ends."""

    url: Annotated[str, "address of the page"]
    listen_host: Annotated[str, "address that is listened on, as [status] host says"]
    port: Annotated[int, "port that is listened on"]
    port_taken: Annotated[int | None, "default port, if it was taken and another one is used; else null"] = None
    actions: Annotated[bool, "whether the page can drain the run and restart workers"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateNotKept(Event):
    """Dead letters or the account are written to a place that goes with the container that ingest runs in."""

    level: ClassVar[Level] = "warning"
    section: Annotated[str, "section of the configuration that names the directory: [dead_letters] or [account]"]
    directory: Annotated[str, "the directory, absolute"]
    reason: Annotated[str, "why what is written there is not kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChanged(Event):
    """The run is worse than the log said, as soon as it is seen; or it has been better for 10 seconds.

    It is well at its beginning. The healths are those of the status page: `ok`, `degraded` (it goes on, but somebody
    should look) and `failing` (it does not go on).
    """

    level: Annotated[Level, "info if the run is ok, warning if it is degraded, error if it is failing"] = "info"  # type: ignore[misc]
    health: Annotated[str, "health of the run: the worst of the three"]
    kafka: Annotated[str, "health of Kafka's side"]
    ingest: Annotated[str, "health of the run's own side: workers, dead letters, paused partitions"]
    arize: Annotated[str, "health of Arize's side"]
    text: Annotated[str, "the first line of terminal and page at this moment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerExited(Event):
    """A worker's process has ended with an exit code other than 0."""

    level: ClassVar[Level] = "warning"
    pid: Annotated[int, "process id of the worker"]
    exit_code: Annotated[int, "exit code; the negative number of the signal if one ended the process"]
    ran_s: Annotated[float, "seconds that the process ran"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatesPossible(Event):
    """Messages may reach Arize twice: they may have been sent, and are read again.

    Their worker or the run before this one was lost before their commit, or the group was moved back. Each of them lies
    in one of the ranges, in which other messages may lie, too. What others deliver is not known here.
    """

    level: ClassVar[Level] = "warning"
    topic: _Topic
    ranges: Annotated[tuple[Span, ...], "ranges of offsets, each with the most messages of it that may be sent twice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBlocked(Event):
    """The account file can't be written. Delivery goes on; the rows wait and are written later."""

    level: ClassVar[Level] = "warning"
    error: Annotated[str, "why it can't be written"]
    retry_in_s: _RetryIn


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRestarting(Event):
    """A worker ended unexpectedly and will be started again after a backoff."""

    level: ClassVar[Level] = "warning"
    restart_in_s: Annotated[float, "seconds until the start"]
    crashes: Annotated[int, "crashes of this worker within [supervisor] crash_window_s, including this one"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHung(Event):
    """A worker's loop made no progress for too long. Its process is killed, which counts as a crash."""

    level: ClassVar[Level] = "error"
    pid: Annotated[int, "process id of the worker"]
    no_progress_s: Annotated[float, "seconds since its last progress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGivenUp(Event):
    """A worker crashed too often and is not started again. This run does not read its partitions any more."""

    level: ClassVar[Level] = "error"
    partitions: Annotated[tuple[int, ...], "partitions that this run does not read any more"]
    crashes: Annotated[int, "crashes within `crash_window_s`"]
    crash_window_s: Annotated[float, "seconds within which crashes are counted, as [supervisor] crash_window_s says"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStarted(Event):
    """A stop was requested. Workers poll no more messages, deliver what they have read, commit and exit."""

    reason: Annotated[str, "the signal, or what else requested the stop"]
    deadline_in_s: Annotated[float, "seconds within which the messages must be acknowledged"]
    topic: Annotated[str | None, "topic that drains while the others go on; null if the whole run drains"] = None
