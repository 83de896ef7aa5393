"""What a scraper reads: every metric of the table and no other, in the format that it asks for."""

import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain
from prometheus_client.registry import Collector

from ingest import events
from ingest.events import Event
from ingest.records import Counts, PartitionProgress, Span
from ingest.status.health import LOOP_S
from ingest.status.metrics import table
from ingest.status.metrics.exposition import RunMetrics
from ingest.status.metrics.partition_text import PartitionText
from ingest.status.snapshot import ArizePart, IngestPart, State
from tests.harness.run_snapshots import AT, partition, snapshot, worker

OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5"


def everything() -> list[Event]:
    """Events that touch every counter and histogram."""
    one = PartitionProgress(1, 1, 1, 5, Counts(1, 1, 1, 1))
    report: dict[str, Any] = {"worker": 0, "loops": 1, "state": "reading", "uploads_in_flight": 0, "rss_bytes": 1}
    return [
        events.SupervisorStarted(topic="rides", group="g", workers=1, partitions=(0, 1)),
        events.Progress(**report, partitions={0: one}, rows_decoded={"fast": 5}, commit_failures={"_TIMED_OUT": 1}),
        events.UploadStarted(worker=0, batch=1, rows=5, bytes=500, spans=()),
        events.UploadAnswered(
            worker=0, batch=1, rows=5, outcome="retried", http_status=503, retry_reason="http_5xx", took_s=0.2
        ),
        events.UploadAcknowledged(worker=0, batch=1, rows=5, attempts=1, last_attempt_s=0.1),
        events.DeadLettersWritten(worker=0, reasons={"not_json": 1}, example=""),
        events.DeadLettersBlocked(worker=0, error="full", retry_in_s=1.0),
        events.DuplicatesPossible(topic="rides", ranges=(Span(0, 1, 2, 1),)),
    ]


def metrics(now: float = AT) -> RunMetrics:
    made = RunMetrics(lambda: now)
    for event in everything():
        made.emit(event, AT)
    made.tick(snapshot(partitions=(partition(0, paused_s=60.0), partition(1))))
    return made


def test_names_follow_the_conventions() -> None:
    for metric in table.METRICS:
        assert re.fullmatch(r"ingest_[a-z]+(_[a-z]+)*", metric.name)
        assert not metric.name.endswith(("_total", "_info", "_count", "_sum", "_bucket"))
        if metric.unit in {"s", "By"}:
            assert metric.name.endswith({"s": "_seconds", "By": "_bytes"}[metric.unit])
        assert metric.help.endswith(".")
        assert len(metric.labels) <= 4
        assert (metric.kind == "histogram") == bool(metric.buckets)
        assert list(metric.buckets) == sorted(set(metric.buckets))
    names = [metric.exposed_name for metric in table.METRICS]
    assert len(names) == len(set(names))
    assert all(name.startswith("process_") for name in table.PROCESS)


@pytest.mark.parametrize("accept", ["", "text/plain", OPEN_METRICS])
def test_every_metric_of_the_table_is_exposed_and_no_other(accept: str) -> None:
    body, content_type = metrics().exposition(accept)
    is_open = content_type.startswith("application/openmetrics-text")
    assert is_open == (accept == OPEN_METRICS)
    assert body.endswith(b"# EOF\n") == is_open
    found: dict[str, set[tuple[str, ...]]] = {}
    for family in (open_metrics if is_open else plain)(body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).add(tuple(sorted(set(sample.labels) - {"le"})))
    expected = {}
    for metric in table.METRICS:
        suffixes = ("_bucket", "_count", "_sum") if metric.kind == "histogram" else ("",)
        for suffix in suffixes:
            expected[metric.exposed_name + suffix] = {tuple(sorted(metric.labels))}
    if is_open:
        found = {name: labels for name, labels in found.items() if not name.endswith("_created")}
    own = {name: labels for name, labels in found.items() if not name.startswith("process_")}
    assert own == expected
    assert {name for name in found if name.startswith("process_")} <= table.PROCESS.keys()
    assert "process_resident_memory_bytes" in found


def test_help_and_type_are_those_of_the_table() -> None:
    text = metrics().exposition(OPEN_METRICS)[0].decode()
    families = {one.name: one for one in open_metrics(text)}  # type: ignore[no-untyped-call]
    for metric in table.METRICS:
        assert families[metric.name].documentation == metric.help
        assert families[metric.name].type == metric.kind


def value(made: RunMetrics, name: str, **labels: str) -> float | None:
    for family in plain(made.exposition()[0].decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def test_values_are_those_of_the_snapshot() -> None:
    made = metrics()
    found = {"topic": "rides", "partition": "1"}
    assert value(made, "ingest_consumer_lag_offsets", **found) == 10
    assert value(made, "ingest_oldest_uncommitted_age_seconds", **found) == 3.5
    assert value(made, "ingest_retention_headroom_seconds", **found) == 86_400
    assert value(made, "ingest_committed_offset", **found) == 90
    assert value(made, "ingest_end_offset", **found) == 100
    assert value(made, "ingest_last_committed_time_seconds", topic="rides") == AT - 1
    assert value(made, "ingest_uploads_in_flight_limit") == 8
    assert value(made, "ingest_oldest_upload_wait_seconds") == 0.5
    assert value(made, "ingest_partitions", topic="rides") == 2
    assert value(made, "ingest_worker_resident_memory_bytes", topic="rides", worker="0") == 2**28
    assert value(made, "ingest_worker_state", topic="rides", worker="0", state="reading") == 1
    assert value(made, "ingest_worker_state", topic="rides", worker="0", state="given_up") == 0
    assert value(made, "ingest_part_health", part="arize", health="ok") == 1
    assert value(made, "ingest_run_info", run="r1", group="g") == 1


def test_what_is_not_known_is_missing() -> None:
    made = metrics()
    unknown = partition(lag=None, end_offset=None, oldest_age_s=None, retention_left_s=None)
    made.tick(
        snapshot(
            partitions=(unknown,), ingest=IngestPart(), workers=(worker(pid=None, rss_bytes=0),), arize=ArizePart()
        )
    )
    body = made.exposition()[0].decode()
    for name in (
        "consumer_lag_offsets",
        "end_offset",
        "oldest_uncommitted_age_seconds",
        "retention_headroom_seconds",
        "dead_letters_free_bytes",
        "worker_resident_memory_bytes",
        "oldest_upload_wait_seconds",
        "last_acknowledged_time_seconds",
    ):
        assert not re.search(rf"^ingest_{name}[ {{]", body, re.MULTILINE), name


def test_without_a_lag_nothing_is_old() -> None:
    made = metrics()
    made.tick(snapshot(partitions=(partition(lag=0, oldest_age_s=None),)))
    assert value(made, "ingest_oldest_uncommitted_age_seconds", topic="rides", partition="0") == 0


def test_ready_is_as_of_the_scrape_even_if_the_loop_has_stopped() -> None:
    assert value(metrics(AT + 1), "ingest_ready") == 1
    assert value(metrics(AT + LOOP_S + 1), "ingest_ready") == 0


def test_partitions_of_lost_workers_are_given_up() -> None:
    made = metrics()
    made.tick(snapshot(partitions=(partition(0, State.GIVEN_UP), partition(1, State.HALTED), partition(2))))
    assert value(made, "ingest_partitions_given_up", topic="rides") == 2


def test_partitions_paused_by_request_are_counted_and_each_has_its_time() -> None:
    made = metrics()
    made.tick(snapshot(partitions=(partition(0, State.PAUSED, paused_s=60.5), partition(1))))
    assert value(made, "ingest_partitions_paused", topic="rides") == 1
    assert value(made, "ingest_paused_seconds", topic="rides", partition="0") == 60.5
    assert value(made, "ingest_paused_seconds", topic="rides", partition="1") is None


def test_before_the_first_snapshot_there_are_counters_only() -> None:
    made = RunMetrics()
    body = made.exposition()[0].decode()
    assert "# TYPE ingest_messages_consumed_total counter" in body
    assert "ingest_ready" not in body


def test_a_hostile_topic_is_escaped() -> None:
    made = metrics()
    made.tick(snapshot(partitions=(partition(topic='a"b\n\\c'),)))
    (family,) = [one for one in plain(made.exposition()[0].decode()) if one.name == "ingest_end_offset"]
    assert family.samples[0].labels["topic"] == 'a"b\n\\c'


def test_a_partition_has_five_samples() -> None:
    """Scrapes of 1,000 partitions must stay quick: see docs/operations/monitoring.md."""
    made = metrics()
    made.tick(snapshot(partitions=tuple(partition(number) for number in range(1_000))))
    lines = made.exposition(OPEN_METRICS)[0].splitlines()
    assert sum(b'partition="' in line for line in lines) == 5 * 1_000


def test_partitions_are_written_as_the_library_writes_them() -> None:
    found = [(("rides", "0"), 5.0), (('a"b\n\\c', "12"), 1.5e300), (("ü", "3"), 0.1)]
    family = GaugeMetricFamily(table.LAG.name, table.LAG.help, labels=table.LAG.labels)
    for labels, number in found:
        family.add_metric(labels, number)
    registry = CollectorRegistry()
    registry.register(Fixed(family))
    library = list(plain(generate_latest(registry).decode()))
    assert list(plain(PartitionText().lines(table.LAG, found))) == library


class Fixed(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> list[Metric]:
        return [self._family]
