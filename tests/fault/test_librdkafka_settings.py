"""No option of librdkafka, whatever its value, ends the process: it is taken, or a fault of the configuration."""

import json
import subprocess
import sys

from ingest.config.kafka_options import NAMES

# Each pair is told before it is tried, so that a crash names it.
_PROGRAM = """
import json, sys
from ingest.config.sections import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka.client import admin, consumer, producer
from pydantic import ValidationError

for option, value in json.load(sys.stdin):
    print(json.dumps([option, value[:40]]), flush=True)
    for make in (lambda kafka: consumer(kafka, 1), producer, admin):
        try:
            keys = {"group": value} if option == "group.id" else {"brokers": value} if option == "bootstrap.servers" else {}
            client = make(Kafka(brokers="127.0.0.1:1", **{"options": {option: value}}) if not keys else Kafka(**keys))
            client.poll(0)
            getattr(client, "close", lambda: None)()
        except (ConfigError, ValidationError):
            pass
print("end", flush=True)
"""
_ODD = ["", " ", ",", "-1", "9" * 30, "\N{LATIN SMALL LETTER E WITH ACUTE}" * 300, "%s%n", "a" * 3_000_000]


def test_no_option_ends_the_process() -> None:
    pairs = [(option, value) for option in sorted(NAMES) for value in _ODD]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], input=json.dumps(pairs), capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, (done.stdout.splitlines()[-1:], done.stderr[-500:])
    assert done.stdout.endswith("end\n")
