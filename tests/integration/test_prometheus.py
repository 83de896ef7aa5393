"""Prometheus itself scrapes a real supervisor; each important alert fires with its fault, and only then."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.harness.command import ROOT
from tests.harness.dead_letters import NO_LIMIT
from tests.harness.prometheus import RULES, Prometheus, faster
from tests.harness.rig import Rig
from tests.harness.supervise import Supervise, wait_until

pytestmark = pytest.mark.prometheus
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def test_promtool_takes_the_rules_and_each_fires_with_its_fault_in_its_tests() -> None:
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(ROOT / "tests/data/prometheus/alerts.yml")]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    tested = (ROOT / "tests/data/prometheus/alerts.yml").read_text(encoding="utf-8")
    for alert in re.findall(r"alert: (\w+)", RULES.read_text(encoding="utf-8")):
        assert alert in tested


def test_a_faster_clock_changes_nothing_but_times() -> None:
    found = faster("groups: [{name: a, rules: [{alert: A, expr: 'rate(x[15m] offset 2m) > 5', for: 1m}]}]")
    assert "rate(x[7500ms] offset 1000ms) > 5" in found
    assert "for: 500ms" in found


def test_the_faster_rules_are_the_shipped_ones_but_for_times_and_the_age() -> None:
    shipped = RULES.read_text(encoding="utf-8")
    assert without_times(faster(shipped)) == without_times(shipped)
    assert without_times(shipped.replace("> 0.01", "> 0.02")) != without_times(shipped)


def without_times(rules: str) -> object:
    groups = yaml.safe_load(rules)["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        rule["expr"] = re.sub(r"\b\d+(m|ms)\b|\b(300|2\.5)\b", "TIME", rule["expr"])
        rule["for"] = "for" in rule
    return groups


def page_of(run: Supervise) -> str:
    """The address of the run's page, without the scheme."""
    return str(run.until_event("status_served")["url"]).removeprefix("http://").rstrip("/")


@pytest.fixture
def main(rig: Callable[..., Rig]) -> Rig:
    return rig(partitions=2)


def test_alerts_fire_with_their_fault_and_only_then(main: Rig, tmp_path: Path) -> None:
    main.produce(1_000)
    run = main.start(
        workers=2,
        until_end=False,
        status={"port": 0},
        dead_letters=NO_LIMIT,
        supervisor={"max_crashes": 4, "base_backoff_s": 0.3, "max_backoff_s": 0.5},
    )
    target = page_of(run)
    with Prometheus(tmp_path / "prometheus", target) as prometheus:
        # Well.
        prometheus.until_scraped("ingest_ready == 1 and on () (sum(ingest_messages_settled_total) == 1000)")
        with urlopen(f"http://{target}/metrics") as answer:
            exposed = answer.read().decode()
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=exposed, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
        with urlopen(Request(f"http://{target}/metrics", headers={"Accept": OPEN_METRICS})) as answer:
            assert answer.headers["content-type"].startswith("application/openmetrics-text")
            assert answer.read().endswith(b"# EOF\n")
        wait_until(lambda: not prometheus.firing())  # a slow start is not progress

        # Dead letters.
        main.produce(1_000, seed=1, bad_share=0.2)
        prometheus.until_firing("IngestDeadLettersRising")

        # Arize does not answer.
        main.endpoint.inject_faults("stall")
        main.produce(500, seed=2)
        prometheus.until_firing("IngestArizeNotAnswering", "IngestNotReady", "IngestNotProgressing")
        main.endpoint.clear_faults()
        prometheus.until_not_firing("IngestArizeNotAnswering", "IngestNotReady", "IngestNotProgressing")

        # A worker keeps dying, until it is given up.
        while not run.all("worker_given_up"):
            for worker in run.workers().values():
                if worker.pid in [one["pid"] for one in run.all("worker_started", worker=0)]:
                    worker.kill()
        prometheus.until_firing("IngestPartitionsGivenUp", "IngestWorkersRestarting", "IngestNotReady")

        for counter in ("messages_consumed", "messages_settled", "rows_decoded", "upload_requests"):
            assert prometheus.query(f"resets(ingest_{counter}_total[10m]) > 0") == [], "it survives a worker's restart"

        # No supervisor.
        run.kill()
        prometheus.until_firing("IngestDown")
        wait_until(lambda: prometheus.firing() <= {"IngestDown"})
