"""Prepares the directory of a Kafka node, builds its command line, and waits until it answers.

Settings differ from Kafka's defaults where a single node needs it (replication factors of 1), and where tests would
have to wait (first rebalance, retention, deletion of segments). Messages are kept whatever their timestamps are, unless
a topic has a retention of its own.
"""

import contextlib
import random
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ingest.errors import IngestError
from ingest.sandbox.jars import fetch_jars, find_java

START_S = 90.0
HOST = "127.0.0.1"
# Below Linux's range for outgoing connections (32768 and up), so no client takes the port while its broker is down.
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
    # A message far older than its neighbours rolls a segment, which a retention by time then removes within a second.
    "log.retention.ms": "-1",
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
    """The broker didn't start, or ended before it answered; the message contains the end of its log."""


def prepare(data: Path, port: int, settings: Mapping[str, str]) -> str:
    """Write the node's files into `data` and format its storage if it is new; returns the bootstrap address.

    `port` 0 takes a free one. Raises `ToolMissingError`, `BrokerError`.
    """
    if port and not _is_free(port):
        raise BrokerError(f"port {port} is in use; choose another one, or 0 for a free one")
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
    """Wait until this broker answers. Raises `BrokerError` when it ends first, or after 90 s."""
    host, port = bootstrap.rsplit(":", 1)
    cluster_id = _cluster_id(data)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if not alive():
            raise BrokerError(f"the broker ended while starting; the end of its logs in {data}:\n{_log_tail(data)}")
        if _answers(host, int(port), cluster_id):
            return
        time.sleep(0.1)
    raise BrokerError(f"the broker doesn't answer at {bootstrap} after {START_S:.0f} s:\n{_log_tail(data)}")


def _answers(host: str, port: int, cluster_id: str) -> bool:
    try:
        # librdkafka would retry and log errors as long as the port is closed
        socket.create_connection((host, port), timeout=1).close()
        metadata = AdminClient({"bootstrap.servers": f"{host}:{port}", "log_level": 0}).list_topics(timeout=5)
    except (OSError, KafkaException):
        return False
    # The cluster's id, because another broker may have taken the port first.
    return bool(metadata.brokers) and metadata.cluster_id == cluster_id


def free_port() -> int:
    """A TCP port that is free."""
    for port in random.Random().sample(FREE_PORTS, 200):
        if _is_free(port):
            return port
    raise BrokerError(f"no free port found between {FREE_PORTS.start} and {FREE_PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka does: closed connections don't count
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _cluster_id(data: Path) -> str:
    lines = (data / "log" / "meta.properties").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("cluster.id="))


def _java(data: Path) -> list[str]:
    logging = [f"-Dlog4j2.configurationFile={data / 'log4j2.properties'}", f"-Dingest.log={data / 'server.log'}"]
    return [str(find_java()), *JVM, *logging, "-cp", f"{fetch_jars()}/*"]


def _log_tail(data: Path) -> str:
    lines: list[str] = []
    for name in ("console.log", "server.log"):
        with contextlib.suppress(FileNotFoundError):
            lines += (data / name).read_text(errors="replace").splitlines()[-8:]
    return "\n".join(line[:300] for line in lines)
