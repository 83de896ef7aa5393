"""Each alert rule in a real Prometheus, with its own real fault: `python -m tests.fault.alerts`.

Writes a table in Markdown: the alert, the fault, the seconds until it fired and, after the fault was mended, until it
was over; which others fired with it, and the text that a person gets. The rules are the shipped ones with a minute of
`--minute-ms` milliseconds. Before each fault the run is well, and no alert may fire; with it, only those that belong to
it. Rows without an alert are runs that are well in some other way. What fires or does not as it should not is marked,
and the exit code is 1. `--only WORD` takes the rows with the word in their alert or fault.
"""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.sandbox.broker import RealKafka
from tests.fault import alert_faults as faults
from tests.fault.alert_faults import NotHere, Stage
from tests.harness.prometheus import RULES, Prometheus
from tests.harness.supervise import wait_until

MINUTE_MS = 1_000
FIRES_WITHIN_S = 120.0
OVER_WITHIN_S = 120.0
WELL_S = 3.0
WATCH_S = 15.0
_HEAD = "| alert | fault | s until it fired | s until it was over | fired with it | text |\n|---|---|---|---|---|---|"
_ARIZE = frozenset({"IngestArizeNotAnswering", "IngestNotReady", "IngestNotProgressing"})
_RESTART = frozenset({"IngestDown", "IngestNotReady"})  # it takes some of these minutes
_SHORT = {"retention.ms": str(faults.RETENTION_S * 1000)}


@dataclass(frozen=True, slots=True)
class Scene:
    """`alert` fires with the fault, "" if none may; `beside` are those that may fire with it, because they are true.

    `topic` and `settings` are added to the configuration of the topic and to ingest.toml. `minute_ms` is for rows in
    which a restart must not take minutes. `unseen`: a new Prometheus is started when the fault has been made, as one
    that scrapes every minute sees nothing of the moments before.
    """

    alert: str
    fault: str
    make: Callable[[Stage], AbstractContextManager[None]]
    beside: frozenset[str] = frozenset()
    topic: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    minute_ms: int | None = None
    unseen: bool = False


NO_TARGET = Scene("IngestDown", "Prometheus has no target of the job", faults.nothing)
SCENES = (
    Scene("", "none: nobody produces", faults.nothing),
    Scene("", "none: messages all the time, 1 of 1,000 a dead letter", faults.traffic),
    Scene("", "none: the supervisor is restarted by SIGTERM, with traffic", faults.restarted, minute_ms=10_000),
    Scene("", "none: an idle supervisor is killed and started again", faults.killed_and_started, minute_ms=10_000),
    Scene("IngestDown", "SIGKILL to the supervisor", faults.supervisor_killed, _RESTART),
    Scene(
        "IngestNotReady",
        "SIGTERM, while Arize answers 503: the drain lasts",
        faults.drain_that_lasts,
        _ARIZE | _RESTART,
        settings={"supervisor": {"drain_s": 90.0}},
    ),
    Scene("IngestNotProgressing", "a producer leaves its transaction open", faults.open_transaction),
    Scene(
        "IngestRetentionHeadroomLow",
        f"Arize stalls, and the topic keeps its messages for {faults.RETENTION_S} s",
        faults.arize_stalled,
        _ARIZE,
        topic=_SHORT,
        settings={"kafka": {"on_expired": "continue"}},
    ),
    Scene(
        "IngestMessagesExpired",
        "retention removes messages while no supervisor runs, then it is started",
        faults.expired_while_down,
        _RESTART,
        topic=_SHORT,
        settings={"kafka": {"on_expired": "continue"}},
        unseen=True,
    ),
    Scene(
        "IngestMessagesExpired",
        "messages of a paused partition are removed (DeleteRecords), then it is resumed",
        faults.removed_under_a_pause,
        settings={"kafka": {"on_expired": "continue"}},
    ),
    Scene("IngestArizeNotAnswering", "Arize takes uploads and does not answer", faults.arize_stalled, _ARIZE),
    Scene(
        "IngestKafkaNotAnswering",
        "SIGKILL to the only broker",
        faults.broker_killed,
        frozenset({"IngestNotReady", "IngestNotProgressing"}),
    ),
    Scene("IngestDeadLettersRising", "1 of 5 messages is not valid", faults.bad_messages),
    Scene(
        "IngestDeadLettersBlocked",
        f"the disk of the dead letters has {faults.FULL}B and is full",
        faults.disk_full,
        frozenset({"IngestDeadLettersRising", "IngestDeadLettersDiskLow", "IngestNotReady", "IngestNotProgressing"}),
    ),
    Scene("IngestDeadLettersDiskLow", f"the disk of the dead letters has {faults.LOW}B left", faults.disk_low),
    Scene("IngestWorkersRestarting", "SIGKILL to a worker, four times", faults.worker_killed_often),
    Scene(
        "IngestPartitionsGivenUp",
        "SIGKILL to a worker, until it is given up",
        faults.worker_killed_until_given_up,
        _RESTART | {"IngestWorkersRestarting"},
        settings={"supervisor": {"max_crashes": 2}},
    ),
    Scene(
        "IngestCommitsFailing",
        "a consumer subscribes under the same group, with traffic",
        faults.stranger_in_the_group,
        frozenset({"IngestNotProgressing"}),
    ),
    Scene(
        "IngestPossibleDuplicates",
        "SIGKILL to workers whose uploads are out",
        faults.worker_killed_with_uploads_out,
    ),
    Scene("IngestPartitionsPaused", "a partition is paused on the page, with traffic", faults.paused_with_traffic),
)


@dataclass(slots=True)
class Row:
    """What became of a scene. Seconds are None where there are none."""

    scene: Scene
    fired_s: float | None = None
    over_s: float | None = None
    beside: set[str] = field(default_factory=set)
    text: str = ""
    wrong: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Its line of the table."""
        mark = "".join(f" **{one}**" for one in self.wrong)
        seconds = ["" if one is None else f"{one:.1f}" for one in (self.fired_s, self.over_s)]
        others = ", ".join(sorted(self.beside)) or "none"
        cells = (self.scene.alert or "none", self.scene.fault + mark, *seconds, others, self.text)
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def play(scene: Scene, broker: RealKafka, directory: Path, minute_ms: int = MINUTE_MS, well_s: float = WELL_S) -> Row:
    """One scene, on a topic, an endpoint, a supervisor and a Prometheus of its own."""
    row = Row(scene)
    minute_ms = scene.minute_ms or minute_ms
    with ExitStack() as opened:
        stage = opened.enter_context(faults.stage(broker, directory, topic=scene.topic, settings=scene.settings))
        stage.start()
        stage.produce(400)
        stage.until_committed()
        prometheus = opened.enter_context(Prometheus(directory / "prometheus", stage.target, minute_ms))
        prometheus.until_scraped("ingest_ready == 1")
        wait_until(lambda: not prometheus.firing())  # it has no target at first, for some seconds
        since = time.monotonic()
        time.sleep(well_s)
        if too_soon := prometheus.fired(since):
            row.wrong.append(f"fired without a fault: {', '.join(sorted(too_soon))}")
        try:
            if scene.alert:
                _until_over(scene, stage, prometheus, row, minute_ms)
            else:
                with scene.make(stage):
                    time.sleep(WATCH_S)
        except (AssertionError, NotHere) as failed:
            row.wrong.append(str(failed).splitlines()[0])
        row.beside = prometheus.fired(since) - {scene.alert}
        if unexpected := row.beside - scene.beside:
            row.wrong.append(f"should not fire with it: {', '.join(sorted(unexpected))}")
    return row


def _until_over(scene: Scene, stage: Stage, prometheus: Prometheus, row: Row, minute_ms: int) -> None:
    """Make the fault, wait until its alert fires, mend it, and wait until the alert is over."""
    began = time.monotonic()
    with ExitStack() as opened:
        with scene.make(stage):
            if scene.unseen:
                directory = stage.main.directory / "prometheus-after"
                prometheus = opened.enter_context(Prometheus(directory, stage.target, minute_ms))
            prometheus.until_firing(scene.alert, within_s=FIRES_WITHIN_S)
            row.fired_s = time.monotonic() - began
            row.text = next((one.description for one in prometheus.alerts() if one.name == scene.alert), "")
        row.over_s = prometheus.until_not_firing(scene.alert, within_s=OVER_WITHIN_S)


def without_a_scene() -> set[str]:
    """Alerts of the rule file that no scene makes fire."""
    return set(re.findall(r"alert: (\w+)", RULES.read_text(encoding="utf-8"))) - {scene.alert for scene in SCENES}


def without_target(directory: Path, minute_ms: int = MINUTE_MS) -> Row:
    """The scene that needs no supervisor."""
    row = Row(NO_TARGET)
    began = time.monotonic()
    with Prometheus(directory / "prometheus", None, minute_ms) as prometheus:
        prometheus.until_firing(NO_TARGET.alert)
        row.fired_s = time.monotonic() - began
        row.text = prometheus.alerts()[0].description
        row.beside = prometheus.fired(began) - {NO_TARGET.alert}
    return row


def main() -> int:
    """Write the table to standard output; returns 1 if something fired that should not, or did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows with this word in their alert or fault")
    parser.add_argument("--minute-ms", type=int, default=MINUTE_MS, help="how long a minute of the rules lasts")
    given = parser.parse_args()
    wrong = [f"{alert} has no fault here" for alert in sorted(without_a_scene())]
    with RealKafka() as broker, tempfile.TemporaryDirectory(prefix="ingest-alerts-") as directory:
        sys.stdout.write(f"{_HEAD}\n")
        for number, scene in enumerate((NO_TARGET, *SCENES)):
            if given.only not in f"{scene.alert} {scene.fault}":
                continue
            place = Path(directory) / str(number)
            place.mkdir()
            if scene is NO_TARGET:
                row = without_target(place, given.minute_ms)
            else:
                row = play(scene, broker, place, given.minute_ms)
            wrong += row.wrong
            sys.stdout.write(f"{row.line}\n")
            sys.stdout.flush()
    sys.stdout.write("".join(f"{one}\n" for one in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
