"""The first steps on a real Kafka: `topics` lists it, `init` writes a file that `check` accepts and that delivers."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer

from ingest.commands.init.answers import Given
from ingest.commands.init.run import run as init
from ingest.errors import ConfigError
from ingest.pipeline.kafka.topic_list import list_topics
from ingest.sandbox.broker import RealKafka
from tests.harness.command import Command, clean_environment
from tests.harness.rig import Rig

MESSAGES = 60


def produce(brokers: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": brokers, "log_level": 0})
    at = int(time.time()) - 60
    for number in range(MESSAGES):
        event = {"id": f"e{number}", "created_at": (at + number) * 1_000}
        row = {"event": event, "prediction": {"label": "ab"[number % 2], "score": 0.5}, "age": number}
        producer.produce(topic, json.dumps(row).encode(), partition=number % 2)
    assert producer.flush(60) == 0


def test_topics_and_near_names_of_a_live_kafka(
    real_kafka: RealKafka, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic(2)
    produce(real_kafka.bootstrap, name)
    listed = Command(tmp_path, clean_environment()).json("topics", "--brokers", real_kafka.bootstrap)
    (own,) = [each for each in listed["topics"] if each["name"] == name]
    assert (own["partitions"], own["offsets"], own["committed_partitions"]) == (2, MESSAGES, 0)
    assert abs(own["newest_timestamp_ms"] / 1_000 - time.time()) < 3_600
    assert own["retention_ms"] == -1  # as the test's broker has it: unlimited
    assert not any(each["name"].startswith("__") for each in listed["topics"])
    given = Given(brokers=real_kafka.bootstrap, topic=name[:-1], model_name="m")
    with pytest.raises(ConfigError, match=f"did you mean {name}"):
        init(given, limit=10, sample=None, output=tmp_path / "ingest.toml", terminal=False)


def test_what_init_writes_passes_the_check_and_delivers(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    produce(main.kafka.brokers, main.kafka.topic)
    file = main.directory / "first.toml"
    given = Given(brokers=main.kafka.brokers, topic=main.kafka.topic, group=main.kafka.group, model_name="loans")
    init(given, limit=1_000, sample=None, output=file, terminal=False)
    text = file.read_text()
    assert f"# Of {MESSAGES} messages, {MESSAGES} can be delivered under it, 0 would be dead letters." in text
    assert 'timestamp = "event.created_at"  # detected by its name and values' in text
    assert main.command.json("check", "--config", "first.toml")["ok"] is True
    done = main.command.run("supervise", "--config", "first.toml", "--until-end", "--log-format", "json")
    account = json.loads(next(line for line in done.stdout.splitlines() if '"event": "account"' in line))
    assert (account["exact"], account["totals"]["acknowledged"]) == (True, MESSAGES)
    (own,) = [each for each in list_topics(main.kafka) if each.name == main.kafka.topic]
    assert own.committed_partitions == 2
