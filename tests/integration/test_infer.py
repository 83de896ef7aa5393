"""`ingest schema infer` as a process on a live topic: it joins no group, and the other commands load its file."""

import json
import stat
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from ingest.errors import ExitCode
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.generate import Generator
from ingest.sandbox.produce import produce
from tests.harness.command import Command, clean_environment

WITHIN_S = 120.0  # for a busy machine: nothing here waits for it
SECRET = "hunter2-canary"


class Bench:
    """A directory, a topic of three partitions, and the command in it."""

    def __init__(self, bootstrap: str, topic: str, directory: Path) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.directory = directory

    def ingest(self, *arguments: str, code: int = ExitCode.DONE) -> subprocess.CompletedProcess[str]:
        return Command(self.directory, clean_environment()).run(*arguments, code=code)

    def infer(self, *arguments: str, code: int = ExitCode.DONE) -> subprocess.CompletedProcess[str]:
        return self.ingest("schema", "infer", "--brokers", self.bootstrap, "--topic", self.topic, *arguments, code=code)

    def put(self, *values: bytes | None, partition: int = 0) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for value in values:
            producer.produce(self.topic, value, partition=partition)
        assert producer.flush(WITHIN_S) == 0

    def groups(self) -> list[str]:
        found = AdminClient({"bootstrap.servers": self.bootstrap}).list_consumer_groups().result(WITHIN_S).valid
        return sorted(group.group_id for group in found)

    def rejected(self, file: str, partition: int) -> dict[str, int]:
        """What `ingest debug` makes of the partition under that file, by the end it shows."""
        done = self.ingest(
            "debug",
            "--partition",
            str(partition),
            "--from",
            "earliest",
            "--limit",
            "100000",
            "--json",
            "--config",
            file,
        )
        trace = [json.loads(line) for line in done.stdout.splitlines()]
        (summary,) = [record for record in trace if record["event"] == "summary"]
        found: dict[str, int] = summary["rejected"]
        return found


@pytest.fixture
def bench(real_kafka: RealKafka, topic: Callable[..., str], tmp_path: Path) -> Bench:
    return Bench(real_kafka.bootstrap, topic(3), tmp_path)


def said(text: str) -> dict[str, int]:
    """The dead letters that the file foretells."""
    lines = text.split("would be dead letters")[1].split("#\n", maxsplit=1)[0].splitlines()
    found = [line.removeprefix("#   ").rsplit(" ", 1) for line in lines if line.startswith("#   ")]
    return {code: int(number.replace(",", "")) for code, number in found}


def test_the_contract_of_a_live_topic_loads_and_predicts_its_dead_letters_exactly(bench: Bench) -> None:
    generator = Generator(seed=7, bad_share=0.05)
    produce(bench.bootstrap, bench.topic, (0, 1, 2), 3_000, generator=generator)
    before = bench.groups()
    done = bench.infer("--limit", "100000", "--partitions", "1", "--output", "contract.toml")
    assert bench.groups() == before
    assert done.stdout == ""
    text = (bench.directory / "contract.toml").read_text()
    foretold = said(text)
    assert sum(foretold.values()) > 0
    assert bench.rejected("contract.toml", 1) == foretold
    pinned = tomllib.loads(text)["schema"]["types"]
    assert (pinned["age"], pinned["amount"], pinned["city"]) == ("integer", "float", "string")
    # Written again on top of itself it says the same.
    again = bench.infer("--limit", "100000", "--partitions", "1", "--config", "contract.toml")
    assert tomllib.loads(again.stdout)["schema"] == tomllib.loads(text)["schema"]
    assert said(again.stdout) == foretold


def test_the_sample_is_the_newest_part_of_every_partition(bench: Bench) -> None:
    for partition in range(2):
        old = [json.dumps({"prediction_id": f"{n}", "old": n}).encode() for n in range(50)]
        new = [json.dumps({"prediction_id": f"{n}", f"new{partition}": 0.5}).encode() for n in range(10)]
        bench.put(*old, *new, partition=partition)
    text = bench.infer("--limit", "20").stdout
    types = tomllib.loads(text)["schema"]["types"]
    assert types == {"prediction_id": "string", "new0": "float", "new1": "float"}
    assert "#   partition 0: offsets 50 to 59\n#   partition 1: offsets 50 to 59\n" in text
    one = bench.infer("--limit", "1000", "--partitions", "1").stdout
    assert tomllib.loads(one)["schema"]["types"] == {"prediction_id": "string", "old": "integer", "new1": "float"}


def test_values_are_shown_on_request_only_and_no_file_is_overwritten(bench: Bench) -> None:
    bench.put(json.dumps({"prediction_id": SECRET, "n": 1}).encode(), b"{")
    assert SECRET not in bench.infer().stdout
    bench.infer("--examples", "--output", "contract.toml")
    file = bench.directory / "contract.toml"
    assert SECRET in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    refused = bench.infer("--output", "contract.toml", code=ExitCode.CONFIGURATION)
    assert "the file exists" in refused.stderr


def test_an_unknown_partition_an_empty_topic_and_a_missing_topic_are_reported(bench: Bench) -> None:
    assert "but not 7" in bench.infer("--partitions", "7", code=ExitCode.CONFIGURATION).stderr
    empty = bench.infer(code=ExitCode.CONFIGURATION)
    assert empty.stdout == ""
    assert "has no message that can be read now, so there is nothing to infer" in empty.stderr
    missing = bench.ingest("schema", "infer", "--brokers", bench.bootstrap, code=ExitCode.CONFIGURATION)
    assert "topic is missing" in missing.stderr
    nothing = bench.ingest("schema", "infer", code=ExitCode.CONFIGURATION)
    assert "there is no ingest.toml here: ingest init writes one" in nothing.stderr
