"""Prints the dashboard of ingest for Grafana: `.venv/bin/python scripts/deploy/grafana/dashboard.py >ingest.json`.

Made by a script, as a panel is a query and a title, and JSON needs forty lines to say so.
"""

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_ALL = 'job=~"$job", instance=~"$instance"'
_TOPIC = f'{_ALL}, topic=~"$topic"'
_WIDTH, _HEIGHT = 24, 8


def _panel(
    kind: str, title: str, queries: Sequence[tuple[str, str]], unit: str = "short", *, width: int = 8, **field: Any
) -> dict[str, Any]:
    """`queries` are expressions with the name of their lines."""
    targets = [
        {"refId": chr(ord("A") + number), "expr": expr, "legendFormat": legend, "datasource": _SOURCE}
        for number, (expr, legend) in enumerate(queries)
    ]
    defaults = {"unit": unit, **field}
    size = {"w": width, "h": 4 if kind == "stat" else _HEIGHT}
    return {
        "type": kind,
        "title": title,
        "datasource": _SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "gridPos": size,
    }


def _thresholds(*steps: tuple[float | None, str]) -> dict[str, Any]:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def _rate(metric: str, by: str, labels: str = _TOPIC) -> str:
    return f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


def _quantile(share: float) -> str:
    return f"histogram_quantile({share}, {_rate('ingest_upload_duration_seconds_bucket', 'le')})"


def _mean(metric: str) -> str:
    return f"{_rate(metric + '_sum', 'topic')} / {_rate(metric + '_count', 'topic')}"


def panels() -> list[dict[str, Any]]:
    """All panels, in rows."""
    bad_if_zero = _thresholds((None, "red"), (1, "green"))
    bad_if_any = _thresholds((None, "green"), (1, "red"))
    found = [
        _panel("stat", "Ready", [(f"min(ingest_ready{{{_ALL}}})", "")], width=2, thresholds=bad_if_zero),
        _panel(
            "stat",
            "Oldest uncommitted message",
            [(f"max(ingest_oldest_uncommitted_age_seconds{{{_TOPIC}}})", "")],
            "s",
            width=4,
            thresholds=_thresholds((None, "green"), (60, "yellow"), (300, "red")),
        ),
        _panel("stat", "Retention leaves", [(f"min(ingest_retention_headroom_seconds{{{_TOPIC}}})", "")], "s", width=4),
        _panel("stat", "Lag (offsets)", [(f"sum(ingest_consumer_lag_offsets{{{_TOPIC}}})", "")], width=3),
        _panel(
            "stat",
            "Partitions given up",
            [(f"sum(ingest_partitions_given_up{{{_TOPIC}}})", "")],
            width=3,
            thresholds=bad_if_any,
        ),
        _panel(
            "stat",
            "Partitions paused",
            [(f"sum(ingest_partitions_paused{{{_TOPIC}}})", "")],
            width=3,
            thresholds=_thresholds((None, "green"), (1, "yellow")),
        ),
        _panel(
            "stat", "Run began", [(f"max(ingest_start_time_seconds{{{_ALL}}}) * 1000", "")], "dateTimeAsIso", width=5
        ),
        _panel(
            "timeseries",
            "Messages a second",
            [
                (_rate("ingest_messages_consumed_total", "topic"), "{{topic}} read"),
                (_rate("ingest_messages_settled_total", "topic, outcome"), "{{topic}} {{outcome}}"),
            ],
            "cps",
        ),
        _panel(
            "timeseries",
            "Oldest uncommitted message",
            [(f"max by (topic) (ingest_oldest_uncommitted_age_seconds{{{_TOPIC}}})", "{{topic}}")],
            "s",
        ),
        _panel(
            "timeseries",
            "Lag by topic (offsets)",
            [
                (f"sum by (topic) (ingest_consumer_lag_offsets{{{_TOPIC}}})", "{{topic}}"),
                (f"sum by (topic) (ingest_held_back_offsets{{{_TOPIC}}})", "{{topic}} behind a transaction"),
            ],
        ),
        _panel(
            "timeseries",
            "Requests to Arize by status",
            [(_rate("ingest_upload_requests_total", "status"), "{{status}}")],
            "reqps",
        ),
        _panel(
            "timeseries",
            "Time of a request",
            [
                (_quantile(0.5), "p50"),
                (_quantile(0.99), "p99"),
                (f"max(ingest_oldest_upload_wait_seconds{{{_ALL}}})", "oldest out"),
            ],
            "s",
        ),
        _panel(
            "timeseries",
            "Uploads in flight",
            [
                (f"sum(ingest_uploads_in_flight{{{_ALL}}})", "in flight"),
                (f"sum(ingest_uploads_in_flight_limit{{{_ALL}}})", "limit"),
            ],
        ),
        _panel(
            "timeseries",
            "Uploads sent again, by reason",
            [(_rate("ingest_upload_retries_total", "reason"), "{{reason}}")],
            "cps",
        ),
        _panel("timeseries", "Rows of a batch (mean)", [(_mean("ingest_batch_rows"), "{{topic}}")]),
        _panel("timeseries", "Bytes of a batch (mean)", [(_mean("ingest_batch_bytes"), "{{topic}}")], "bytes"),
        _panel(
            "timeseries",
            "Dead letters by reason",
            [(_rate("ingest_dead_letters_total", "topic, reason"), "{{topic}} {{reason}}")],
            "cps",
        ),
        _panel(
            "timeseries", "Rows decoded, by lane", [(_rate("ingest_rows_decoded_total", "lane"), "{{lane}}")], "cps"
        ),
        _panel(
            "timeseries",
            "Disk left for dead letters",
            [(f"min by (instance) (ingest_dead_letters_free_bytes{{{_ALL}}})", "{{instance}}")],
            "bytes",
            min=0,
        ),
        _panel(
            "timeseries",
            "Workers by state",
            [(f"sum by (state) (ingest_worker_state{{{_TOPIC}}}) > 0", "{{state}}")],
        ),
        _panel(
            "timeseries",
            "Restarts, by reason",
            [
                (
                    f"sum by (topic, reason) (increase(ingest_worker_restarts_total{{{_TOPIC}}}[$__rate_interval]))",
                    "{{topic}} {{reason}}",
                )
            ],
        ),
        _panel(
            "timeseries",
            "Memory",
            [
                (f"ingest_worker_resident_memory_bytes{{{_TOPIC}}}", "{{topic}} worker {{worker}}"),
                (f"process_resident_memory_bytes{{{_ALL}}}", "supervisor"),
            ],
            "bytes",
        ),
        _panel(
            "timeseries",
            "Commits a second",
            [
                (_rate("ingest_commits_total", "topic"), "{{topic}} confirmed"),
                (_rate("ingest_commit_failures_total", "topic, reason"), "{{topic}} {{reason}}"),
            ],
            "cps",
        ),
        _panel(
            "timeseries",
            "Possible duplicates",
            [(f"sum by (topic) (ingest_possible_duplicates_total{{{_TOPIC}}})", "{{topic}}")],
        ),
        _panel(
            "timeseries",
            "CPU of the supervisor",
            [(f"rate(process_cpu_seconds_total{{{_ALL}}}[$__rate_interval])", "{{instance}}")],
            "percentunit",
        ),
    ]
    return _placed(found)


def _placed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    x = y = row_height = 0
    for number, panel in zip(count(1), found, strict=False):
        size = panel["gridPos"]
        if x + size["w"] > _WIDTH:
            x, y = 0, y + row_height
        panel["id"] = number
        panel["gridPos"] = {**size, "x": x, "y": y}
        x, row_height = x + size["w"], size["h"]
    return found


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "uid": "ingest",
        "title": "ingest",
        "tags": ["ingest", "kafka", "arize"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "data source"},
                _variable("job", "label_values(ingest_ready, job)"),
                _variable("instance", 'label_values(ingest_ready{job=~"$job"}, instance)'),
                _variable("topic", f"label_values(ingest_partitions{{{_ALL}}}, topic)"),
            ]
        },
        "panels": panels(),
    }


if __name__ == "__main__":
    print(json.dumps(dashboard(), indent=2))
