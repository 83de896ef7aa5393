"""A partition that is paused on the status page waits in Kafka, whatever becomes of its worker; the others go on."""

import json
import signal
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

from confluent_kafka import Producer

from ingest.config.sections import Kafka
from ingest.errors import ExitCode
from ingest.pipeline.kafka.consumer import PartitionConsumer
from ingest.sandbox.kafka import EmbeddedKafka
from tests.harness.rig import Rig
from tests.harness.supervise import Supervise

TOKEN = "a-token-for-this-test"
PAUSED = 1


def answer(run: Supervise, path: str, **fields: str) -> Any:
    """What the page answers; with `fields` it is an action."""
    url = run.until_event("status_served")["url"].rstrip("/") + path
    data = "&".join(f"{name}={value}" for name, value in fields.items()).encode() if fields else None
    with urlopen(Request(url, data, {"Authorization": f"Bearer {TOKEN}"})) as found:
        return json.loads(found.read())


def partition(run: Supervise) -> Any:
    """The one that is paused, as the page knows it."""
    return answer(run, "/api/status")["partitions"][PAUSED]


def test_a_pause_holds_over_a_restart_and_ends_with_nothing_lost_or_repeated(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(6_000)
    main.endpoint.inject_faults("latency", seconds=0.2)
    with main.sampled():
        run = main.start(
            workers=1,
            status={"port": 0, "actions": True, "token": TOKEN},
            batch={"max_events": 100, "chunk_events": 50},
        )
        run.until(lambda: bool(main.committed_at(PAUSED)))
        answer(run, "/actions/pause-partition", partition=str(PAUSED))
        event = run.until_event("partition_paused")
        assert (event["partition"], event["holds_up_the_end"]) == (PAUSED, True)
        assert event["by"] == "the status page, asked from 127.0.0.1"
        main.endpoint.clear_faults()
        # What was read of it is settled and committed, and the others come to their ends.
        ends = main.ends()
        run.until(lambda: all(main.committed_at(one) == ends[one] for one in (0, 2)))
        run.until(lambda: (one := partition(run))["next_offset"] == one["position"] and one["state"] == "paused")
        stands_at = main.committed_at(PAUSED)
        assert stands_at is not None
        assert 0 < stands_at < ends[PAUSED]
        ready = answer(run, "/readyz")
        assert (ready["ok"], ready["notes"]) == (True, [f"partition {PAUSED} of {main.kafka.topic}: paused by request"])
        # The next process of its worker begins paused.
        answer(run, "/actions/restart-worker", worker="0")
        run.until_event("worker_started", count=2)
        run.until(lambda: partition(run)["state"] == "paused")
        loops = len(run.all("progress"))
        run.until(lambda: len(run.all("progress")) >= loops + 2)
        assert main.committed_at(PAUSED) == stands_at
        assert partition(run)["position"] == stands_at
        assert run.running, "a run that has an end waits"
        answer(run, "/actions/resume-partition", partition=str(PAUSED))
        assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    assert run.all("partition_resumed", partition=PAUSED)


def test_a_drain_does_not_wait_for_a_paused_partition(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    run = main.start(until_end=False, status={"port": 0, "actions": True, "token": TOKEN})
    run.until_event("progress", state="reading")
    run.until(lambda: partition(run)["state"] == "reading")
    answer(run, "/actions/pause-partition", partition=str(PAUSED))
    run.until(lambda: partition(run)["state"] == "paused")
    main.produce(1_000)
    run.until(lambda: main.committed_at(0) == main.ends()[0])
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DONE
    assert main.committed_at(PAUSED) in (None, 0)
    assert main.findings(done=False) == []
    assert main.start().wait() == ExitCode.DONE
    assert main.findings() == []


class Reader:
    """A consumer of partitions 0 and 1 that gives what it reads, by partition."""

    def __init__(self, brokers: str, topic: str) -> None:
        self.consumer = PartitionConsumer(
            Kafka(brokers=brokers, topic=topic, group="g"),
            (0, 1),
            on_trouble=lambda _: None,
            on_committed=lambda *_: None,
        )

    def read(self, *, until: int) -> dict[int, list[int]]:
        """Offsets by partition; it ends a while after the partition that is not paused is read up to `until`."""
        found: dict[int, list[int]] = {0: [], 1: []}
        quiet = 0
        while quiet < 3:
            chunk = self.consumer.poll(100, 0.3).chunk
            if chunk is not None:
                for partition, offset in zip(chunk.partitions.tolist(), chunk.offsets.tolist(), strict=True):
                    found[partition].append(offset)
            quiet = 0 if chunk is not None or (found[0] or [-1])[-1] + 1 < until else quiet + 1
        return found


def test_a_consumer_keeps_a_pause_over_stalls_and_new_assignments(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("rides", 2)
    producer = Producer({"bootstrap.servers": embedded_kafka.bootstrap, "log_level": 0})

    def put(messages: int) -> None:
        for number in range(2 * messages):
            producer.produce("rides", b"{}", partition=number % 2)
        assert producer.flush(30) == 0

    put(10)
    reader = Reader(embedded_kafka.bootstrap, "rides")
    consumer = reader.consumer
    try:
        consumer.keep_paused(frozenset({1}))
        consumer.assign({0: 0, 1: 0})
        assert reader.read(until=10) == {0: list(range(10)), 1: []}
        consumer.pause()
        consumer.resume()
        put(10)
        assert reader.read(until=20) == {0: list(range(10, 20)), 1: []}
        consumer.reassign(1, 3)
        consumer.reassign(0, 18)
        assert reader.read(until=20) == {0: [18, 19], 1: []}
        consumer.rebuild({0: 15, 1: 4})
        assert reader.read(until=20) == {0: list(range(15, 20)), 1: []}
        assert not consumer.has_unread({0: 20, 1: 4}), "a paused partition is no sign of a silent consumer"
        assert consumer.has_unread({0: 19, 1: 4})
        consumer.pause()
        consumer.keep_paused(frozenset())
        assert consumer.poll(100, 1.0).chunk is None, "there is no room yet"
        consumer.resume()
        put(1)
        assert reader.read(until=21) == {0: [20], 1: list(range(4, 21))}
        consumer.keep_paused(frozenset({1}))
        put(1)
        assert reader.read(until=22) == {0: [21], 1: []}
    finally:
        consumer.close()
