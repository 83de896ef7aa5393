"""What a failing model costs the other one on its topic: `python -m benchmarks.routes [--rate 2000] [--outage 60]`.

Two models on one topic, a half of the events each, one worker, a real Kafka, a local Arize endpoint. Each case is a run
of its own: both models well, one of them answered 503 for the outage, and the same with so small batches that the
failing one has to be left behind. The figure is the healthy model's time to acknowledgement: from Kafka's
timestamp of a message (the producer's clock) to the moment its upload's file is in the endpoint's journal, directly
before the answer. All of it is on one machine, so the clock is the same.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.fault_injection import Fault
from ingest.sandbox.generate import Generator
from ingest.sandbox.produce import create_topic, produce
from ingest.sandbox.tethered_process import TetheredProcess

PARTITIONS = 4
WELL, FAILING = "fraud-us", "fraud-eu"
WARM_UP_S = 10.0
PATIENCE_S = 300.0

CONFIG = """
[kafka]
brokers = "{brokers}"
topic = "{topic}"
[batch]
linger_s = 1.0
max_events = {max_events}
[arize]
model_name = "none"
[schema]
tags = ["tag_*", "kp", "seq"]
kafka = {{ timestamp = "produced_ms" }}
[routes.eu]
when = {{ tag_region = "eu-*" }}
[routes.eu.arize]
model_name = "{failing}"
[routes.others]
[routes.others.arize]
model_name = "{well}"
"""


@dataclass(frozen=True, slots=True)
class Case:
    """What is run: how many events a batch holds at most, and whether one model fails meanwhile."""

    name: str
    max_events: int
    fails: bool


CASES = (
    Case("both models well", 100_000, fails=False),
    Case("one fails", 100_000, fails=True),
    Case("both models well, small batches", 5_000, fails=False),
    Case("one fails, small batches: left behind", 5_000, fails=True),
)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.routes", description=__doc__)
    options.add_argument("--rate", type=int, default=2_000, help="events a second, both models together")
    options.add_argument("--outage", type=float, default=60.0, help="seconds that one model fails for")
    chosen = options.parse_args()
    print(f"{chosen.rate:,} events/s, one model failing for {chosen.outage:g} s; seconds to acknowledgement")
    print(f"{'':42}{'events':>9}{'p50':>8}{'p99':>8}{'max':>8}   left behind, other model's events")
    with RealKafka() as broker:
        for number, case in enumerate(CASES):
            seconds, left, others = run(broker.bootstrap, f"predictions-{number}", case, chosen.rate, chosen.outage)
            figures = "".join(f"{figure:8.2f}" for figure in (*np.percentile(seconds, (50, 99)), seconds.max()))
            print(f"{case.name:42}{len(seconds):9,}{figures}   {left} times, {others:,}")


def run(brokers: str, topic: str, case: Case, rate: int, outage_s: float) -> tuple[np.ndarray, int, int]:
    """The healthy model's seconds to acknowledgement, how often the other was left behind, and how many rows it got."""
    create_topic(brokers, topic, PARTITIONS)
    events = int(rate * (outage_s + 2 * WARM_UP_S))
    with tempfile.TemporaryDirectory(prefix="ingest-benchmark-") as directory, ArizeEndpoint() as endpoint:
        config = Path(directory, "ingest.toml")
        config.write_text(
            CONFIG.format(brokers=brokers, topic=topic, max_events=case.max_events, well=WELL, failing=FAILING)
        )
        worker = TetheredProcess(
            [sys.executable, "-m", "ingest", "supervise", "--log-format", "json"],
            output=subprocess.PIPE,
            cwd=directory,
            environment={**os.environ, **endpoint.environment()},
        )
        output: list[str] = []
        reader = threading.Thread(target=lambda: output.extend(worker.output or ()))
        reader.start()
        while not any('"worker_started"' in line for line in output) and worker.code is None:
            time.sleep(0.05)
        outages = [
            threading.Timer(WARM_UP_S, endpoint.inject_faults, [_faults()]),
            threading.Timer(WARM_UP_S + outage_s, endpoint.clear_faults),
        ]
        try:
            for timer in outages if case.fails else ():
                timer.start()
            produce(brokers, topic, range(PARTITIONS), events, generator=Generator(seed=3), rate_per_s=rate)
            deadline = time.monotonic() + PATIENCE_S
            while endpoint.stats()["stored_rows"] < events and time.monotonic() < deadline:
                time.sleep(0.5)
        finally:
            for timer in outages:
                timer.cancel()
            worker.send(signal.SIGTERM)
            worker.wait()
            reader.join()
            worker.close()
        seconds = [
            request.stored_at - request.table["produced_ms"].to_numpy() / 1000.0
            for request in endpoint.journal.requests()
            if request.model_name == WELL
        ]
        others = sum(r.table.num_rows for r in endpoint.journal.requests() if r.model_name == FAILING)
        found = np.concatenate(seconds)
        if len(found) + others != events:
            raise SystemExit(f"{case.name}: {len(found) + others:,} rows of {events:,} are there")
        return found, sum('"route_suspended"' in line for line in output), others


def _faults() -> Sequence[Fault]:
    return [Fault(kind="status", status=503, column="tag_region", value=region) for region in ("eu-west", "eu-east")]


if __name__ == "__main__":
    main()
