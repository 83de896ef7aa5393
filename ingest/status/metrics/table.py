"""The metrics of a run: name, type, labels, unit and help. What exposes them, and their page, are made from this table.

Rules
1. Names follow Prometheus: the prefix `ingest_`, base units, `_total` for what only grows. A name and its labels keep
   their meaning: dashboards and alerts are built on them.
2. A label has few values: topics, partitions, workers and routes as configured, and words from fixed lists. It never
   holds the text of an error.
3. A counter counts from 0 in each run of the supervisor, over all worker processes, and never decreases in it.
4. What is not known is missing, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram", "info"]
Labels = tuple[str, ...]


BY_PARTITION: Labels = ("topic", "partition")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is without `_total` and `_info`. `buckets` are the upper bounds of a histogram, without +Inf.

    `unit` is that of its value: `s`, `By`, or what is counted, in braces, as OpenTelemetry writes units.
    """

    name: str
    kind: Kind
    labels: Labels
    unit: str
    help: str
    buckets: tuple[float, ...] = ()

    @property
    def exposed_name(self) -> str:
        """The name of its samples; those of a histogram end in `_bucket`, `_sum` and `_count`."""
        return self.name + {"counter": "_total", "info": "_info"}.get(self.kind, "")


_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_ROWS = (1.0, 10.0, 100.0, 1_000.0, 5_000.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0, 250_000.0, 1_000_000.0)
_BYTES = tuple(float(2**power) for power in (10, 14, 17, 20, 22, 23, 24, 25, 26, 27, 28))


# --- counted from events ------------------------------------------------------------------------

CONSUMED = Metric(
    "ingest_messages_consumed",
    "counter",
    ("topic",),
    "{message}",
    "Messages read from Kafka; one that is read again after a restart counts again.",
)
SETTLED = Metric(
    "ingest_messages_settled",
    "counter",
    ("topic", "outcome"),
    "{message}",
    "Messages whose outcome is final and committed: acknowledged, dead_lettered, tombstones or filtered. Each message "
    "counts once, however often workers were restarted.",
)
ROWS_ACKNOWLEDGED = Metric(
    "ingest_rows_acknowledged",
    "counter",
    ("topic", "route"),
    "{row}",
    "Rows that Arize acknowledged; one that was sent again counts again.",
)
DEAD_LETTERS = Metric(
    "ingest_dead_letters",
    "counter",
    ("topic", "reason"),
    "{message}",
    "Dead letters that are durable, by reason; one that is written again after a restart counts again.",
)
DEAD_LETTERS_BLOCKED = Metric(
    "ingest_dead_letter_write_failures",
    "counter",
    ("topic",),
    "{failure}",
    "Failed attempts to write dead letters: the partitions pause until one succeeds.",
)
POSSIBLE_DUPLICATES = Metric(
    "ingest_possible_duplicates",
    "counter",
    ("topic",),
    "{message}",
    "The most messages that Arize may have twice, because a worker or the run before was lost before their commit.",
)
EXPIRED = Metric(
    "ingest_expired_offsets",
    "counter",
    ("topic",),
    "{offset}",
    "Offsets that retention or somebody removed before they were read; [kafka] on_expired lets the run go on.",
)
UPLOADS = Metric(
    "ingest_upload_requests",
    "counter",
    ("topic", "route", "status"),
    "{request}",
    "Requests to Arize that have ended, by HTTP status; `none` without an answer.",
)
UPLOAD_SECONDS = Metric(
    "ingest_upload_duration_seconds",
    "histogram",
    ("topic", "route"),
    "s",
    "Seconds from a request to its answer, or to its failure.",
    _SECONDS,
)
RETRIES = Metric(
    "ingest_upload_retries",
    "counter",
    ("topic", "reason"),
    "{request}",
    "Requests to Arize that failed for a reason that may pass: the identical rows are sent again.",
)
BATCH_ROWS = Metric(
    "ingest_batch_rows", "histogram", ("topic", "route"), "{row}", "Rows of a batch, when it is first sent.", _ROWS
)
BATCH_BYTES = Metric(
    "ingest_batch_bytes",
    "histogram",
    ("topic", "route"),
    "By",
    "Bytes of the messages of a batch, as read from Kafka, when it is first sent.",
    _BYTES,
)
ROWS_DECODED = Metric(
    "ingest_rows_decoded",
    "counter",
    ("topic", "lane"),
    "{row}",
    "Rows decoded by each lane, fast or orjson, those that became dead letters too.",
)
COMMITS = Metric("ingest_commits", "counter", ("topic",), "{commit}", "Commits that Kafka has confirmed.")
COMMIT_FAILURES = Metric(
    "ingest_commit_failures",
    "counter",
    ("topic", "reason"),
    "{commit}",
    "Commits that Kafka refused or lost, by Kafka's name of the error. The next commit has the newest offsets.",
)
RESTARTS = Metric(
    "ingest_worker_restarts",
    "counter",
    ("topic", "reason"),
    "{restart}",
    "Workers that ended and are started again: hung (killed by the supervisor), killed (by a signal), kafka (exit code "
    "4), crashed (another exit code), finished (exit code 0, though the run has no end).",
)

COUNTED = (
    CONSUMED,
    SETTLED,
    ROWS_ACKNOWLEDGED,
    DEAD_LETTERS,
    DEAD_LETTERS_BLOCKED,
    POSSIBLE_DUPLICATES,
    EXPIRED,
    UPLOADS,
    UPLOAD_SECONDS,
    RETRIES,
    BATCH_ROWS,
    BATCH_BYTES,
    ROWS_DECODED,
    COMMITS,
    COMMIT_FAILURES,
    RESTARTS,
)

# --- read from the snapshot ---------------------------------------------------------------------

BUILD = Metric("ingest_build", "info", ("version", "python", "arize", "confluent_kafka"), "", "Versions.")
RUN = Metric("ingest_run", "info", ("run", "group"), "", "The id of this run of the supervisor, and its group.")
STARTED = Metric("ingest_start_time_seconds", "gauge", (), "s", "When the run began, in Unix seconds.")
LOOP = Metric("ingest_loop_time_seconds", "gauge", (), "s", "When the supervisor's loop last turned, in Unix seconds.")
READY = Metric("ingest_ready", "gauge", (), "", "1 if /readyz answers 200, else 0.")
DRAINING = Metric("ingest_draining", "gauge", (), "", "1 while the run drains, else 0.")
PART = Metric(
    "ingest_part_health",
    "gauge",
    ("part", "health"),
    "",
    "1 for the health that kafka, ingest and arize have now (ok, degraded, failing), 0 for the others.",
)
IN_FLIGHT = Metric("ingest_uploads_in_flight", "gauge", (), "{request}", "Batches that wait for an answer of Arize.")
IN_FLIGHT_LIMIT = Metric(
    "ingest_uploads_in_flight_limit", "gauge", (), "{request}", "Uploads that may run at the same time now."
)
WAITING = Metric(
    "ingest_oldest_upload_wait_seconds",
    "gauge",
    (),
    "s",
    "How long the oldest batch in flight has been out, repeats included; missing while none is in flight.",
)
ACKNOWLEDGED_AT = Metric(
    "ingest_last_acknowledged_time_seconds", "gauge", (), "s", "When Arize last acknowledged rows, in Unix seconds."
)
COMMITTED_AT = Metric(
    "ingest_last_committed_time_seconds",
    "gauge",
    ("topic",),
    "s",
    "When Kafka last confirmed a commit, in Unix seconds.",
)
LAG = Metric(
    "ingest_consumer_lag_offsets",
    "gauge",
    BY_PARTITION,
    "{offset}",
    "Offsets from the committed one to the end of the partition; missing while the end is not known.",
)
OLDEST_AGE = Metric(
    "ingest_oldest_uncommitted_age_seconds",
    "gauge",
    BY_PARTITION,
    "s",
    "Age of the oldest message that is not committed, by its timestamp in Kafka: the lag in seconds. 0 without a lag.",
)
HEADROOM = Metric(
    "ingest_retention_headroom_seconds",
    "gauge",
    BY_PARTITION,
    "s",
    "Seconds until retention removes the oldest message that is not committed; missing without a limit of time.",
)
NEXT_OFFSET = Metric(
    "ingest_committed_offset", "gauge", BY_PARTITION, "{offset}", "The next offset to read, as committed."
)
END_OFFSET = Metric("ingest_end_offset", "gauge", BY_PARTITION, "{offset}", "The high watermark, as last asked for.")
HELD_BACK = Metric(
    "ingest_held_back_offsets",
    "gauge",
    ("topic",),
    "{offset}",
    "Offsets of the lag that are behind open transactions, and can't be read before these end.",
)
PARTITIONS = Metric("ingest_partitions", "gauge", ("topic",), "{partition}", "Partitions that the run is to read.")
GIVEN_UP = Metric(
    "ingest_partitions_given_up",
    "gauge",
    ("topic",),
    "{partition}",
    "Partitions that the run does not read any more, because their worker kept crashing or halted.",
)
PAUSED = Metric(
    "ingest_partitions_paused",
    "gauge",
    ("topic",),
    "{partition}",
    "Partitions that somebody has paused on the status page; the page and /readyz name them.",
)
PAUSED_FOR = Metric(
    "ingest_paused_seconds",
    "gauge",
    BY_PARTITION,
    "s",
    "For how long the partition has been paused on the status page; missing while it is not paused.",
)
WORKER_STATE = Metric(
    "ingest_worker_state",
    "gauge",
    ("topic", "worker", "state"),
    "",
    "1 for the state that the worker is in, 0 for the others.",
)
WORKER_MEMORY = Metric(
    "ingest_worker_resident_memory_bytes",
    "gauge",
    ("topic", "worker"),
    "By",
    "Resident memory of the worker's process; missing while it has none.",
)
DISK_FREE = Metric(
    "ingest_dead_letters_free_bytes",
    "gauge",
    (),
    "By",
    "Bytes left on the disk of the dead letters; missing if they go to a topic.",
)

READ = (
    BUILD,
    RUN,
    STARTED,
    LOOP,
    READY,
    DRAINING,
    PART,
    IN_FLIGHT,
    IN_FLIGHT_LIMIT,
    WAITING,
    ACKNOWLEDGED_AT,
    COMMITTED_AT,
    LAG,
    OLDEST_AGE,
    HEADROOM,
    NEXT_OFFSET,
    END_OFFSET,
    HELD_BACK,
    PARTITIONS,
    GIVEN_UP,
    PAUSED,
    PAUSED_FOR,
    WORKER_STATE,
    WORKER_MEMORY,
    DISK_FREE,
)

METRICS = (*COUNTED, *READ)

# Those of the supervisor's own process, as every client of Prometheus names them; not on every platform.
PROCESS: Mapping[str, str] = {
    "process_cpu_seconds_total": "CPU time of the supervisor, in seconds.",
    "process_max_fds": "The most file descriptors that it may open.",
    "process_open_fds": "Its open file descriptors.",
    "process_resident_memory_bytes": "Its resident memory.",
    "process_start_time_seconds": "When it was started, in Unix seconds.",
    "process_virtual_memory_bytes": "Its virtual memory.",
}
