"""docs/reference/metrics.md: the table of metrics, and the values of labels that are words of ours."""

from typing import get_args

from ingest.errors import RetryReason
from ingest.status.metrics import table as metrics
from ingest.status.metrics.counters import OUTCOMES, RESTARTS
from ingest.status.metrics.gauges import state_name
from ingest.status.metrics.table import Metric
from ingest.status.snapshot import Health, State
from scripts.pages.markdown import NOTICE, code, table, text

_INTRO = """\
The supervisor serves these at `/metrics`, in the text format of Prometheus, or as OpenMetrics if the scraper asks for
it. Names and labels are an interface: new ones are added, none is renamed. How to scrape them, and alerts and a
dashboard built on them: [Monitoring](../operations/monitoring.md).

A counter counts from 0 in each run of the supervisor, over all worker processes; a worker's restart does not reset it.
What is not known is missing, never 0. `route` is empty if the configuration has no routes.
"""


def page() -> str:
    """The page."""
    return "\n".join(
        [
            f"{NOTICE}\n# Metrics\n",
            _INTRO,
            "## Counted over the run\n",
            _table(metrics.COUNTED),
            "## As of now\n",
            _table(metrics.READ),
            "## The supervisor's own process\n",
            table(("metric", "what it is"), ((code(name), text(help_)) for name, help_ in metrics.PROCESS.items())),
            "## Values of labels\n",
            table(
                ("label", "values"), ((code(name), text(", ".join(map(code, values)))) for name, values in _values())
            ),
        ]
    )


def _table(found: tuple[Metric, ...]) -> str:
    rows = (
        (code(one.exposed_name), one.kind, ", ".join(map(code, one.labels)), text(one.help + _buckets(one)))
        for one in found
    )
    return table(("metric", "type", "labels", "what it is"), rows)


def _buckets(metric: Metric) -> str:
    return f" Buckets up to {', '.join(f'{bound:g}' for bound in metric.buckets)}." if metric.buckets else ""


def _values() -> list[tuple[str, tuple[str, ...]]]:
    return [
        ("outcome", OUTCOMES),
        ("lane", ("fast", "orjson")),
        ("reason` of `ingest_upload_retries_total", get_args(RetryReason)),
        ("reason` of `ingest_worker_restarts_total", RESTARTS),
        ("state", tuple(map(state_name, State))),
        ("part", ("kafka", "ingest", "arize")),
        ("health", tuple(one.value for one in Health)),
    ]
