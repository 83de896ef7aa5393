"""Alert rules and dashboard name metrics and labels that exist; the runbook has an entry for each alert."""

import importlib.util
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ingest.status.metrics import table
from tests.harness.command import ROOT

RULES = ROOT / "scripts/deploy/prometheus/ingest.rules.yml"
DASHBOARD = ROOT / "scripts/deploy/grafana/ingest.json"
RUNBOOK = ROOT / "docs/operations/runbook.md"
MONITORING = ROOT / "docs/operations/monitoring.md"
TARGET = {"job", "instance"}  # Prometheus adds them

LABELS: dict[str, set[str]] = {"up": TARGET} | dict.fromkeys(table.PROCESS, TARGET)
for metric in table.METRICS:
    if metric.kind == "histogram":
        for suffix in ("_bucket", "_sum", "_count"):
            LABELS[metric.name + suffix] = TARGET | set(metric.labels) | ({"le"} if suffix == "_bucket" else set())
    else:
        LABELS[metric.exposed_name] = TARGET | set(metric.labels)


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> Iterator[str]:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            text = variable["query"]["query"]
            found = re.fullmatch(r"label_values\((.*), (\w+)\)", text)
            assert found is not None
            yield f"max by ({found[2]}) ({found[1]})"


def documented() -> Iterator[str]:
    for line in MONITORING.read_text(encoding="utf-8").splitlines():
        if line.startswith("|") and "ingest_" in line:
            yield line.split("|")[2].strip().strip("`")


EXPRESSIONS = [rule["expr"] for rule in rules()] + list(queries()) + list(documented())


def faults(expression: str) -> Iterator[str]:
    """Metrics that don't exist, and labels that none of the expression's metrics has, or not the one that selects."""
    named = re.findall(r"\b(?:ingest|process)_\w+|\bup\b", expression)
    if not named:
        yield "no metric"
    for name, selector in re.findall(r"\b((?:ingest|process)_\w+|up\b)(?:\{([^}]*)\})?", expression):
        if name not in LABELS:
            yield name
            continue
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector):
            if label not in LABELS[name]:
                yield f"{name}{{{label}}}"
    for group in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
        for label in (one.strip() for one in group.split(",")):
            yield from (f"by ({label}) of {name}" for name in named if label not in LABELS.get(name, {label}))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_metrics_and_labels_exist(expression: str) -> None:
    assert list(faults(expression)) == []


@pytest.mark.parametrize(
    "wrong",
    ["ingest_nothing > 0", 'ingest_ready{topic="t"} == 0', "sum by (reason) (ingest_consumer_lag_offsets)", "1"],
)
def test_a_wrong_name_or_label_is_found(wrong: str) -> None:
    assert list(faults(wrong))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_has_an_entry_in_the_runbook(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert notes["summary"].endswith(".")
    assert notes["description"].endswith(".")
    anchor = rule["alert"].lower()
    assert notes["runbook_url"] == f"docs/operations/runbook.md#{anchor}"
    entry = RUNBOOK.read_text(encoding="utf-8").split(f"\n### {rule['alert']}\n")[1].split("\n### ")[0]
    for part in ("What it means", "What to look at", "What to do"):
        assert f"**{part}.**" in entry
    for label in re.findall(r"\$labels\.(\w+)", notes["summary"] + notes["description"]):
        assert label in TARGET | {"topic"}


def test_the_runbook_has_no_entry_of_an_alert_that_does_not_exist() -> None:
    entries = re.findall(r"^### (Ingest\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert entries == [rule["alert"] for rule in rules()]


def test_the_dashboard_is_what_its_script_makes() -> None:
    spec = importlib.util.spec_from_file_location("dashboard", DASHBOARD.with_name("dashboard.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert json.loads(DASHBOARD.read_text(encoding="utf-8")) == module.dashboard()


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells
        assert at["x"] + at["w"] <= 24
        taken |= cells
