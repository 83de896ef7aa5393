"""`ingest lag` as a process on a real Kafka, while a supervisor runs and after it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from ingest.errors import ExitCode
from tests.harness.rig import Rig
from tests.harness.transactions import begun

WITHIN_S = 60.0
HOUR_MS = 3_600_000


def lag(main: Rig, *arguments: str, code: int = ExitCode.DONE) -> dict[str, Any]:
    done = main.command.run("lag", "--json", *arguments, code=code)
    found: dict[str, Any] = json.loads(done.stdout) if code == ExitCode.DONE else {"error": done.stderr}
    return found


def put_at(main: Rig, partition: int, timestamp_ms: int) -> None:
    producer = Producer({"bootstrap.servers": main.kafka.brokers, "log_level": 0})
    producer.produce(main.kafka.topic, b"{}", partition=partition, timestamp=timestamp_ms)
    assert producer.flush(WITHIN_S) == 0


def ahead(main: Rig) -> int:
    mark = main.committed()[0]
    return 0 if mark is None else (mark.settled() - mark.counts).total


def test_lag_and_the_age_of_the_oldest_uncommitted_message(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(300, bad_share=0.1)
    assert main.start().wait() == ExitCode.DONE
    an_hour_ago = int(time.time() * 1000) - HOUR_MS
    put_at(main, 1, an_hour_ago)
    put_at(main, 1, an_hour_ago + 60_000)
    put_at(main, 2, an_hour_ago + 90_000)
    found = lag(main)
    rows = found["partitions"]
    assert [row["lag"] for row in rows] == [0, 2, 1]
    assert [row["committed_next_offset"] for row in rows] == [100, 100, 100]
    assert [row["oldest_timestamp_ms"] for row in rows] == [None, an_hour_ago, an_hour_ago + 90_000]
    assert rows[1]["oldest_age_s"] >= 3_600
    assert found["oldest_age_s"] == rows[1]["oldest_age_s"]
    assert found["lag"] == 3
    assert sum(row["dead_lettered"] for row in rows) == len(main.truth.bad)
    assert sum(row["acknowledged"] for row in rows) == 300 - len(main.truth.bad)


def test_lag_joins_no_group_and_shows_what_is_settled_ahead_of_the_commit(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(2_000)
    main.endpoint.inject_faults("status", status=503, column="seq", value=0)  # the first batch is held up
    run = main.start(until_end=False)
    run.until(lambda: main.stored > 0 and ahead(main) > 0)
    with main.command.started("lag", "--watch", "--json") as watching:
        assert watching.stdout is not None
        looks = [json.loads(watching.stdout.readline()) for _ in range(2)]
        admin = AdminClient({"bootstrap.servers": main.kafka.brokers})
        group = admin.describe_consumer_groups([main.kafka.group])
        assert group[main.kafka.group].result(WITHIN_S).members == []
        watching.terminate()
        watching.wait(WITHIN_S)
    for (row,) in (look["partitions"] for look in looks):
        assert (row["committed_next_offset"], row["lag"], row["acknowledged"]) == (0, 2_000, 0)
        assert row["settled_above"] >= 500
    main.endpoint.clear_faults()
    run.until(lambda: main.committed_at(0) == 2_000)
    (row,) = lag(main)["partitions"]
    assert (row["lag"], row["settled_above"], row["acknowledged"], row["oldest_age_s"]) == (0, 0, 2_000, None)
    assert main.findings() == []


def test_lag_of_partitions_never_committed_expired_and_committed_beyond_the_end(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(300)
    main.write_settings({})
    consumer = Consumer({"bootstrap.servers": main.kafka.brokers, "group.id": main.kafka.group})
    consumer.commit(
        offsets=[TopicPartition(main.kafka.topic, 1, 10), TopicPartition(main.kafka.topic, 2, 5_000)],
        asynchronous=False,
    )
    consumer.close()
    main.delete_records(1, 30)
    never, expired, invalid = lag(main)["partitions"]
    assert (never["committed_next_offset"], never["lag"]) == (None, 100)
    assert (expired["expired_offsets"], expired["lag"]) == (20, 70)
    assert invalid["commit_invalid"] is True
    assert invalid["lag"] == 0


def test_the_table_of_lag_shows_topic_and_count_without_colours(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(1_500)
    main.write_settings({})
    done = main.command.run("lag")
    assert main.kafka.topic in done.stdout
    assert "1,500" in done.stdout
    assert "\x1b" not in done.stdout


def test_an_unknown_topic_and_unreachable_brokers_exit_with_the_code_for_kafka(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.write_settings({})
    assert "no-such-topic" in lag(main, "--topic", "no-such-topic", code=ExitCode.KAFKA)["error"]
    assert "--brokers" not in lag(main, "--brokers", "127.0.0.1:1", code=ExitCode.KAFKA)["error"]


@pytest.mark.timeout(600)  # as many processes as commands
def test_what_is_behind_an_open_transaction_is_lag_and_named_everywhere(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(100)
    assert main.start().wait() == ExitCode.DONE
    before_ms = int(time.time() * 1000)
    left_open = begun(main, range(100, 170), name=f"{main.kafka.topic}-open")
    found = lag(main)
    (row,) = found["partitions"]
    assert (found["lag"], found["held_back"]) == (70, 70)
    assert (row["stable_offset"], row["end_offset"], row["oldest_age_s"]) == (100, 170, None)
    assert row["held_back_since_ms"] >= before_ms - 1_000
    assert "open transaction, first message 20" in main.command.run("lag").stdout
    checked = main.command.run("check").stdout
    assert "70 offsets to read, 70 of it behind an open transaction" in checked
    assert "read one message" in checked
    debugged = main.command.run("debug", "--partition", "0").stdout
    assert "offset 100 begins an open transaction: 70 offsets can't be read before it ends" in debugged
    audited = json.loads(main.command.run("audit", "--json").stdout)
    (row,) = audited["topics"][0]["partitions"]
    assert (row["stable_offset"], row["end_offset"], audited["verified"]) == (100, 170, True)
    left_open.abort_transaction(WITHIN_S)
    main.until(lambda: main.ends() == {0: 171})
    (row,) = lag(main)["partitions"]
    assert (row["lag"], row["held_back"], row["no_message"]) == (71, 0, True)
    assert "no message in the lag" in main.command.run("lag").stdout


def test_lag_of_a_topic_that_is_deleted_while_it_is_watched_is_not_0(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(100)
    main.write_settings({})
    with main.command.started("lag", "--watch", "--json") as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["lag"] == 100
        admin = AdminClient({"bootstrap.servers": main.kafka.brokers})
        admin.delete_topics([main.kafka.topic])[main.kafka.topic].result(WITHIN_S)
        lines = [json.loads(line) for line in watching.stdout]
        assert watching.wait(WITHIN_S) == ExitCode.KAFKA
    assert {line["lag"] for line in lines} <= {100}
