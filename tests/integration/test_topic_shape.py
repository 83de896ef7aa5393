"""A topic that changes while it is read or between two runs: it gains partitions, is recreated or is deleted."""

import re
import signal
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from ingest.errors import ExitCode
from tests.harness.rig import Rig
from tests.harness.supervise import Supervise

WITHIN_S = 30.0


class Cluster:
    """What an operator does to the rig's topic."""

    def __init__(self, main: Rig) -> None:
        self.main = main
        self.admin = AdminClient({"bootstrap.servers": main.kafka.brokers, "log_level": 0})

    def grow(self, partitions: int) -> None:
        """Add partitions, up to this number."""
        topic = self.main.kafka.topic
        self.admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(WITHIN_S)
        self.main.until(
            lambda: len(self.admin.list_topics(topic, timeout=WITHIN_S).topics[topic].partitions) == partitions
        )
        self.main.grow(partitions)

    def delete(self) -> None:
        """Delete the topic."""
        topic = self.main.kafka.topic
        self.admin.delete_topics([topic])[topic].result(WITHIN_S)
        self.main.until(lambda: topic not in self.admin.list_topics(timeout=WITHIN_S).topics)

    def recreate(self, messages: int, partitions: int = 2) -> None:
        """Delete the topic, create it again, and put so many other messages on each of its partitions."""
        self.delete()
        topic = self.main.kafka.topic
        self.admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(WITHIN_S)
        self.main.grow(partitions)
        for partition in self.main.partitions:
            generator = self.main.generator
            self.main.put([generator.event(partition, 10_000 + n) for n in range(messages)], partition)


def left_with_8(run: Supervise, words: str) -> None:
    """The run has halted, and its worker or the command itself says why."""
    assert run.wait() == ExitCode.EXPIRED
    told = [event["error"] for event in run.all("worker_failed")] + [run.errors]
    assert any(re.search(words, text) for text in told), told
    assert "Traceback" not in run.errors


@pytest.mark.parametrize("start", ["earliest", "latest"])
def test_partitions_added_twice_are_read_from_their_first_message(start: str, rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    cluster = Cluster(main)
    run = main.start(until_end=False, workers=2, kafka={"start": start})
    run.until(lambda: None not in main.committed().values())
    main.produce(200)
    for partitions in (4, 7):
        cluster.grow(partitions)
        main.produce(100 * partitions)
        run.until(lambda: None not in main.committed().values())
    main.until_stored(200 + 400 + 700, run)
    added = [(event["worker"], event["partitions"]) for event in run.all("partitions_added")]
    assert sorted(p for _, some in added for p in some) == [2, 3, 4, 5, 6]
    assert {worker for worker, _ in added} == {0, 1}
    worker = run.workers()[0]
    worker.kill()  # whoever is started in its place reads the new ones, too
    run.until_event("worker_started", count=3)
    main.produce(700)
    main.until_stored(2_000, run)
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DONE
    assert main.findings(most_duplicates=2 * 500) == []
    assert len(run.account["partitions"]) == 7
    assert run.account["totals"]["lag"] == 0


def test_partitions_added_between_two_runs_are_read_from_their_first_message(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    first = main.start(until_end=False, kafka={"start": "latest"})
    first.until(lambda: None not in main.committed().values())
    first.signal(signal.SIGTERM)
    assert first.wait() == ExitCode.DONE
    Cluster(main).grow(4)
    main.produce(400)
    assert main.start(kafka={"start": "latest"}).wait() == ExitCode.DONE
    assert main.findings() == []


def test_new_partitions_outside_the_configured_set_are_reported_once(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    run = main.start("--partitions", "0-1", until_end=False)
    run.until_event("supervisor_started")
    Cluster(main).grow(3)
    main.produce(300)
    told = run.until_event("partitions_not_read")
    assert told["partitions"] == [2]
    assert "[supervisor] partitions" in told["reason"]
    run.until(lambda: main.stored == 200)
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DONE
    assert len(run.all("partitions_not_read")) == 1
    assert [row["partition"] for row in run.account["partitions"]] == [0, 1]


@pytest.mark.parametrize(("messages", "start"), [(40, "latest"), (400, "earliest")])
def test_a_topic_recreated_under_a_reader_halts_it(messages: int, start: str, rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    run = main.start(until_end=False, workers=2, kafka={"start": start})
    run.until(lambda: None not in main.committed().values())
    main.produce(200)
    run.until(lambda: set(map(main.committed_at, main.partitions)) == {100})
    Cluster(main).recreate(messages)
    left_with_8(run, "was deleted and created again|ends at")
    assert set(main.committed().values()) == {None}, "Kafka forgot them with the topic, and nothing new was committed"
    again = main.start(kafka={"start": start})
    left_with_8(again, "was deleted and created again.*--resume-from earliest")
    assert set(main.committed().values()) == {None}
    audited = main.command.run("audit", code=1)
    assert "partition 0: the topic was deleted and created again after offset 100" in audited.stdout, audited.stdout
    assert main.start("--resume-from", "earliest").wait() == ExitCode.DONE
    assert list(map(main.committed_at, main.partitions)) == [messages, messages]


@pytest.mark.parametrize(
    ("messages", "partitions", "start", "resume"), [(40, 2, "earliest", "latest"), (400, 3, "latest", "earliest")]
)
def test_a_topic_recreated_between_two_runs_halts_the_second(
    messages: int, partitions: int, start: str, resume: str, rig: Callable[..., Rig]
) -> None:
    main = rig(partitions=2)
    main.produce(200)
    assert main.start().wait() == ExitCode.DONE
    Cluster(main).recreate(messages, partitions)
    before, kafka = main.stored, {"start": start}
    left_with_8(main.start(kafka=kafka), "was deleted and created again.*--resume-from earliest")
    left_with_8(main.start("--resume-from", "account", kafka=kafka), "was deleted and created again")
    assert main.stored == before
    assert set(main.committed().values()) == {None}
    assert main.start("--resume-from", resume, kafka=kafka).wait() == ExitCode.DONE
    assert main.stored == before + (partitions * messages if resume == "earliest" else 0)


def test_a_deleted_topic_halts_its_reader_and_the_next_run(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(200)
    run = main.start(until_end=False)
    run.until(lambda: set(map(main.committed_at, main.partitions)) == {100})
    Cluster(main).delete()
    left_with_8(run, "was deleted")
    left_with_8(main.start(), "was deleted")
    assert main.command.run("audit", code=None).returncode != 0


def test_a_start_that_was_never_committed_is_found_by_the_next_run(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    run = main.start(until_end=False, workers=2, kafka={"start": "latest"})
    run.until(lambda: all(mark is not None and mark.topic_partitions == 2 for mark in main.committed().values()))
    for worker in run.workers().values():
        worker.suspend()  # whoever is given the new partition does not get to it
    Cluster(main).grow(3)
    run.until_event("partitions_added")
    main.produce(300)
    run.kill()
    assert main.start(kafka={"start": "latest"}).wait() == ExitCode.DONE
    assert main.findings() == []
