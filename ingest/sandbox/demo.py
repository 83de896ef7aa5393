"""Runs all of ingest on one machine, kills a worker on the way, and proves that nothing was lost.

Steps
1. An embedded Kafka and a local Arize start, each in a process of its own; predictions are produced, some of them bad.
2. The real `ingest supervise --until-end` runs in a process of its own on the same terminal.
3. When Arize has stored a third of the events, one worker is killed with SIGKILL.
4. The proof does not rely on what ingest reports: Arize's journal is compared with what the generator produced,
   committed offsets are read from Kafka, and dead letters from their files.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from ingest.config.sections import Kafka
from ingest.errors import ExitCode
from ingest.pipeline.kafka.metadata import committed_progress, watermarks
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.compare import compare_counts
from ingest.sandbox.generate import Generator
from ingest.sandbox.kafka import KafkaProcess
from ingest.sandbox.produce import produce
from ingest.status import formatting

TOPIC = "predictions"
GROUP = "ingest-demo"
BAD_SHARE = 0.001
KILL_AT = 1 / 3
# Small enough that the killed worker has work in progress, for any number of events.
LARGEST_BATCH = 10_000
BATCHES_PER_WORKER = 10
IN_FLIGHT = 2  # [arize] in_flight's default
WORKER_NAME = "ingest-worker"
STOPS_APART_S = 0.5
STOP_S = 5.0

CONFIGURATION = """\
[kafka]
brokers = "{brokers}"
topic = "{topic}"
group = "{group}"

[arize]
model_name = "fraud-demo"

[batch]
max_events = {batch}
linger_s = 1.0

[delivery]
commit_interval_s = 0.2

[schema]
tags = ["tag_region", "tag_release"]

[account]
directory = {account}

[dead_letters]
directory = {directory}
"""


@dataclass(frozen=True, slots=True)
class ProofLine:
    """One line of the proof."""

    name: str
    found: str
    holds: bool


def run(*, events: int = 200_000, partitions: int = 32, workers: int = 4) -> ExitCode:
    """Run the demo on this terminal: DONE if the proof holds, else CRASHED. Raises `SandboxError` if it can't start."""
    console = Console()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ingest-demo-") as name:
        directory = Path(name)
        print_line(console, f"starting an embedded Kafka with {partitions} partitions and a local Arize")
        with KafkaProcess(TOPIC, partitions) as kafka, ArizeEndpoint(directory / "journal") as arize:
            generator = Generator(bad_share=BAD_SHARE)
            produced = produce(kafka.bootstrap, TOPIC, range(partitions), events, generator=generator)
            bad = sum(produced.bad.values())
            print_line(
                console,
                f"produced {events:,} predictions in {formatting.seconds(produced.seconds)}, {bad:,} of them bad",
            )
            command = ["supervise", "--workers", str(workers), "--partitions", f"0-{partitions - 1}", "--until-end"]
            print_line(console, f"ingest {' '.join(command)}")
            batch = min(max(events // (workers * BATCHES_PER_WORKER), 1), LARGEST_BATCH)
            file = configuration(directory, kafka.bootstrap, batch)
            process = start(file, arize.environment(), command)
            killed = wait_and_kill_one(process, lambda: int(arize.stats()["stored_rows"]) >= events * KILL_AT, console)
            checks = proof(
                kafka=Kafka(brokers=kafka.bootstrap, topic=TOPIC, group=GROUP),
                journal=arize,
                generator=generator,
                ends=produced.end,
                dead_letters=directory / "dead_letters",
                # The rows that the killed worker had in flight, and those that its last commit did not cover yet.
                repeated_at_most=batch * (IN_FLIGHT + BATCHES_PER_WORKER // 2),
            )
            checks += (
                ProofLine(
                    "supervise exited with", f"exit code {process.returncode}", process.returncode == ExitCode.DONE
                ),
                ProofLine("workers killed", str(killed), killed == 1),
            )
    show(console, checks, time.monotonic() - began)
    return ExitCode.DONE if all(check.holds for check in checks) else ExitCode.CRASHED


def print_line(console: Console, text: str) -> None:
    """Print a line like those of the supervisor."""
    console.print(
        f"{time.strftime('%H:%M:%S')} {'demo':<10}  {text}", style="bold", markup=False, highlight=False, soft_wrap=True
    )


def configuration(directory: Path, brokers: str, batch: int) -> Path:
    """Write the configuration of the demo."""
    account, letters = (json.dumps(str(directory / name)) for name in ("account", "dead_letters"))
    text = CONFIGURATION.format(
        brokers=brokers, topic=TOPIC, group=GROUP, account=account, directory=letters, batch=batch
    )
    file = directory / "ingest.toml"
    file.write_text(text, encoding="utf-8")
    return file


def start(file: Path, arize: Mapping[str, str], command: list[str]) -> subprocess.Popen[bytes]:
    """Start the real command on this terminal, without the user's own configuration."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("INGEST_", "ARIZE_"))}
    environment = {**mine, **arize, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return subprocess.Popen([sys.executable, "-m", "ingest", *command, "--config", str(file)], env=environment)


def wait_and_kill_one(process: subprocess.Popen[bytes], far_enough: Callable[[], bool], console: Console) -> int:
    """Wait for the supervisor, and kill one worker when it is `far_enough`; returns the number of workers killed."""
    killed = 0
    try:
        while process.poll() is None:
            if not killed and far_enough():
                killed = kill_one(process.pid, console)
            time.sleep(0.05)
    except BaseException:
        # No process may stay on the user's machine. A Ctrl-C has reached the supervisor as well, so this is its second
        # stop: it exits immediately and restores the terminal.
        time.sleep(STOPS_APART_S)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        process.kill()
        process.wait()
        raise
    return killed


def kill_one(supervisor: int, console: Console) -> int:
    """Send SIGKILL to the first worker found; returns 1, or 0 if no worker runs at the moment."""
    try:
        family = psutil.Process(supervisor).children(recursive=True)
        worker = next((member for member in family if member.name().startswith(WORKER_NAME)), None)
        if worker is None:
            return 0
        worker.kill()
    except psutil.NoSuchProcess:
        return 0
    print_line(console, f"kill -9 {worker.pid}: a worker")
    return 1


def proof(
    *,
    kafka: Kafka,
    journal: ArizeEndpoint,
    generator: Generator,
    ends: Mapping[int, int],
    dead_letters: Path,
    repeated_at_most: int,
) -> tuple[ProofLine, ...]:
    """Compare the journal, Kafka and the dead letters with what was produced."""
    found = compare_counts(journal.journal, generator, ends)
    committed = committed_progress(kafka, ends)
    now = watermarks(kafka, ends)
    acknowledged = sum(mark.counts.acknowledged for mark in committed.values() if mark is not None)
    dead = sum(mark.counts.dead_lettered for mark in committed.values() if mark is not None)
    produced = sum(ends.values())
    letters = dead_letter_offsets(dead_letters)
    bad = {
        (partition, sequence)
        for partition, end in ends.items()
        for sequence in range(end)
        if generator.bad(partition, sequence) is not None
    }
    at_end = [
        partition
        for partition, mark in committed.items()
        if mark is not None and mark.next_offset == now[partition][1] == ends[partition]
    ]
    return (
        ProofLine(
            "produced = acknowledged + dead-lettered",
            f"{produced:,} = {acknowledged:,} + {dead:,}",
            produced == acknowledged + dead,
        ),
        ProofLine("good predictions lost", f"{found.lost:,} of {found.expected:,}", found.lost == 0),
        ProofLine("bad messages in the dead letters", f"{len(letters & bad):,} of {len(bad):,}", letters == bad),
        ProofLine("unexpected rows stored at Arize", f"{found.unexpected:,}", found.unexpected == 0),
        ProofLine("stored twice after the kill", f"{found.duplicates:,}", found.duplicates <= repeated_at_most),
        ProofLine("partitions committed up to their end", f"{len(at_end)} of {len(ends)}", len(at_end) == len(ends)),
    )


def dead_letter_offsets(directory: Path) -> set[tuple[int, int]]:
    """(partition, offset) of every dead letter."""
    places = set()
    for file in sorted(directory.glob("*.jsonl")):
        for line in file.read_bytes().splitlines():
            letter = json.loads(line)
            places.add((int(letter["partition"]), int(letter["offset"])))
    return places


def show(console: Console, checks: tuple[ProofLine, ...], seconds: float) -> None:
    """Print the proof as a table, and whether it holds."""
    table = Table(title=f"The proof, after {formatting.seconds(seconds)}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for check in checks:
        table.add_row(check.name, check.found, "[green]ok[/]" if check.holds else "[bold red]FAILED[/]")
    console.print(table)
    holds = all(check.holds for check in checks)
    console.print("Nothing was lost." if holds else "THE PROOF FAILED.", style="bold green" if holds else "bold red")
