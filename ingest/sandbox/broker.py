"""A real Apache Kafka: one node, KRaft, no Docker. `scripts/kafka start|stop|status` and `RealKafka` share it.

`RealKafka` is for tests and benchmarks: it lives as long as its `with` block, dies with the process that
started it, and can be killed and brought back on the same ports and data. The command leaves a broker running
and finds it again by the file `broker.json` in its data directory.

Settings differ from Kafka's defaults where one node needs it (replication factors of 1) or where tests would
wait (first rebalance, retention, deletion of segments).
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ingest.errors import IngestError
from ingest.sandbox import leash
from ingest.sandbox.jars import cache_directory, fetch_jars, find_java

START_S = 90.0
STOP_S = 20.0
HOST = "127.0.0.1"
# Below Linux's range for outgoing connections (32768 and up): no client can sit on the port while its broker is down.
FREE_PORTS = range(20_000, 32_000)

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    # One node
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # No waiting
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "3000",  # a killed node may register again only after its old session
    "broker.heartbeat.interval.ms": "500",
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "500",
    "log.segment.delete.delay.ms": "100",
    "log.cleaner.backoff.ms": "500",
    # Small
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.index.size.max.bytes": "1048576",
    "num.network.threads": "2",
    "num.io.threads": "4",
}
JVM = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
LOG4J = """rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = ${sys:ingest.log}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
"""


class BrokerError(IngestError):
    """The broker didn't start, or ended while it was awaited; the message holds the end of its log."""


class RealKafka:
    """One real broker, for the length of a `with` block.

    `bootstrap` is its address; `pid` the Java process. Without `data`, a temporary directory is made and removed.
    `settings` are added to (or replace) those of server.properties.
    """

    def __init__(self, data: Path | None = None, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        self._temporary = data is None
        self.data = Path(tempfile.mkdtemp(prefix="ingest-kafka-")) if data is None else data
        self._port = port
        self._settings = dict(settings or {})
        self._holder: subprocess.Popen[str] | None = None
        self.bootstrap = ""
        self.pid = 0

    def __enter__(self) -> Self:
        try:
            self.bootstrap = prepare(self.data, self._port, self._settings)
            self.start()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    @property
    def alive(self) -> bool:
        """Whether the Java process runs."""
        return self._holder is not None and self._holder.poll() is None

    def start(self) -> None:
        """Start the process on its data and wait until it answers. Raises `BrokerError`."""
        if self.alive:
            return
        held = [sys.executable, "-I", "-S", leash.__file__, str(self.data if self._temporary else "")]
        with (self.data / "console.log").open("ab") as console:
            self._holder = subprocess.Popen(
                held + command(self.data),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                text=True,
                start_new_session=True,  # a Ctrl-C at the terminal is for the tests, not for the broker
            )
        if self._holder.stdout is None:
            raise BrokerError("the broker's holder has no output")
        self.pid = int(self._holder.stdout.readline() or 0)
        await_answer(self.bootstrap, self.data, lambda: self.alive)

    def kill(self) -> None:
        """SIGKILL, as a power cut would. The data stays; `start` brings it back."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: a clean shutdown. The data stays; `start` brings it back."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Kill it and bring it back on the same ports and data; returns when it answers."""
        self.kill()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self._holder is None:
            return
        if self._holder.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)
        try:
            self._holder.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)
            self._holder.wait(STOP_S)
        for pipe in (self._holder.stdin, self._holder.stdout):
            if pipe is not None:
                pipe.close()
        self._holder = None

    def _leave(self) -> None:
        self.kill()
        if self._temporary:
            shutil.rmtree(self.data, ignore_errors=True)


def prepare(data: Path, port: int, settings: Mapping[str, str]) -> str:
    """Write the node's files into `data` and format its storage if it is new; the bootstrap address.

    `port` 0 takes a free one. Raises `ToolMissingError`, `BrokerError`.
    """
    port = port or free_port()
    controller = free_port()
    data.mkdir(parents=True, exist_ok=True)
    lines = SETTINGS | {
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller}",
        "log.dirs": str(data / "log"),
        **settings,
    }
    (data / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    (data / "log4j2.properties").write_text(LOG4J)
    if not (data / "log" / "meta.properties").is_file():
        identity = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
        storage = ["kafka.tools.StorageTool", "format", "-t", identity, "-c", str(data / "server.properties")]
        done = subprocess.run(
            [*_java(data), *storage, "--standalone"], capture_output=True, text=True, timeout=START_S, check=False
        )
        if done.returncode != 0:
            raise BrokerError(f"Kafka can't format {data / 'log'}:\n{done.stdout}{done.stderr}")
    return f"{HOST}:{port}"


def command(data: Path) -> list[str]:
    """The command line of the broker on a prepared `data`."""
    return [*_java(data), "kafka.Kafka", str(data / "server.properties")]


def await_answer(bootstrap: str, data: Path, alive: Callable[[], bool]) -> None:
    """Return when the broker answers for itself. Raises `BrokerError` when it ends first, or after 90 s."""
    host, port = bootstrap.rsplit(":", 1)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if not alive():
            raise BrokerError(f"the broker ended while starting; the end of its logs in {data}:\n{_last_words(data)}")
        with contextlib.suppress(OSError, KafkaException), socket.create_connection((host, int(port)), timeout=1):
            admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
            if admin.list_topics(timeout=5).brokers:
                return
        time.sleep(0.1)
    raise BrokerError(f"the broker doesn't answer at {bootstrap} after {START_S:.0f} s:\n{_last_words(data)}")


def free_port() -> int:
    """A TCP port that nobody listens on."""
    candidates = random.Random().sample(FREE_PORTS, 200)
    for port in candidates:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise BrokerError(f"no free port found between {FREE_PORTS.start} and {FREE_PORTS.stop}")


def _java(data: Path) -> list[str]:
    logging = [f"-Dlog4j2.configurationFile={data / 'log4j2.properties'}", f"-Dingest.log={data / 'server.log'}"]
    return [str(find_java()), *JVM, *logging, "-cp", f"{fetch_jars()}/*"]


def _last_words(data: Path) -> str:
    lines: list[str] = []
    for name in ("console.log", "server.log"):
        with contextlib.suppress(FileNotFoundError):
            lines += (data / name).read_text(errors="replace").splitlines()[-8:]
    return "\n".join(line[:300] for line in lines)


# --- the command ----------------------------------------------------------------------------------


def _running(data: Path) -> tuple[psutil.Process, str] | None:
    """The broker that `start` left on `data`, if it still runs: a process id alone may be somebody else's by now."""
    try:
        state = json.loads((data / "broker.json").read_text())
        process = psutil.Process(state["pid"])
        if process.create_time() == state["created"] and process.status() != psutil.STATUS_ZOMBIE:
            return process, state["bootstrap"]
    except (FileNotFoundError, psutil.NoSuchProcess):
        pass
    return None


def _start(data: Path, port: int) -> str:
    if (running := _running(data)) is not None:
        return running[1]
    bootstrap = prepare(data, port, {})
    with (data / "console.log").open("ab") as console:
        broker = subprocess.Popen(
            command(data), stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
        )
    state = {"pid": broker.pid, "created": psutil.Process(broker.pid).create_time(), "bootstrap": bootstrap}
    (data / "broker.json").write_text(json.dumps(state))
    await_answer(bootstrap, data, lambda: broker.poll() is None)
    return bootstrap


def _stop(data: Path) -> bool:
    running = _running(data)
    if running is not None:
        process = running[0]
        process.terminate()
        try:
            process.wait(STOP_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
    (data / "broker.json").unlink(missing_ok=True)
    return running is not None


def main() -> int:
    """`start`, `stop` and `status` of a broker that stays; 1 when there is none or it failed."""
    parser = argparse.ArgumentParser(
        prog="scripts/kafka",
        description=__doc__,
        epilog="example: scripts/kafka start --port 0; scripts/kafka stop --delete",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=cache_directory() / "broker", help="the node's own directory")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start it, wait until it answers, print the bootstrap address")
    start.add_argument("--port", type=int, default=9092, help="0 takes a free one")
    stop = commands.add_parser("stop", help="stop it; its topics stay")
    stop.add_argument("--delete", action="store_true", help="remove its topics too")
    commands.add_parser("status", help="print the bootstrap address of a running broker")
    given = parser.parse_args()
    data: Path = given.data.absolute()
    try:
        if given.command == "start":
            print(_start(data, given.port))
            return 0
        if given.command == "stop":
            print("stopped" if _stop(data) else "not running")
            if given.delete:
                shutil.rmtree(data, ignore_errors=True)
            return 0
    except IngestError as error:
        print(error, file=sys.stderr)
        return 1
    running = _running(data)
    print(running[1] if running else "not running")
    return 0 if running else 1


if __name__ == "__main__":
    sys.exit(main())
