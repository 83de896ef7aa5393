"""Faults of Kafka: a damaged batch, a foreign member in the group, a broker that dies."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from ingest.errors import ExitCode
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.broker import RealKafka
from ingest.sandbox.produce import create_topic
from tests.harness.rig import Rig


def test_a_damaged_batch_is_never_skipped_and_is_read_once_it_is_repaired(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(4_000)
    with main.damaged_record(partition=0), main.sampled():
        run = main.start(workers=2, until_end=True, supervisor={"max_crashes": 2})
        assert run.wait() == ExitCode.KAFKA
        assert main.committed_at(0) == 0
        assert main.committed_at(1) == 2_000  # the neighbour has gone on
    assert f"{main.kafka.topic} partition 0 offset 0 can't be read" in run.all("worker_failed")[0]["error"]
    assert run.all("worker_given_up")[0]["partitions"] == [0]
    assert main.start().wait() == ExitCode.DONE
    assert main.findings() == []


def test_what_comes_before_a_damaged_batch_is_delivered_and_committed(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(40_000)
    damaged = main.batches(0)[-1]
    assert damaged > 0
    with main.damaged_record(0, damaged), main.sampled():
        run = main.start(until_end=True, supervisor={"max_crashes": 1})
        assert run.wait() == ExitCode.KAFKA
        assert main.committed_at(0) == damaged
    assert f"partition 0 offset {damaged} can't be read" in run.all("worker_failed")[0]["error"]
    assert main.start().wait() == ExitCode.DONE
    assert main.findings() == []


def stranger(main: Rig) -> Consumer:
    """A member that has called subscribe() in the group, with its partitions assigned."""
    member = Consumer(
        {"bootstrap.servers": main.kafka.brokers, "group.id": main.kafka.group, "enable.auto.commit": False}
    )
    member.subscribe([main.kafka.topic])
    main.until(lambda: member.poll(0.1) is None and bool(member.assignment()))
    return member


def test_a_stranger_that_joins_the_group_is_reported_and_nothing_is_lost(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(2_000)
    main.endpoint.inject_faults("status", status=503)
    with main.sampled():
        run = main.start()
        run.until_event("upload_retried")
        member = stranger(main)
        main.endpoint.clear_faults()
        failed = run.until_event("commit_failed")
        assert "member" in failed["error"].lower() or "rebalance" in failed["error"].lower()
        member.close()
        assert run.wait() == ExitCode.DONE
    assert main.findings() == []


def test_a_run_does_not_start_under_a_group_that_has_a_subscribed_member(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(10)
    member = stranger(main)
    main.write_settings({})
    done = main.command.run("supervise", "--until-end", code=ExitCode.KAFKA)
    member.close()
    assert f"1 consumer subscribed under group {main.kafka.group}" in done.stdout + done.stderr
    assert main.start().wait() == ExitCode.DONE
    assert main.findings() == []


@pytest.fixture
def own_rig(arize_endpoint: ArizeEndpoint, tmp_path: Path) -> Iterator[tuple[RealKafka, Rig]]:
    """With a broker of the test's own, which it may kill."""
    with RealKafka() as broker:
        create_topic(broker.bootstrap, "predictions", 4)
        with Rig(broker, "predictions", 4, tmp_path, arize_endpoint) as main:
            yield broker, main


@pytest.mark.real
def test_reading_resumes_by_itself_after_the_broker_dies_and_returns(own_rig: tuple[RealKafka, Rig]) -> None:
    broker, main = own_rig
    main.produce(20_000)
    main.endpoint.inject_faults("latency", seconds=0.05)
    with main.sampled():
        run = main.start(workers=2, until_end=False)
        main.until_stored(3_000, run)
        broker.kill()
        run.until_event("kafka_warning")
        broker.start()
        main.endpoint.clear_faults()
        run.until(lambda: main.stored >= 20_000)
        run.until(lambda: all(main.committed_at(partition) == 5_000 for partition in main.partitions))
    main.produce(400)
    run.until(lambda: main.stored >= 20_400)
    run.until(lambda: all(main.committed_at(partition) == 5_100 for partition in main.partitions))
    assert not run.all("worker_exited")
    assert main.findings() == []
