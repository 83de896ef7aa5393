"""Brokers that advertise an address which this machine can't reach: each command names that address."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from ingest.errors import ExitCode
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.produce import create_topic
from tests.harness.command import argv, clean_environment

ADVERTISED = "127.0.0.1:1"  # nothing listens there
WITHIN_S = 240.0


@pytest.mark.real
def test_every_command_names_the_address_that_can_not_be_reached(tmp_path: Path) -> None:
    with RealKafka() as broker:
        create_topic(broker.bootstrap, "t", 1)
        producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        producer.produce("t", json.dumps({"prediction_id": "1", "prediction_ts": int(time.time())}).encode())
        assert producer.flush(30.0) == 0
        broker.stop()
        properties = broker.data / "server.properties"
        own = f"advertised.listeners=PLAINTEXT://{broker.bootstrap}"
        properties.write_text(properties.read_text().replace(own, f"advertised.listeners=PLAINTEXT://{ADVERTISED}"))
        broker.start()
        environment = clean_environment(
            INGEST_KAFKA__BROKERS=broker.bootstrap,
            INGEST_KAFKA__TOPIC="t",
            INGEST_ARIZE__MODEL_NAME="m",
            ARIZE_API_KEY="k",
            ARIZE_SPACE_ID="s",
            ARIZE_API_HOST="127.0.0.1",
            ARIZE_API_SCHEME="http",
            ARIZE_API_PORT="1",
        )
        runs = {
            command: subprocess.Popen(
                argv(*command.split()),
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for command in ("lag", "check", "debug --partition 0", "supervise --until-end")
        }
        for command, run in runs.items():
            printed, _ = run.communicate(timeout=WITHIN_S)
            assert run.returncode == ExitCode.KAFKA, (command, printed)
            assert f"its brokers advertise {ADVERTISED} (connection refused)" in printed, (command, printed)
            assert "advertised.listeners" in printed
