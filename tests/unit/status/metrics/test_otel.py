"""OpenTelemetry gets the numbers that Prometheus gets: read in memory, and by a real receiver of OTLP over gRPC."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint

from ingest import events
from ingest.events import Event
from ingest.status.metrics import table
from ingest.status.metrics.exposition import RunMetrics
from ingest.status.metrics.otel import ExportError, OtelMetrics
from tests.harness.run_snapshots import AT, snapshot

PATIENCE_S = 20.0
EVENTS: tuple[Event, ...] = (
    events.SupervisorStarted(topic="rides", group="g", workers=1, partitions=(0,)),
    events.UploadAnswered(
        worker=0, batch=1, rows=5, outcome="acknowledged", http_status=200, retry_reason=None, took_s=0.2
    ),
    events.UploadAnswered(
        worker=0, batch=1, rows=5, outcome="retried", http_status=503, retry_reason="http_5xx", took_s=70.0
    ),
)


def watched(metrics: RunMetrics, otel: OtelMetrics) -> None:
    for event in EVENTS:
        for watcher in (metrics, otel):
            watcher.emit(event, AT)
    for watcher in (metrics, otel):
        watcher.tick(snapshot())


def test_every_metric_has_the_values_that_prometheus_reads() -> None:
    reader, metrics = InMemoryMetricReader(), RunMetrics(lambda: AT)
    otel = OtelMetrics(metrics, lambda: reader)
    watched(metrics, otel)
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    assert resource.resource.attributes["service.name"] == "ingest"
    found = {one.name: one for scope in resource.scope_metrics for one in scope.metrics}
    for metric in table.METRICS:
        name = metric.name if metric.kind in {"counter", "histogram"} else metric.exposed_name
        if metric.kind == "histogram":
            expected: object = {
                labels: (one.counts, one.total) for labels, one in metrics.counters.distributions(metric).items()
            }
        elif metric.kind == "counter":
            expected = dict(metrics.counters.sums(metric))
        else:
            expected = dict(metrics.samples(metric))
        assert values(found[name].data.data_points if name in found else (), metric.labels) == expected, name
    point = found["ingest_upload_duration_seconds"].data.data_points[0]
    assert isinstance(point, HistogramDataPoint)
    assert tuple(point.explicit_bounds) == table.UPLOAD_SECONDS.buckets
    otel.close()


def values(points: object, labels: tuple[str, ...]) -> dict[tuple[str, ...], object]:
    assert isinstance(points, list | tuple)
    found: dict[tuple[str, ...], object] = {}
    for point in points:
        key = tuple(point.attributes[name] for name in labels)
        if isinstance(point, HistogramDataPoint):
            found[key] = (tuple(point.bucket_counts), point.sum)
        else:
            assert isinstance(point, NumberDataPoint)
            found[key] = point.value
    return found


class Receiver(metrics_service_pb2_grpc.MetricsServiceServicer):
    """A collector: it keeps what it was sent last."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.metrics: dict[str, metrics_pb2.Metric] = {}

    def Export(  # noqa: N802  gRPC's name
        self, request: metrics_service_pb2.ExportMetricsServiceRequest, context: object
    ) -> metrics_service_pb2.ExportMetricsServiceResponse:
        del context
        self.metrics = {m.name: m for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics}
        self.came.set()
        return metrics_service_pb2.ExportMetricsServiceResponse()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    made = Receiver()
    server = grpc.server(ThreadPoolExecutor(1))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(made, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
    yield made
    server.stop(None).wait()


def test_a_real_receiver_gets_them(receiver: Receiver) -> None:
    metrics = RunMetrics(lambda: AT)
    otel = OtelMetrics(metrics)
    watched(metrics, otel)
    otel.close()  # sends the last values
    assert receiver.came.wait(PATIENCE_S)
    point = receiver.metrics["ingest_upload_duration_seconds"].histogram.data_points[0]
    assert (point.count, point.sum) == (2, 70.2)
    lag = receiver.metrics["ingest_consumer_lag_offsets"].gauge.data_points
    assert [one.as_double for one in lag] == [10.0, 10.0]
    retries = receiver.metrics["ingest_upload_retries"].sum
    assert retries.is_monotonic
    assert retries.data_points[0].as_int == 1


def test_a_collector_that_is_away_is_a_fault_of_the_watcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
    metrics = RunMetrics(lambda: AT)
    otel = OtelMetrics(metrics)
    metrics.emit(EVENTS[0], AT)
    otel.emit(EVENTS[0], AT)
    waiting = threading.Event()

    def until_it_is_raised() -> None:
        for _ in range(int(PATIENCE_S * 20)):
            otel.tick(snapshot())
            waiting.wait(0.05)

    with pytest.raises(ExportError, match=r"^OpenTelemetry: "):
        until_it_is_raised()
    otel.close()


def test_without_the_extra_the_fault_says_how_to_install_it() -> None:
    script = """
import sys
sys.modules["opentelemetry.sdk.metrics"] = None
import ingest.status.metrics.otel
"""
    failed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "ConfigError: [status] otel is true, but OpenTelemetry is not installed" in failed.stderr
    assert "pip install 'ingest[otel]'" in failed.stderr
