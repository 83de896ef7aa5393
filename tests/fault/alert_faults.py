"""The real fault of each alert: made on a broker, a disk, an endpoint and processes, and mended again.

Each fault is a context manager: it has been made when its block begins, and is mended when the block ends.
"""

import itertools
import json
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from ingest.errors import ExitCode
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.node import free_port
from tests.harness.dead_letters import NO_LIMIT
from tests.harness.rig import Rig
from tests.harness.small_disk import SmallDisk
from tests.harness.supervise import Supervise, wait_until
from tests.harness.transactions import begun

TOKEN = "a-token-for-this-campaign"
PARTITIONS = 2
RETENTION_S = 16
ROOMY, LOW, FULL = "2g", "512m", "64k"  # the alert about the disk stands at 1 GiB
_numbers = itertools.count()


class NotHere(Exception):  # noqa: N818  the fault can't be made on this machine
    """Says why."""


@dataclass(slots=True)
class Stage:
    """One topic, one endpoint and one supervisor on a port that stays the same over its restarts."""

    broker: RealKafka
    main: Rig
    port: int
    disk: SmallDisk
    settings: dict[str, Any]
    run: Supervise | None = None
    seeds: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def runs(self) -> Supervise:
        assert self.run is not None
        return self.run

    def start(self) -> None:
        """Start the supervisor; returns when it is ready."""
        self.run = self.main.start(workers=2, until_end=False, **self.settings)
        self.run.until(self._ready)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it: SIGTERM drains it, SIGKILL ends it in the middle."""
        if number is signal.SIGKILL:
            self.runs.kill()
        else:
            self.runs.signal(number)
            assert self.runs.wait() == ExitCode.DONE
        self.run = None

    def produce(self, events: int, bad_share: float = 0.0) -> None:
        self.main.produce(events, seed=next(self.seeds), bad_share=bad_share)

    def until_committed(self) -> None:
        """Wait until the whole topic is."""
        self.runs.until(lambda: {p: self.main.committed_at(p) for p in self.main.partitions} == self.main.ends())

    @contextmanager
    def traffic(self, bad_share: float = 0.0) -> Iterator[None]:
        """Messages come all the time."""
        over = threading.Event()

        def keep_on() -> None:
            while not over.wait(0.3):
                self.produce(200, bad_share)

        thread = threading.Thread(target=keep_on)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def act(self, action: str, **fields: str) -> None:
        """An action of the status page."""
        data = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
        with urlopen(Request(f"http://{self.target}/actions/{action}", data, {"Authorization": f"Bearer {TOKEN}"})):
            pass

    def kill_a_worker(self, times: int) -> None:
        """SIGKILL to worker 0, and to those that replace it."""
        for _ in range(times):
            self.runs.until(lambda: 0 in self.runs.workers() or bool(self.runs.all("worker_given_up")))
            if (worker := self.runs.workers().get(0)) is None:
                return
            worker.kill()
            worker.wait(30)

    def _ready(self) -> bool:
        try:
            with urlopen(f"http://{self.target}/readyz", timeout=5) as answer:
                return bool(json.load(answer)["ok"])
        except OSError:
            return False


@contextmanager
def stage(
    broker: RealKafka, directory: Path, *, topic: Mapping[str, str], settings: Mapping[str, Mapping[str, Any]]
) -> Iterator[Stage]:
    """A stage whose supervisor does not run yet."""
    with ExitStack() as opened:
        name = f"alerts-{next(_numbers)}"
        new = NewTopic(name, PARTITIONS, 1, config=dict(topic))
        admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        admin.create_topics([new])[name].result(30.0)
        disk = opened.enter_context(SmallDisk(directory / "disk", ROOMY))
        endpoint = opened.enter_context(ArizeEndpoint())
        main = opened.enter_context(Rig(broker, name, PARTITIONS, directory, endpoint))
        main.dead_letters = main.evidence.dead_letters = disk.place / "letters"
        port = free_port()
        base: Mapping[str, Mapping[str, Any]] = {
            "status": {"port": port, "actions": True, "token": TOKEN},
            "dead_letters": {**NO_LIMIT, "directory": str(main.dead_letters)},
            "supervisor": {"max_crashes": 50, "base_backoff_s": 0.3, "max_backoff_s": 0.5},
        }
        merged = {section: {**base.get(section, {}), **settings.get(section, {})} for section in {**base, **settings}}
        yield Stage(broker, main, port, disk, merged)


# --- the faults -----------------------------------------------------------------------------------


@contextmanager
def supervisor_killed(on: Stage) -> Iterator[None]:
    on.stop(signal.SIGKILL)
    yield
    on.start()


@contextmanager
def drain_that_lasts(on: Stage) -> Iterator[None]:
    on.main.endpoint.inject_faults("status", status=503)
    on.produce(200)
    on.runs.until_event("upload_retried")
    on.runs.signal(signal.SIGTERM)
    yield
    on.main.endpoint.clear_faults()
    assert on.runs.wait() == ExitCode.DONE
    on.start()


@contextmanager
def open_transaction(on: Stage) -> Iterator[None]:
    producer = begun(on.main, range(100), name=f"of-{on.main.kafka.topic}")
    yield
    producer.commit_transaction(30.0)


@contextmanager
def arize_stalled(on: Stage) -> Iterator[None]:
    on.main.endpoint.inject_faults("stall")
    on.produce(500)
    yield
    on.main.endpoint.clear_faults()


@contextmanager
def expired_while_down(on: Stage) -> Iterator[None]:
    on.stop()
    on.produce(500)
    ends = on.main.ends()
    reader = Consumer({"bootstrap.servers": on.broker.bootstrap, "group.id": "looks", "log_level": 0})
    wait_until(lambda: all(low_watermark(on, reader, partition) == end for partition, end in ends.items()), 120.0)
    reader.close()
    on.start()
    on.runs.until_event("offsets_expired", count=PARTITIONS)
    yield


def low_watermark(on: Stage, reader: Consumer, partition: int) -> int:
    """The first offset that Kafka still has."""
    low, _ = reader.get_watermark_offsets(TopicPartition(on.main.kafka.topic, partition), timeout=30.0)
    return int(low)


@contextmanager
def removed_under_a_pause(on: Stage) -> Iterator[None]:
    with paused(on):
        on.produce(500)
        on.main.delete_records(0, on.main.ends()[0] - 10)
    yield


@contextmanager
def broker_killed(on: Stage) -> Iterator[None]:
    on.broker.kill()
    yield
    on.broker.start()


@contextmanager
def bad_messages(on: Stage) -> Iterator[None]:
    on.produce(1_000, bad_share=0.2)
    yield


@contextmanager
def disk_low(on: Stage) -> Iterator[None]:
    _needs_mount(on)
    on.disk.resize(LOW)
    yield
    on.disk.resize(ROOMY)


@contextmanager
def disk_full(on: Stage) -> Iterator[None]:
    _needs_mount(on)
    on.disk.resize(FULL)
    on.produce(4_000, bad_share=0.2)
    yield
    on.disk.resize(ROOMY)


def _needs_mount(on: Stage) -> None:
    if not on.disk.mounted:
        raise NotHere("a small disk is mounted by root, and this machine does not allow it")


@contextmanager
def worker_killed_often(on: Stage) -> Iterator[None]:
    on.kill_a_worker(4)
    yield


@contextmanager
def worker_killed_until_given_up(on: Stage) -> Iterator[None]:
    while not on.runs.all("worker_given_up"):
        on.kill_a_worker(1)
    yield
    on.runs.signal(signal.SIGTERM)
    on.runs.wait()
    on.start()


@contextmanager
def stranger_in_the_group(on: Stage) -> Iterator[None]:
    options = {"bootstrap.servers": on.broker.bootstrap, "group.id": on.main.kafka.group, "enable.auto.commit": False}
    member = Consumer({**options, "log_level": 0})
    member.subscribe([on.main.kafka.topic])
    try:
        wait_until(lambda: member.poll(0.1) is None and bool(member.assignment()))
        with on.traffic():
            yield
    finally:
        member.close()


@contextmanager
def worker_killed_with_uploads_out(on: Stage) -> Iterator[None]:
    on.main.endpoint.inject_faults("latency", seconds=1.0)
    begun_before = len(on.runs.all("upload_started"))
    on.produce(1_000)
    on.runs.until(lambda: len(on.runs.all("upload_started")) > begun_before + 1)
    for worker in on.runs.workers().values():
        worker.kill()
    yield
    on.main.endpoint.clear_faults()


@contextmanager
def paused(on: Stage) -> Iterator[None]:
    on.act("pause-partition", partition="0")
    # Ordered is not done: until its worker has it, the partition is read.
    on.runs.until(lambda: any(told["partitions"].get("0", {}).get("paused") for told in on.runs.all("progress")))
    yield
    on.act("resume-partition", partition="0")


@contextmanager
def paused_with_traffic(on: Stage) -> Iterator[None]:
    with on.traffic(), paused(on):
        yield


# --- no faults ------------------------------------------------------------------------------------


@contextmanager
def nothing(on: Stage) -> Iterator[None]:
    assert on.run is not None
    yield


@contextmanager
def traffic(on: Stage) -> Iterator[None]:
    with on.traffic(bad_share=0.001):
        yield


@contextmanager
def restarted(on: Stage) -> Iterator[None]:
    with on.traffic():
        time.sleep(2.0)
        on.stop()
        on.start()
        yield


@contextmanager
def killed_and_started(on: Stage) -> Iterator[None]:
    on.produce(1_000)
    on.until_committed()
    on.stop(signal.SIGKILL)
    on.start()
    yield
