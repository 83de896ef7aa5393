"""What a run looks like at one moment: the one source of the terminal, the page, `/api/status`, metrics and health.

Rules
1. A snapshot is a frozen value. The supervisor's loop makes it from the `RunState`; other threads only read it.
2. What is not known is None, never 0.
3. `at` and other moments are Unix seconds; ages and durations are seconds at `at`. Offsets are Kafka's.
4. Nothing here holds a payload or a secret.
5. The field names are the JSON of `/api/status`: they are an interface.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    """How a part is: `OK`; `DEGRADED`: it goes on, but somebody should look; `FAILING`: it does not go on."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


ORDER = (Health.OK, Health.DEGRADED, Health.FAILING)  # the worst last


class State(StrEnum):
    """What a worker, or a partition, does now."""

    STARTING = "starting"
    READING = "reading"
    WAITING_FOR_ARIZE = "waiting for Arize"
    KAFKA_AWAY = "Kafka away"
    DEAD_LETTERS_BLOCKED = "dead letters blocked"
    METADATA_FULL = "metadata full"
    PAUSED = "paused"
    DRAINING = "draining"
    HUNG = "hung"
    RESTARTING = "restarting"
    GIVEN_UP = "given up"
    HALTED = "halted"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the run. Messages are counted once their commit is confirmed, `read` when they are polled."""

    read: int = 0
    acknowledged: int = 0
    dead_lettered: int = 0
    tombstones: int = 0
    filtered: int = 0
    restarts: int = 0
    possible_duplicates: int = 0
    read_per_s: float = 0.0
    acknowledged_per_s: float = 0.0
    lag: int = 0
    lag_unknown: int = 0
    held_back: int = 0
    held_back_s: float | None = None
    oldest_age_s: float | None = None
    """Seconds since the Kafka timestamp of the oldest message that is not committed."""
    retention_left_s: float | None = None
    """Seconds until retention removes that message; None without a limit of time."""
    remaining_s: float | None = None
    oldest_age_unknown: int = 0
    """Partitions with a lag of which nobody knows how old the oldest message is: they are not in `oldest_age_s`."""
    retention_unknown: int = 0
    """Partitions with a lag of which nobody knows when retention removes the oldest message."""
    expired: int = 0
    """Offsets that the log no longer held when this run came to read them."""
    done_offsets: int | None = None
    """Offsets committed of `all_offsets`, in a run that has an end; None without an end."""
    all_offsets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The last fault of a part, at `at`, in one line. `lasts`: it has not passed yet."""

    text: str
    at: float
    lasts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaPart:
    """Kafka's side: its last fault, and the last confirmed commit."""

    health: Health = Health.OK
    fault: Fault | None = None
    brokers: str = ""
    committed_at: float | None = None
    commit_failures: int = 0
    ends_asked_at: float | None = None
    """When Kafka last answered the supervisor where the partitions end."""
    silent_s: float | None = None
    """For how long no broker has answered a worker; the longest over the workers, None while all have answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestPart:
    """Our own side: processes, dead letters, disk."""

    health: Health = Health.OK
    fault: Fault | None = None
    workers: int = 0
    workers_running: int = 0
    restarts: int = 0
    rss_bytes: int = 0
    dead_letters_free_bytes: int | None = None
    """Left on the disk of the dead letters; None if they go to a topic."""
    dead_letters_blocked_s: float | None = None
    """For how long the dead letters of a worker can't be written; None while they can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArizePart:
    """Arize's side. `waiting_s` is how long the oldest upload in flight has been out."""

    health: Health = Health.OK
    fault: Fault | None = None
    endpoint: str = ""
    in_flight: int = 0
    limit: int | None = None
    waiting_s: float | None = None
    acknowledged_at: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    retries: int = 0
    unanswered_s: float | None = None
    """For how long uploads are out and Arize has answered nothing at all; None if no upload is out."""
    failing_s: float | None = None
    """Since when each attempt of a worker has failed; the longest over the workers."""
    usual_s: float | None = None
    """Within which time Arize usually answers, from its recent answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """One worker. `since_s` is how long it has been in `state`."""

    index: int
    topic: str
    partitions: tuple[int, ...]
    state: State
    health: Health
    since_s: float
    reason: str = ""
    pid: int | None = None
    restarts: int = 0
    lane: str = ""
    read_per_s: float = 0.0
    acknowledged_per_s: float = 0.0
    in_flight: int = 0
    limit: int | None = None
    waiting_s: float | None = None
    rss_bytes: int = 0
    suspended_routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionStatus:
    """One partition. `lag` was true at `lag_at`."""

    topic: str
    partition: int
    worker: int | None
    state: State
    health: Health
    next_offset: int
    position: int | None
    end_offset: int | None
    lag: int | None
    lag_at: float | None = None
    held_back: int = 0
    oldest_age_s: float | None = None
    retention_left_s: float | None = None
    committed_at: float | None = None
    read_per_s: float = 0.0
    acknowledged: int = 0
    dead_lettered: int = 0
    retention_s: float | None = None
    """The topic's retention.ms; None without a limit of time, or if it is not known."""
    retention_known: bool = False
    """Kafka has answered how long it keeps messages, and it is time alone that limits it."""
    paused_s: float | None = None
    """For how long its worker has read nothing of it, as somebody has asked for; None if nobody has."""
    reason: str = ""
    """Who has paused it; empty if nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterCount:
    """Messages of one topic that were written to the dead letters for one reason, over all processes of the run.

    What a crash had written but not committed is written, and counted, again.
    """

    topic: str
    reason: str
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One event as the text log shows it."""

    at: float
    level: str
    event: str
    worker: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Samples of the last hour, one every `every_s`, oldest first; None where nothing was known."""

    every_s: float = 10.0
    read_per_s: tuple[float | None, ...] = ()
    acknowledged_per_s: tuple[float | None, ...] = ()
    oldest_age_s: tuple[float | None, ...] = ()
    dead_lettered: tuple[int, ...] = ()
    restarts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole run. `sentence` says in one line how it is, and is as true as the rest at `at`."""

    at: float
    started_at: float
    run: str
    """An id of this run of the supervisor: another one after each start."""
    version: str
    host: str
    pid: int
    group: str
    topics: tuple[str, ...]
    health: Health
    sentence: str
    draining: bool = False
    ended: bool = False
    exit_code: int | None = None
    loop_at: float = 0.0
    """When the supervisor's loop last turned."""
    totals: Totals = field(default_factory=Totals)
    kafka: KafkaPart = field(default_factory=KafkaPart)
    ingest: IngestPart = field(default_factory=IngestPart)
    arize: ArizePart = field(default_factory=ArizePart)
    workers: tuple[WorkerStatus, ...] = ()
    partitions: tuple[PartitionStatus, ...] = ()
    dead_letters: tuple[DeadLetterCount, ...] = ()
    events: tuple[LogLine, ...] = ()
    history: History = field(default_factory=History)

    @property
    def looping(self) -> bool:
        """Whether the supervisor's loop has workers to look after: not before the first, and not after the last."""
        waiting = (State.STARTING, State.RESTARTING)
        return any(one.pid is not None or one.state in waiting for one in self.workers)

    @property
    def healths(self) -> tuple[Health, Health, Health]:
        """Those of Kafka, ingest and Arize."""
        return self.kafka.health, self.ingest.health, self.arize.health

    def lags(self) -> dict[str, int]:
        """The lag by topic, without the partitions where it is not known."""
        lags = dict.fromkeys(self.topics, 0)
        for status in self.partitions:
            lags[status.topic] = lags.get(status.topic, 0) + (status.lag or 0)
        return lags


def as_json(snapshot: Snapshot) -> Mapping[str, Any]:
    """The JSON of `/api/status`."""
    return asdict(snapshot)
