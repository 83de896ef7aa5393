"""The text of the metrics that have a sample for each partition, written directly: a scrape of thousands stays quick.

Both formats, Prometheus' and OpenMetrics, write a gauge alike. `prometheus_client` takes eight times as long for these,
most of it for label names that are the same each time; it writes all other metrics, and tests hold the two against each
other.
"""

from collections.abc import Iterable

from ingest.status.metrics.table import Labels, Metric

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


class PartitionText:
    """Writes gauges with the labels `topic` and `partition`; remembers what their label values look like."""

    def __init__(self) -> None:
        self._written: dict[Labels, str] = {}

    def lines(self, metric: Metric, samples: Iterable[tuple[Labels, float]]) -> str:
        """The lines of one metric."""
        name, written = metric.name, self._written
        lines = [f"# HELP {name} {metric.help}", f"# TYPE {name} gauge"]
        for labels, value in samples:
            text = written.get(labels)
            if text is None:
                text = written[labels] = f'{{topic="{labels[0].translate(_ESCAPES)}",partition="{labels[1]}"}}'
            lines.append(f"{name}{text} {value!r}")
        return "\n".join(lines) + "\n"
