"""What a scraper of `/metrics` gets: the text of Prometheus, or OpenMetrics if it asks for that.

The registry is our own, so that no other library's metrics come along. A scrape reads the newest snapshot and copies of
the counters in the thread of whoever scrapes: the supervisor's loop does not take part.
"""

import time
from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from ingest.events import Event
from ingest.status.metrics import table
from ingest.status.metrics.counters import Counters
from ingest.status.metrics.gauges import samples
from ingest.status.metrics.partition_text import PartitionText
from ingest.status.metrics.table import Labels, Metric
from ingest.status.snapshot import Snapshot

_END = b"# EOF\n"  # of OpenMetrics


class RunMetrics:
    """The metrics of one run: a watcher of it that scrapers read; `exposition` may be called by several threads."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self.counters = Counters()
        self._wall = wall
        self._snapshot: Snapshot | None = None
        self._partition_text = PartitionText()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Run(self))
        ProcessCollector(registry=self._registry)

    def emit(self, event: Event, at: float) -> None:  # noqa: ARG002  a watcher is given the time
        """Count what `event` reports."""
        self.counters.take(event)

    def tick(self, snapshot: Snapshot) -> None:
        """From now on scrapers see `snapshot`."""
        self._snapshot = snapshot

    def samples(self, metric: Metric) -> list[tuple[Labels, float]]:
        """The samples of `metric`, one of `table.READ`, in the newest snapshot; none before the first one."""
        snapshot = self._snapshot
        return [] if snapshot is None else list(samples(metric, snapshot, self._wall()))

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """The body and its content type, as the request's Accept header wants it."""
        encode, content_type = choose_encoder(accept)
        body = encode(self._registry)
        end = _END if body.endswith(_END) else b""
        partitions = "".join(
            self._partition_text.lines(metric, found)
            for metric in table.READ
            if metric.labels == table.BY_PARTITION and (found := self.samples(metric))
        )
        return b"".join([body.removesuffix(end), partitions.encode(), end]), content_type


class _Run(Collector):
    def __init__(self, metrics: RunMetrics) -> None:
        self._metrics = metrics
        self._counters = metrics.counters

    def collect(self) -> Iterable[Family]:
        for metric in table.COUNTED:
            yield self._histogram(metric) if metric.kind == "histogram" else self._counter(metric)
        for metric in table.READ:
            if metric.labels != table.BY_PARTITION and (found := self._metrics.samples(metric)):
                yield _info(metric, found) if metric.kind == "info" else _gauge(metric, found)

    def _counter(self, metric: Metric) -> Family:
        family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in self._counters.sums(metric).items():
            family.add_metric(labels, value)
        return family

    def _histogram(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        bounds = [*map(str, metric.buckets), "+Inf"]
        for labels, found in self._counters.distributions(metric).items():
            family.add_metric(labels, list(zip(bounds, accumulate(found.counts), strict=True)), found.total)
        return family


def _info(metric: Metric, found: Iterable[tuple[Labels, float]]) -> Family:
    family = InfoMetricFamily(metric.name, metric.help)
    for labels, _ in found:
        family.add_metric([], dict(zip(metric.labels, labels, strict=True)))
    return family


def _gauge(metric: Metric, found: Iterable[tuple[Labels, float]]) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in found:
        family.add_metric(labels, value)
    return family
