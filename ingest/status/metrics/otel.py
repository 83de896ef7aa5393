"""The metrics of a run for OpenTelemetry: the same table, through the SDK, by OTLP over gRPC (extra `ingest[otel]`).

Rules
1. Nothing here is imported unless `[status] otel` is true. Where to, how often and with which headers are the SDK's own
   variables: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_METRIC_EXPORT_INTERVAL and others, OTEL_RESOURCE_ATTRIBUTES.
2. Counters and gauges are read when the SDK's thread asks for them; values of histograms are handed to it as they come.
   The supervisor's loop waits for neither. Names are those of the table, without `_total` and with `_info`.
3. The SDK starts with the run's first event: by then the forkserver runs, which must not inherit threads of gRPC.
4. What the SDK logs, such as a collector that is away, is no line of its own: the next `tick` raises it, and whoever
   publishes the run reports it, not too often.
"""

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import version

from ingest.errors import ConfigError, IngestError
from ingest.events import Event
from ingest.status.metrics import table
from ingest.status.metrics.exposition import RunMetrics
from ingest.status.metrics.table import Labels, Metric
from ingest.status.snapshot import Snapshot

try:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.metrics import CallbackOptions, Histogram, Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
    from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
    from opentelemetry.sdk.resources import Resource
except ImportError as missing:
    raise ConfigError(
        f"[status] otel is true, but OpenTelemetry is not installed ({missing.name}): pip install 'ingest[otel]', or "
        "set otel = false"
    ) from None

_MOST_SERIES = 200_000  # of one metric; the SDK's own limit of 2,000 would put the partitions past it together
_END_MS = 2_000
_MOST_TEXT = 300


class ExportError(IngestError):
    """The metrics could not be sent; the SDK tries again."""


class OtelMetrics:
    """A watcher of a run that sends its metrics. `reader` is made when the run begins: by default one that exports."""

    def __init__(self, metrics: RunMetrics, reader: Callable[[], MetricReader] | None = None) -> None:
        """`metrics` must be a watcher of the same run, before this one."""
        self._metrics = metrics
        self._reader = reader or _exporting
        self._provider: MeterProvider | None = None
        self._histograms: dict[Metric, Histogram] = {}
        self._log = _LastLine()
        metrics.counters.on_observation = self._observed

    def emit(self, event: Event, at: float) -> None:  # noqa: ARG002  the metrics have taken it
        """Start with the first event: rule 3."""
        if self._provider is None:
            self._start()

    def tick(self, snapshot: Snapshot) -> None:  # noqa: ARG002  the metrics have it
        """Raise `ExportError` if the SDK has logged a fault since the last call."""
        if text := self._log.take():
            raise ExportError(f"OpenTelemetry: {text}")

    def close(self) -> None:
        """Send the last values, within `_END_MS`, and end the SDK's thread."""
        if self._provider is not None:
            with suppress(Exception):  # the SDK raises what its reader raised; the run's end does not depend on it
                self._provider.shutdown(timeout_millis=_END_MS)
        logging.getLogger("opentelemetry").removeHandler(self._log)

    def _start(self) -> None:
        logger = logging.getLogger("opentelemetry")
        logger.propagate = False
        logger.addHandler(self._log)
        self._provider = MeterProvider(
            [self._reader()], resource=_resource(), views=[_view(metric) for metric in table.METRICS]
        )
        meter = self._provider.get_meter("ingest", version("ingest"))
        for metric in table.METRICS:
            name = metric.name if metric.kind == "counter" else metric.exposed_name
            if metric.kind == "histogram":
                self._histograms[metric] = meter.create_histogram(name, metric.unit, metric.help)
            elif metric.kind == "counter":
                meter.create_observable_counter(name, [self._counter(metric)], metric.unit, metric.help)
            else:
                meter.create_observable_gauge(name, [self._gauge(metric)], metric.unit, metric.help)

    def _counter(self, metric: Metric) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _: [_observation(metric, *found) for found in self._metrics.counters.sums(metric).items()]

    def _gauge(self, metric: Metric) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _: [_observation(metric, *found) for found in self._metrics.samples(metric)]

    def _observed(self, metric: Metric, labels: Labels, value: float) -> None:
        if histogram := self._histograms.get(metric):
            histogram.record(value, _attributes(metric, labels))


class _LastLine(logging.Handler):
    """Keeps the last line that was logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self._text = " ".join(record.getMessage().split())[:_MOST_TEXT]

    def take(self) -> str:
        text, self._text = self._text, ""
        return text


def _exporting() -> MetricReader:
    return PeriodicExportingMetricReader(OTLPMetricExporter())


def _resource() -> Resource:
    """With `ingest` as the service, unless the environment names it."""
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({"service.version": version("ingest")} | ({} if named else {"service.name": "ingest"}))


def _view(metric: Metric) -> View:
    name = metric.name if metric.kind in {"counter", "histogram"} else metric.exposed_name
    aggregation = ExplicitBucketHistogramAggregation(metric.buckets) if metric.kind == "histogram" else None
    return View(instrument_name=name, aggregation=aggregation, aggregation_cardinality_limit=_MOST_SERIES)


def _observation(metric: Metric, labels: Labels, value: float) -> Observation:
    return Observation(value, _attributes(metric, labels))


def _attributes(metric: Metric, labels: Labels) -> dict[str, str]:
    return dict(zip(metric.labels, labels, strict=True))
