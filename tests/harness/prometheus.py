"""Prometheus itself on a supervisor that a test has started, with the shipped alert rules at a faster clock."""

import json
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.harness.command import ROOT
from tests.harness.supervise import wait_until

RULES = ROOT / "scripts/deploy/prometheus/ingest.rules.yml"
MINUTE_MS = 500
"""How long one minute of the rules lasts in a test."""

_CONFIG = """
global: {{scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: ingest
    static_configs: [{{targets: {targets}}}]
"""


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires, with the text that Prometheus made of its annotation `description`."""

    name: str
    description: str


def faster(rules: str, minute_ms: int = MINUTE_MS) -> str:
    """The rules with all their times, and the age that `IngestNotProgressing` allows, at `minute_ms` a minute."""

    def scaled(text: str) -> str:
        return re.sub(r"\b(\d+)m\b", lambda found: f"{int(found[1]) * minute_ms}ms", text)

    document = yaml.safe_load(rules)
    for group in document["groups"]:
        for rule in group["rules"]:
            expression = scaled(rule["expr"])
            if rule["alert"] == "IngestNotProgressing":
                expression = re.sub(r"\b300\b", f"{5 * minute_ms / 1000}", expression)
            rule["expr"] = expression
            if "for" in rule:
                rule["for"] = scaled(rule["for"])
    text: str = yaml.safe_dump(document)
    return text


class Prometheus:
    """A running Prometheus that scrapes `target` (host:port; None: it has none) four times a second."""

    def __init__(self, directory: Path, target: str | None, minute_ms: int = MINUTE_MS) -> None:
        directory.mkdir()
        config = _CONFIG.format(targets=json.dumps([] if target is None else [target]))
        (directory / "prometheus.yml").write_text(config, encoding="utf-8")
        (directory / "rules.yml").write_text(faster(RULES.read_text(encoding="utf-8"), minute_ms), encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{free.getsockname()[1]}"
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    "--config.file=prometheus.yml",
                    "--storage.tsdb.path=data",
                    f"--web.listen-address={self._address}",
                ],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._log = directory / "log"

    def _ask(self, path: str) -> Any:
        """The data of an answer of its API; None while Prometheus does not answer."""
        try:
            with urlopen(f"http://{self._address}/api/v1/{path}", timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError:
            assert self._process.poll() is None, self._log.read_text(encoding="utf-8")[-2000:]
            return None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query; none while Prometheus does not answer."""
        answer = self._ask(f"query?{urlencode({'query': expression})}")
        found: list[dict[str, Any]] = [] if answer is None else answer["result"]
        return found

    def alerts(self) -> list[Firing]:
        """The alerts that fire now, as an Alertmanager would get them."""
        answer = self._ask("alerts")
        return [
            Firing(one["labels"]["alertname"], one["annotations"]["description"])
            for one in ([] if answer is None else answer["alerts"])
            if one["state"] == "firing"
        ]

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {one["metric"]["alertname"] for one in self.query('ALERTS{alertstate="firing"}')}

    def fired(self, since: float) -> set[str]:
        """The names of the alerts that fire now or have fired since the moment `since` (monotonic seconds)."""
        wait_until(lambda: bool(self.query("vector(1)")))  # no answer is not "none"
        window_ms = int((time.monotonic() - since) * 1000) + 1
        found = self.query(f'last_over_time(ALERTS{{alertstate="firing"}}[{window_ms}ms])')
        return {one["metric"]["alertname"] for one in found}

    def until_firing(self, *alerts: str, within_s: float = 60.0) -> None:
        """Wait until all of them fire."""
        wait_until(lambda: set(alerts) <= self.firing(), within_s, lambda: f"of {alerts} only {self.firing()} fire")

    def until_not_firing(self, *alerts: str, within_s: float = 60.0) -> float:
        """Wait until none of them fires; the seconds it took."""
        return wait_until(lambda: not set(alerts) & self.firing(), within_s, lambda: f"{self.firing()} still fire")

    def until_scraped(self, expression: str, within_s: float = 60.0) -> None:
        """Wait until the query has a series."""
        wait_until(lambda: bool(self.query(expression)), within_s, lambda: f"no series of {expression}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)
