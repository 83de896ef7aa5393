"""The first steps on a real Kafka: `topics` lists it, `init` writes a file that `check` accepts and that delivers."""

import json
import time
from collections.abc import Callable

from confluent_kafka import Producer

from ingest.errors import ExitCode
from tests.harness.rig import Rig

MESSAGES = 60


def test_topics_and_init_lead_to_a_delivery(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    topic, brokers = main.kafka.topic, main.kafka.brokers
    at = int(time.time()) - 60
    producer = Producer({"bootstrap.servers": brokers, "log_level": 0})
    for number in range(MESSAGES):
        event = {"id": f"e{number}", "created_at": (at + number) * 1_000}
        row = {"event": event, "prediction": {"label": "ab"[number % 2], "score": 0.5}, "age": number}
        producer.produce(topic, json.dumps(row).encode(), partition=number % 2)
    assert producer.flush(60) == 0

    listed = main.command.json("topics", "--brokers", brokers)
    (own,) = [each for each in listed["topics"] if each["name"] == topic]
    assert (own["partitions"], own["offsets"], own["committed_partitions"]) == (2, MESSAGES, 0)
    assert abs(own["newest_timestamp_ms"] / 1_000 - time.time()) < 3_600
    assert own["retention_ms"] == -1  # as the test's broker has it: unlimited
    assert not any(each["name"].startswith("__") for each in listed["topics"])
    near = main.command.run(*("topics", "--brokers", brokers, "--config", "none.toml"), code=ExitCode.CONFIGURATION)
    assert "none.toml: no such file" in near.stderr

    wrong = main.command.run(
        *("init", "--brokers", brokers, "--topic", topic[:-1], "--model-name", "m"), code=ExitCode.CONFIGURATION
    )
    assert f"did you mean {topic}" in wrong.stderr
    main.command.run(
        *("init", "--brokers", brokers, "--topic", topic, "--group", main.kafka.group, "--model-name", "loans"),
        *("--output", "first.toml"),
    )
    text = (main.directory / "first.toml").read_text()
    assert f"# Of {MESSAGES} messages, {MESSAGES} can be delivered under it, 0 would be dead letters." in text
    assert 'timestamp = "event.created_at"  # detected by its name and values' in text
    checked = main.command.json("check", "--config", "first.toml")
    assert checked["ok"] is True
    main.command.run("supervise", "--config", "first.toml", "--until-end", "--log-format", "json")
    assert main.stored == MESSAGES
    marked = main.command.run("topics", "--config", "first.toml")
    line = next(line for line in marked.stdout.splitlines() if line.startswith(f"* {topic} "))
    assert line.split()[-1] == "2"
    main.command.run("init", "--brokers", brokers, "--output", "first.toml", code=ExitCode.CONFIGURATION)
