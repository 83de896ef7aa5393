"""The real broker of the sandbox: it has ports of its own, keeps its data over a kill and is removed when closed."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from ingest.sandbox.broker import RealKafka
from ingest.sandbox.node import BrokerError

pytestmark = pytest.mark.real
DEADLINE_S = 30.0


def test_a_killed_broker_comes_back_with_its_messages_and_commits() -> None:
    with RealKafka() as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        admin.create_topics([NewTopic("kept", num_partitions=3)])["kept"].result(DEADLINE_S)
        producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all", "log_level": 0})
        producer.produce("kept", value=b"1", partition=2)
        assert producer.flush(DEADLINE_S) == 0
        before = broker.bootstrap, broker.pid

        broker.restart()

        assert broker.bootstrap == before[0]
        assert broker.pid != before[1]
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "any", "log_level": 0})
        assert consumer.get_watermark_offsets(TopicPartition("kept", 2), timeout=DEADLINE_S) == (0, 1)
        consumer.close()

        broker.kill()
        assert not broker.alive
        data = broker.data
    assert not data.exists()


def test_a_topic_keeps_its_messages_however_old_their_timestamps_are(real_kafka: RealKafka) -> None:
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic("old", num_partitions=1)])["old"].result(DEADLINE_S)
    resource = ConfigResource(ConfigResource.Type.TOPIC, "old")
    assert admin.describe_configs([resource])[resource].result(DEADLINE_S)["retention.ms"].value == "-1"


def test_settings_of_the_test_reach_the_broker_and_a_bad_one_is_reported() -> None:
    with pytest.raises(BrokerError, match=r"num\.io\.threads"), RealKafka(settings={"num.io.threads": "none"}):
        pass


def test_a_port_that_is_taken_is_reported_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} is in use"), RealKafka(tmp_path / "node", port):
            pass


def test_the_command_starts_a_broker_that_outlives_it_and_finds_it_again(tmp_path: Path) -> None:
    def kafka(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "ingest.sandbox.broker", "--data", str(tmp_path / "node"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout.strip()

    assert kafka("status") == (1, "not running")
    code, bootstrap = kafka("start", "--port", "0")
    broker = psutil.Process(json.loads((tmp_path / "node" / "broker.json").read_text())["pid"])
    try:
        assert code == 0
        assert AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=DEADLINE_S).brokers
        assert kafka("start", "--port", "0") == (0, bootstrap)
        assert kafka("status") == (0, bootstrap)
        assert kafka("stop", "--delete") == (0, "stopped")
        assert not broker.is_running()
        assert kafka("stop") == (0, "not running")
    finally:
        if broker.is_running():
            broker.kill()
    assert not (tmp_path / "node").exists()
