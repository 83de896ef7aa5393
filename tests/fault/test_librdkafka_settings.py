"""An odd value of an option of librdkafka never ends the process: it is taken, or a fault of the configuration."""

import json
import subprocess
import sys

# Each pair is told before it is tried, so that a crash names it.
_PROGRAM = """
import json, os, sys
from ingest.config.sections import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka.client import consumer
from pydantic import ValidationError

clients = []
for option, value in json.load(sys.stdin):
    print(json.dumps([option, value[:40]]), flush=True)
    keys = {"group": value} if option == "group.id" else {"options": {option: value}}
    try:
        clients.append(consumer(Kafka(brokers="127.0.0.1:1", **keys), 1))
    except (ConfigError, ValidationError):
        pass
print("end", flush=True)
os._exit(0)  # closing waits for brokers that are not there
"""
# Options with texts. Of all 199, each with 40 odd values, a blank group.id and a plugin path of megabytes were fatal.
_OPTIONS = (
    "builtin.features",
    "client.id",
    "client.rack",
    "debug",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "interceptors",
    "partition.assignment.strategy",
    "plugin.library.paths",
    "sasl.kerberos.service.name",
    "sasl.oauthbearer.config",
    "ssl.ca.location",
    "ssl.cipher.suites",
    "topic.blacklist",
)
_ODD = ["", " ", "a" * 3_000_000]


def test_no_option_ends_the_process() -> None:
    pairs = [(option, value) for option in _OPTIONS for value in _ODD]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, (done.stdout.splitlines()[-1:], done.stderr[-500:])
    assert done.stdout.endswith("end\n")
