"""A broker that forgets committed offsets after a minute, and partitions that are quiet for longer.

    python -m tests.fault.expiry --minutes 5

It exits with 1 when a promise is broken. Both starts run side by side. Quiet partitions are left alone, their workers
and then the supervisor killed; in the end nobody commits until Kafka has forgotten everything, and a start must say so.
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

from ingest.errors import ExitCode
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from tests.harness.invariants import Finding
from tests.harness.rig import Rig
from tests.harness.supervise import Supervise, wait_until

FORGETFUL = {"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "1000"}
STARTS = ("earliest", "latest")
PARTITIONS = 4
EVENTS = 400
WORDS = ("--resume-from account", "--resume-from earliest", "--resume-from latest")
_SURELY_S = 75.0  # Kafka has forgotten by then whatever was not written again
_FORGET_S = 180.0


@dataclass(slots=True)
class Scene:
    """One topic that begins at `start`; `findings` is what is broken."""

    rig: Rig
    start: str
    findings: list[Finding] = field(default_factory=list)

    def run(self, *arguments: str, until_end: bool = False) -> Supervise:
        """The command."""
        return self.rig.start(*arguments, workers=2, until_end=until_end, kafka={"start": self.start})

    def expect(self, holds: bool, text: str) -> None:  # noqa: FBT001  it reads like an assertion
        """Note what does not hold."""
        if not holds:
            self.findings.append(Finding("END", f"start {self.start}: {text}"))

    def delivered(self, run: Supervise, events: int) -> None:
        """`events` more are stored, and committed."""
        rows = self.rig.stored + events
        self.rig.produce(events)
        self.rig.until_stored(rows, run)
        ends = self.rig.ends()
        run.until(lambda: {p: self.rig.committed_at(p) for p in ends} == ends)

    def quiet(self, seconds: float) -> None:
        """Nothing comes, and no committed offset may vanish."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            lost = [partition for partition, mark in self.rig.committed().items() if mark is None]
            if lost:
                self.expect(holds=False, text=f"Kafka has forgotten the offsets of {lost}")
                return
            time.sleep(1.0)

    def checks(self, where: str) -> None:
        """Nothing is lost, nothing is stored twice: nothing was on its way when something was killed."""
        self.findings += [Finding(f.invariant, f"{self.start}, {where}: {f.text}") for f in self.rig.findings()]


def play(scene: Scene, *, quiet_s: float, again_s: float, forget: Callable[[Rig], None]) -> None:
    """The whole history of one topic, up to the first thing that is broken; it is quiet twice."""
    run = scene.run()
    run.until(lambda: None not in scene.rig.committed().values())
    scene.delivered(run, EVENTS)
    for act in (_workers_killed, _supervisor_killed):
        scene.quiet(quiet_s)
        scene.checks("quiet")
        if scene.findings:
            return
        run = act(scene, run)
        quiet_s = again_s
    run.signal(signal.SIGTERM)
    scene.expect(run.wait() == ExitCode.DONE, "a drain did not end with 0")
    scene.checks("drained")
    if not scene.findings:
        forget(scene.rig)
        _forgotten(scene)


def _workers_killed(scene: Scene, run: Supervise) -> Supervise:
    for worker in run.workers().values():
        worker.kill()
    run.until_event("worker_started", count=4)
    scene.delivered(run, EVENTS)
    scene.checks("after the workers were killed")
    possible = run.all("duplicates_possible")
    scene.expect(not possible, f"said to be twice, with nothing on its way: {possible}")
    return run


def _supervisor_killed(scene: Scene, run: Supervise) -> Supervise:
    run.kill()
    scene.rig.produce(EVENTS)
    run = scene.run()
    scene.delivered(run, EVENTS)
    scene.checks("after the supervisor was killed")
    return run


def _forgotten(scene: Scene) -> None:
    stored = scene.rig.stored
    scene.rig.produce(EVENTS)
    refused = scene.run()
    code, said = refused.wait(), refused.errors
    scene.expect(code == ExitCode.EXPIRED, f"a start that Kafka has forgotten ended with {code}")
    scene.expect(all(words in said for words in WORDS), f"the choices are not spelled out: {said}")
    scene.expect(scene.rig.stored == stored, "a start that Kafka has forgotten delivered something")
    resumed = scene.run("--resume-from", "account", until_end=True).wait()
    scene.expect(resumed == ExitCode.DONE, f"--resume-from account ended with {resumed}")
    scene.checks("resumed from the account")
    audited = scene.rig.command.run("audit", code=None)
    scene.expect(audited.returncode == 0, f"the audit does not add up: {audited.stdout}")


def delete_group(rig: Rig) -> None:
    """As if Kafka had forgotten all of the group."""
    admin = AdminClient({"bootstrap.servers": rig.kafka.brokers, "log_level": 0})
    admin.delete_consumer_groups([rig.kafka.group])[rig.kafka.group].result(30.0)


def wait_until_forgotten(rig: Rig) -> None:
    """Leave the group alone until Kafka has none of its offsets."""
    wait_until(lambda: set(rig.committed().values()) == {None}, _FORGET_S)


@contextmanager
def scenes(directory: Path) -> Iterator[list[Scene]]:
    """A scene for each start, on a broker of their own."""
    with ExitStack() as stack:
        broker = stack.enter_context(RealKafka(settings=FORGETFUL))
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        made = []
        for start in STARTS:
            topic = f"quiet-{start}"
            admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30.0)
            place = directory / start
            place.mkdir()
            endpoint = stack.enter_context(ArizeEndpoint())
            made.append(Scene(stack.enter_context(Rig(broker, topic, PARTITIONS, place, endpoint)), start))
        yield made


def play_all(
    found: Sequence[Scene], *, quiet_s: float, again_s: float = 0.0, forget: Callable[[Rig], None]
) -> list[Finding]:
    """All scenes side by side; everything that is broken."""
    broken: list[BaseException] = []

    def one(scene: Scene) -> None:
        try:
            play(scene, quiet_s=quiet_s, again_s=again_s, forget=forget)
        except BaseException as error:  # noqa: BLE001  the thread's, to be raised by whoever waits for it
            broken.append(error)

    threads = [threading.Thread(target=one, args=(scene,)) for scene in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    findings = [finding for scene in found for finding in scene.findings]
    if broken and not findings:
        raise broken[0]
    return findings


def main() -> int:
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long the partitions are quiet")
    given = parser.parse_args()
    quiet_s = max(given.minutes * 60, _SURELY_S)
    with tempfile.TemporaryDirectory() as directory, scenes(Path(directory)) as found:
        findings = play_all(found, quiet_s=quiet_s, again_s=_SURELY_S, forget=wait_until_forgotten)
    said = [f"{finding.invariant}: {finding.text}" for finding in findings]
    said.append(
        "broken" if said else f"nothing lost, nothing repeated: quiet for {quiet_s:g} s, then forgotten by Kafka"
    )
    sys.stdout.write("\n".join(said) + "\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
