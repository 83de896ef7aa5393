"""What a run says of itself 2 s after a fault, on all surfaces: `python -m tests.fault.at_a_glance`.

A real Kafka, the local Arize, and three runs of `ingest supervise` with the product's own times: one on a terminal, one
with a text log, one with a JSON log. Arize is frozen, Kafka is frozen, the disk of the dead letters is full, a worker
is killed, a partition is paused; each of them is healed before the next. Messages come all the while. It takes root.

Writes a report in Markdown: after how many seconds each surface said it, what all of them say 2 s after the fact, and
after how many seconds all is well again. Exits with 1 where one says all is well, or something else than it should, or
when something is lost. `--only WORD` takes the faults with the word in their name.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from confluent_kafka.admin import AdminClient, NewTopic

from ingest.errors import ExitCode
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.generate import Generator
from ingest.sandbox.produce import ProduceError, produce
from ingest.status.health_log import STEADY_S
from tests.harness.glance import SURFACES, Fault, Result, section, table
from tests.harness.rig import DEFAULTS, Rig
from tests.harness.supervise import wait_until, workers_of
from tests.harness.surfaces import Log, OnTerminal, Seen

AFTER_S = 2.0
LOOK_S = 0.2
HEALED_S = 90.0
TOPIC = "predictions"
PARTITIONS = 4
PAUSED = 1
WORKERS = 2
EVENTS, EVERY_S = 40, 0.25
BAD_SHARE = 0.1
MODES = ("terminal", "text", "json")
WELL = re.compile(r"All is well")
_HEALTH = re.compile(r"health_changed|(WARNING|ERROR) +supervisor ")


class Feed:
    """Events on all partitions, again and again; while Kafka is frozen it waits."""

    def __init__(self, rigs: Mapping[str, Rig]) -> None:
        self._rigs = rigs
        self._main = next(iter(rigs.values()))
        self._generator = Generator(bad_share=BAD_SHARE)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed")
        for rig in rigs.values():
            rig.generator, rig.truth.row = self._generator, self._generator.row

    def _run(self) -> None:
        kafka = self._main.kafka
        while not self._over.wait(EVERY_S):
            try:
                done = produce(kafka.brokers, TOPIC, self._main.partitions, EVENTS, generator=self._generator)
            except ProduceError:
                continue
            for rig in self._rigs.values():
                rig.truth.grow(self._generator, done.end)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@dataclass(slots=True)
class Campaign:
    """The parts that faults are made in."""

    broker: RealKafka
    endpoint: ArizeEndpoint
    disk: Path
    shown: OnTerminal
    logs: Mapping[str, Log]
    before: Seen | None = field(default=None)

    @property
    def runs(self) -> list[Any]:
        """All three."""
        return [self.shown, *(log.run for log in self.logs.values())]

    def said(self, seen: Seen) -> dict[str, str]:
        """The text of each surface, of now; of a log, since it was marked."""
        assert self.before is not None
        return {
            "terminal": " ".join(" ".join(seen.terminal).split()),
            "page": f"{seen.page}\n{seen.page_text}",
            "readyz": seen.probe_lines[0],
            "metrics": "\n".join(seen.changed(self.before)),
            "text log": "\n".join(self.logs["text"].since()),
            "JSON log": "\n".join(self.logs["json"].since()),
        }


# --- the faults ---------------------------------------------------------------------------------


def _freeze_arize(on: Campaign) -> float:
    usual_s = float(json_of(on.shown, "/api/status")["arize"]["usual_s"])
    os.kill(on.endpoint.pid, signal.SIGSTOP)
    # From here an upload that was sent at this very moment is out for longer than usual: delivery/answers.py, rule 3.
    return time.monotonic() + 2 * usual_s + 0.5


def _freeze_kafka(on: Campaign) -> float:
    os.kill(on.broker.pid, signal.SIGSTOP)
    return time.monotonic()


def _fill_disk(on: Campaign) -> float:
    with (on.disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**16))
        except OSError:
            pass
    return time.monotonic()


def _kill_worker(on: Campaign) -> float:
    for run in on.runs:
        workers_of(run.pid)[0].kill()
    return time.monotonic()


def _pause(on: Campaign) -> float:
    for run in on.runs:
        run.act("pause-partition", partition=PAUSED)
    return time.monotonic()


def _resume(on: Campaign) -> None:
    for run in on.runs:
        run.act("resume-partition", partition=PAUSED)


FAULTS = (
    Fault(
        "Arize frozen",
        "an upload that was sent when the endpoint got SIGSTOP is out for longer than usual (2 x usual + 0.5 s)",
        _freeze_arize,
        lambda on: os.kill(on.endpoint.pid, signal.SIGCONT),
        {
            "terminal": r"DEGRADED Arize (has not answered|is slow).* Nothing is lost: up to [\d,]+ messages wait",
            "page": r"Needs attention: Arize (has not answered|is slow).*Nothing is lost: up to",
            "readyz": r"/readyz 503 .*waiting: Arize does not answer",
            "metrics": r'ingest_part_health\{health="ok",part="arize"\} 1 -> 0',
            "text log": r"WARNING supervisor  Arize (has not answered|is slow).* Nothing is lost",
            "JSON log": r"health_changed.*Arize (has not answered|is slow).* Nothing is lost",
        },
        ready=False,
    ),
    Fault(
        "Kafka frozen",
        "the broker got SIGSTOP",
        _freeze_kafka,
        lambda on: os.kill(on.broker.pid, signal.SIGCONT),
        {
            "terminal": r"DEGRADED Kafka has not answered (1 worker )?for .*What is not committed is read again",
            "page": r"Needs attention: Kafka has not answered (1 worker )?for",
            "readyz": r"/readyz 503 .*waiting: Kafka does not answer",
            "metrics": r'ingest_part_health\{health="ok",part="kafka"\} 1 -> 0',
            "text log": r"WARNING supervisor  Kafka has not answered",
            "JSON log": r"health_changed.*Kafka has not answered",
        },
        ready=False,
    ),
    Fault(
        "dead letters' disk full",
        "the file system of the dead letters took no more bytes",
        _fill_disk,
        lambda on: (on.disk / "filler").unlink(),
        {
            "terminal": r"DEGRADED Dead letters can't be written for .*No space left.*Reading waits for them",
            "page": r"Needs attention: Dead letters can't be written for .*No space left",
            "readyz": r"/readyz 503 .*waiting: the dead letters can't be written",
            "metrics": r"ingest_dead_letter_write_failures_total",
            "text log": r"WARNING|ERROR.*dead letters can't be written.*No space left",
            "JSON log": r"dead_letters_blocked.*No space left",
        },
        ready=False,
    ),
    Fault(
        "a killed worker",
        "worker 0 got SIGKILL",
        _kill_worker,
        lambda _: None,
        {
            # It may be back before a snapshot is made without it.
            "terminal": r"Worker 0 has ended and is started again|1 restart\b.*worker 0: pid \d+ ended",
            "page": r"Worker 0 has ended and is started again|worker 0: pid \d+ ended after .*: killed by SIGKILL",
            "readyz": r"/readyz (503 .*their worker is (re)?starting|200)",
            "metrics": r"ingest_worker_restarts_total\{reason=\"killed\",topic=\"predictions\"\} \S+ -> 1",
            "text log": r"killed by SIGKILL",
            "JSON log": r"killed by SIGKILL",
        },
        ready=False,
        passes=True,
    ),
    Fault(
        "a paused partition",
        "POST /actions/pause-partition was answered",
        _pause,
        _resume,
        {
            "terminal": r"DEGRADED Partition 1 has been paused by request for .* wait",
            "page": r"Needs attention: Partition 1 has been paused by request for",
            "readyz": r"/readyz 200 .*partition 1 of predictions: paused by request",
            "metrics": r"ingest_partitions_paused\{topic=\"predictions\"\} 0 -> 1",
            "text log": r"partition 1 of predictions is paused",
            "JSON log": r"partition_paused",
        },
        ready=True,
    ),
)


# --- one fault ----------------------------------------------------------------------------------


def json_of(run: Any, path: str) -> Any:
    """What the page of `run` answers there."""
    return json.loads(run.get(path)[1])


def _delivers(on: Campaign) -> bool:
    """Each of the three has had answers of Arize, enough to know what is usual."""
    return all(json_of(run, "/api/status")["arize"]["usual_s"] is not None for run in on.runs)


def _is_well(seen: Seen) -> bool:
    return bool(WELL.search(seen.first_line) and WELL.search(seen.page)) and seen.probes["/readyz"][0] == 200


def play(on: Campaign, fault: Fault) -> Result:
    """Make the fault, look until 2 s after the fact, heal it and look until all is well."""
    wait_until(lambda: _is_well(on.shown.look()), HEALED_S, lambda: on.shown.look().first_line)
    on.before = on.shown.look()
    for log in on.logs.values():
        log.mark()
    result = Result(fault)
    fact = fault.make(on)
    while (now := time.monotonic()) < fact + AFTER_S:
        _note(result, on, on.shown.look(), fact)
        time.sleep(max(min(LOOK_S, fact + AFTER_S - now), 0.0))
    result.seen = seen = on.shown.look()
    result.captured_s = time.monotonic() - fact
    _note(result, on, seen, fact)
    result.said, result.changed = on.said(seen), seen.changed(on.before)
    result.logs = {name: log.since() for name, log in on.logs.items()}
    _judge(result)
    for log in on.logs.values():
        log.mark()
    fault.heal(on)
    healed_at = time.monotonic()
    wait_until(lambda: _is_well(on.shown.look()), HEALED_S, lambda: on.shown.look().first_line)
    result.healed_s, result.healed = time.monotonic() - healed_at, on.shown.look()
    with suppress(AssertionError):  # the log says that a run is better when it has stayed so
        wait_until(lambda: all(_log_is_well(log, fault) for log in on.logs.values()), STEADY_S + HEALED_S / 3)
    result.healed_logs = {name: log.since() for name, log in on.logs.items()}
    result.complaints += [
        f"after the healing the {name} log does not say that all is well"
        for name, log in on.logs.items()
        if not _log_is_well(log, fault)
    ]
    sys.stderr.write(f"{fault.name}: {'; '.join(result.complaints) or 'as it should be'}\n")
    return result


def _log_is_well(log: Log, fault: Fault) -> bool:
    """It says so, or has not said otherwise."""
    said = [line for line in log.lines() if WELL.search(line) or _HEALTH.search(line)]
    return bool(said and WELL.search(said[-1])) or (fault.passes and not said)


def _note(result: Result, on: Campaign, seen: Seen, fact: float) -> None:
    now = time.monotonic()
    for surface, text in on.said(seen).items():
        if surface not in result.first_s and re.search(result.fault.says[surface], text):
            result.first_s[surface] = now - fact


def _judge(result: Result) -> None:
    fault, seen = result.fault, result.seen
    assert seen is not None
    for surface in SURFACES:
        if surface not in result.first_s:
            result.complaints.append(f"{surface}: /{fault.says[surface]}/ was not said within {AFTER_S:g} s")
        elif not fault.passes and not re.search(fault.says[surface], result.said[surface]):
            result.complaints.append(f"{surface}: it was said, and is not said any more")
    if not fault.passes:
        for surface, text in (("terminal", seen.first_line), ("page", seen.page)):
            if WELL.search(text):
                result.complaints.append(f"{surface}: it says that all is well")
        if (seen.probes["/readyz"][0] == 200) is not fault.ready:
            result.complaints.append(f"/readyz answers {seen.probes['/readyz'][0]}")
    if seen.probes["/livez"][0] != 200:
        result.complaints.append(f"/livez answers {seen.probes['/livez'][0]}")


# --- the campaign -------------------------------------------------------------------------------


@contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    """A file system of 64 MB; it takes root."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "ingest-test", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _rig(
    opened: ExitStack, broker: RealKafka, endpoint: ArizeEndpoint, directory: Path, *, disk: Path, mode: str
) -> Rig:
    place = directory / mode
    place.mkdir()
    rig = opened.enter_context(
        Rig(broker, TOPIC, PARTITIONS, place, endpoint, model=f"glance-{mode}", group=f"glance-{mode}")
    )
    rig.dead_letters = rig.evidence.dead_letters = disk / mode
    own = {section: dict.fromkeys(values) for section, values in DEFAULTS.items()}  # None: the product's default
    rig.write_settings(
        {
            **own,
            "arize": {**own["arize"], "model_name": f"glance-{mode}"},
            "batch": {**own["batch"], "linger_s": 0.2},
            "schema": DEFAULTS["schema"],
            "dead_letters": {"directory": str(rig.dead_letters)},
            "status": {"port": 0, "actions": True},
        }
    )
    return rig


def main() -> int:
    """Write the report to standard output; returns 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="faults with this word in their name")
    only = parser.parse_args().only
    with ExitStack() as opened:
        broker = opened.enter_context(RealKafka())
        endpoint = opened.enter_context(ArizeEndpoint())
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ingest-glance-")))
        disk = opened.enter_context(_small_disk(directory / "disk"))
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(30)
        rigs = {mode: _rig(opened, broker, endpoint, directory, disk=disk, mode=mode) for mode in MODES}
        with ExitStack() as running:
            workers = ("--workers", str(WORKERS))
            shown = OnTerminal(rigs["terminal"].directory, rigs["terminal"].environment(), *workers)
            running.enter_context(shown)
            logs = {
                mode: running.enter_context(
                    Log.start(rigs[mode].directory, rigs[mode].environment(), *workers, "--log-format", mode)
                )
                for mode in ("text", "json")
            }
            on = Campaign(broker, endpoint, disk, shown, logs)
            running.callback(lambda: os.kill(endpoint.pid, signal.SIGCONT))
            running.callback(lambda: os.kill(broker.pid, signal.SIGCONT))
            with Feed(rigs):
                wait_until(lambda: _delivers(on), HEALED_S)
                results = [play(on, fault) for fault in FAULTS if only in fault.name]
            processes = [shown.terminal.process, *(log.process for log in logs.values())]
            for process in processes:
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(HEALED_S) for process in processes]
        lost = {mode: rig.findings(most_duplicates=10**9) for mode, rig in rigs.items()}
    good = not any(result.complaints for result in results)
    good &= set(codes) == {ExitCode.DONE} and not any(lost.values())
    sys.stdout.write("# What a run says of itself 2 s after a fault\n\n")
    sys.stdout.write(f"Seconds from the fact until each surface says it:\n\n{table(results)}\n\n")
    for result in results:
        sys.stdout.write(f"{section(result)}\n\n")
    sys.stdout.write(f"The three runs ended with exit codes {codes}; broken promises: {lost}\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
