"""A long run on real Kafka with kills at random and an endpoint that fails, and its account.

    python -m tests.fault.soak --workers 8 --partitions 32 --events 1000000 --worker-kills 20 --supervisor-kills 3
    python -m tests.fault.soak --workers 4 --partitions 16 --events 400000 --endpoint-faults

It exits with 1 when a promise is broken. Kills are spread over the run by what is stored, so that they fall into the
work whatever the machine's speed.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from confluent_kafka.admin import AdminClient, NewTopic

from ingest.errors import ExitCode
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.fault_injection import Fault
from tests.harness.invariants import Finding
from tests.harness.rig import Rig
from tests.harness.supervise import Supervise

WAIT_S = 1_800.0
TOPIC = "soak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to happen. `max_events` is the size of a batch."""

    workers: int
    events: int
    worker_kills: int = 0
    supervisor_kills: int = 0
    max_events: int = 5_000
    in_flight: int = 2
    bad_share: float = 0.001
    faults_s: tuple[float, float, float] | None = None  # 503, redirects, resets: each for so long
    seed: int = 0


@dataclass(slots=True)
class Result:
    """What has happened."""

    findings: list[Finding]
    events: int
    bad: int
    stored_rows: int
    duplicates: int
    most_duplicates: int
    worker_kills: int
    supervisor_kills: int
    samples: int
    seconds: float
    started_s: list[float] = field(default_factory=list)  # per start of the command, until all workers read
    memory_mb: dict[int, float] = field(default_factory=dict)  # the highest proportional set size per worker seen


class _Soak:
    def __init__(self, rig: Rig, plan: Plan) -> None:
        self.rig = rig
        self.plan = plan
        self.dice = random.Random(plan.seed)
        self.worker_kills = 0
        self.supervisor_kills = 0
        self.started_s: list[float] = []
        self.memory_mb: dict[int, float] = {}
        self._looked_at = 0.0

    def start(self) -> Supervise:
        """The command, once all of its workers read."""
        plan = self.plan
        run = self.rig.start(
            workers=plan.workers,
            batch={"max_events": plan.max_events, "linger_s": 1.0, "chunk_events": min(plan.max_events, 5_000)},
            arize={"in_flight": plan.in_flight},
            delivery={"base_backoff_s": 0.1, "max_backoff_s": 2.0, "commit_interval_s": 1.0},
            supervisor={"max_crashes": 100},
        )
        self.started_s.append(run.until(lambda: len(run.all("worker_started")) >= plan.workers or not run.running))
        return run

    def kills(self, run: Supervise) -> Supervise:
        """All kills, in a random order, spread over the events; the run that is left."""
        plan = self.plan
        order = ["worker"] * plan.worker_kills + ["supervisor"] * plan.supervisor_kills
        self.dice.shuffle(order)
        begin = self.rig.stored
        step = (plan.events - begin) * 0.9 / max(len(order), 1)
        for number, victim in enumerate(order):
            self._until_stored(run, begin + step * (number + self.dice.random()))
            if victim == "supervisor":
                run.kill()
                self.supervisor_kills += 1
                run = self.start()
            else:
                self._kill_worker(run)
        return run

    def _until_stored(self, run: Supervise, rows: float) -> None:
        run.until(lambda: self._stored_and_seen(run) >= rows, WAIT_S)

    def _kill_worker(self, run: Supervise) -> None:
        before = self.worker_kills
        while run.running and self.worker_kills == before:
            family = list(run.workers().values())
            if family:
                self.dice.choice(family).send_signal(signal.SIGKILL)
                self.worker_kills += 1

    def faults(self, run: Supervise) -> None:
        """503, then redirects, then resets; the commits are looked at all the while."""
        assert self.plan.faults_s is not None
        unavailable_s, redirects_s, resets_s = self.plan.faults_s
        run.until(lambda: self._stored_and_seen(run) > self.plan.events // 10, WAIT_S)
        for fault, lasting_s in (
            (Fault(kind="status", status=503), unavailable_s),
            (Fault(kind="redirect", status=302), redirects_s),
            (Fault(kind="reset", after_bytes=50_000), resets_s),
        ):
            self.rig.endpoint.inject_faults(fault)
            self._look_on(run, lasting_s)
        self.rig.endpoint.clear_faults()

    def _look_on(self, run: Supervise, for_s: float) -> None:
        over = time.monotonic() + for_s
        run.until(lambda: self._seen(run) or time.monotonic() >= over, WAIT_S)

    def _stored_and_seen(self, run: Supervise) -> int:
        self._seen(run)
        return int(self.rig.endpoint.stats()["distinct_rows"])

    def _seen(self, run: Supervise) -> bool:
        """Look at the workers' memory once a second."""
        if time.monotonic() - self._looked_at < 1.0:
            return False
        self._looked_at = time.monotonic()
        for number, worker in run.workers().items():
            try:
                used_mb = worker.memory_full_info().pss / 2**20
            except psutil.Error:
                continue
            self.memory_mb[number] = max(self.memory_mb.get(number, 0.0), used_mb)
        return False


def soak(rig: Rig, plan: Plan) -> Result:
    """Produce, deliver under the plan's faults until the end, and check everything."""
    rig.produce(plan.events, bad_share=plan.bad_share)
    job = _Soak(rig, plan)
    began = time.monotonic()
    with rig.sampled():
        run = job.start()
        if plan.faults_s is not None:
            job.faults(run)
        run = job.kills(run)
        run.until(lambda: job._seen(run) or not run.running, WAIT_S)
        code = run.wait()
    seconds = time.monotonic() - began
    deaths = job.worker_kills + job.supervisor_kills * plan.workers
    # Per worker that dies: the uploads on their way, and the acknowledged batches whose commit isn't confirmed.
    most = deaths * (2 * plan.in_flight - 1) * plan.max_events
    findings = [*rig.findings(most_duplicates=most), *rig.unlisted()]
    if code != ExitCode.DONE:
        findings.append(Finding("END", f"the command left with exit code {code}: {run.last_words()}"))
    if set(rig.reasons) != rig.truth.bad:
        findings.append(Finding("I1", f"{len(rig.truth.bad)} bad messages, {len(rig.reasons)} dead letters"))
    return Result(
        findings=findings,
        events=plan.events,
        bad=len(rig.truth.bad),
        stored_rows=rig.evidence.stored_rows,
        duplicates=rig.evidence.duplicates,
        most_duplicates=most,
        worker_kills=job.worker_kills,
        supervisor_kills=job.supervisor_kills,
        samples=rig.samples.count,
        seconds=seconds,
        started_s=job.started_s,
        memory_mb=job.memory_mb,
    )


def _told(result: Result) -> str:
    lines = [
        f"events            {result.events:,}, of them bad {result.bad:,}",
        f"stored            {result.stored_rows:,} rows in {result.seconds:.1f} s",
        f"killed            {result.worker_kills} workers, {result.supervisor_kills} times the supervisor",
        f"duplicates        {result.duplicates:,}, the bound of I3 is {result.most_duplicates:,}",
        f"samples of I2     {result.samples:,}",
        "started in        " + ", ".join(f"{seconds:.1f} s" for seconds in result.started_s),
        "memory (PSS) MB   " + ", ".join(f"{number}: {used:.0f}" for number, used in sorted(result.memory_mb.items())),
        *(f"BROKEN {finding.invariant}: {finding.text}" for finding in result.findings),
        "every promise kept: lost 0" if not result.findings else "PROMISES BROKEN",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fault.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--partitions", type=int, default=32)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--worker-kills", type=int, default=0)
    parser.add_argument("--supervisor-kills", type=int, default=0)
    parser.add_argument("--max-events", type=int, default=10_000, help="rows in a batch")
    parser.add_argument("--endpoint-faults", action="store_true", help="503 for a minute, redirects 20 s, resets 20 s")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    plan = Plan(
        workers=given.workers,
        events=given.events,
        worker_kills=given.worker_kills,
        supervisor_kills=given.supervisor_kills,
        max_events=given.max_events,
        faults_s=(60.0, 20.0, 20.0) if given.endpoint_faults else None,
        seed=given.seed,
    )
    with RealKafka() as broker, ArizeEndpoint() as endpoint, tempfile.TemporaryDirectory(prefix="soak-") as name:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.create_topics([NewTopic(TOPIC, given.partitions, 1)])[TOPIC].result(30)
        with Rig(broker, TOPIC, given.partitions, Path(name), endpoint) as rig:
            result = soak(rig, plan)
    sys.stdout.write(_told(result) + "\n")
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
