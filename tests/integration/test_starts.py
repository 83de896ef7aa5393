"""The offset where reading starts, and the faults that halt a run before it reads."""

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, TopicPartition

from ingest.errors import ExitCode
from tests.harness.rig import Rig


def test_latest_reads_all_since_the_start_even_if_killed_before_the_first_answer(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(200)
    main.endpoint.inject_faults("status", status=503)
    first = main.start(until_end=False, kafka={"start": "latest"})
    first.until(lambda: None not in main.committed().values())
    main.produce(200)  # between the start and the first answer: a newer `latest` would lose them
    first.until_event("upload_retried")
    first.kill()
    main.produce(200)
    main.endpoint.clear_faults()
    assert main.start(kafka={"start": "latest"}).wait() == ExitCode.DONE
    for partition in main.partitions:
        main.truth.offsets[partition][:100] = -1
    assert main.findings() == []
    assert main.evidence.stored_rows == 400


def test_a_run_continues_where_the_previous_one_ended(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(300)
    assert main.start().wait() == ExitCode.DONE
    main.produce(300)
    run = main.start()
    assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    assert run.account["totals"]["acknowledged"] == 300
    again = main.start()
    assert again.wait() == ExitCode.DONE
    assert again.account["totals"]["acknowledged"] == 0
    assert main.findings() == []


def test_messages_removed_by_retention_halt_their_partition_and_the_range_is_named(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(400)
    assert main.start().wait() == ExitCode.DONE
    main.produce(400)
    main.delete_records(0, 321)  # committed is 200
    run = main.start(workers=2)
    assert run.wait() == ExitCode.EXPIRED
    (failed,) = run.all("worker_failed")
    assert f"{main.kafka.topic} partition 0: offsets 200 to 320 are no longer in the log" in failed["error"]
    assert main.committed_at(0) == 200
    assert main.committed_at(1) == 400  # the other worker has gone on to its end


def test_messages_removed_by_retention_are_reported_and_skipped_when_configured(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(400)
    assert main.start().wait() == ExitCode.DONE
    main.produce(400)
    main.delete_records(0, 321)
    run = main.start(kafka={"on_expired": "continue"})
    assert run.wait() == ExitCode.DONE
    (expired,) = run.all("offsets_expired")
    assert (expired["partition"], expired["first"], expired["next_offset"]) == (0, 200, 321)
    assert main.committed_at(0) == 400
    main.evidence.update()
    assert main.evidence.stored[0].tolist() == [1] * 200 + [0] * 121 + [1] * 79


def test_a_slow_reader_that_retention_overtakes_halts(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(40_000)
    main.endpoint.inject_faults("status", status=503)
    run = main.start(until_end=False)
    run.until_event("progress", state="paused")
    main.delete_records(0, 40_000)
    main.endpoint.inject_faults("latency", seconds=1.0)  # something is still on its way when it finds out
    assert run.wait() == ExitCode.EXPIRED
    committed = main.committed_at(0)
    assert committed is not None
    assert f"offsets {committed} to 39999 are no longer in the log" in run.all("worker_failed")[0]["error"]
    assert main.evidence.duplicates == 0
    main.evidence.update()
    assert main.evidence.stored[0].tolist() == [1] * committed  # what it had read is delivered, though it is gone


def test_a_committed_offset_past_the_end_is_never_used(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(100)
    consumer = Consumer({"bootstrap.servers": main.kafka.brokers, "group.id": main.kafka.group})
    consumer.commit(offsets=[TopicPartition(main.kafka.topic, 0, 5_000)], asynchronous=False)
    consumer.close()
    run = main.start(until_end=False)
    assert run.wait() == ExitCode.EXPIRED
    assert "ends at 100" in run.all("worker_failed")[0]["error"]
    assert "at 5000" in run.all("worker_failed")[0]["error"]
    assert main.committed_at(0) == 5_000
    assert main.stored == 0


@pytest.mark.parametrize("how", ["topic", "brokers"])
def test_an_unknown_topic_or_broker_exits_with_4_and_is_named(how: str, rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    wrong = {"topic": "no-such-topic"} if how == "topic" else {"brokers": "127.0.0.1:1"}
    run = main.start(kafka=wrong)
    assert run.wait() == ExitCode.KAFKA
    assert wrong[how] in run.errors
    assert "Traceback" not in run.errors
    assert len(run.errors.splitlines()) == 1
    assert how == "topic" or "connection refused" in run.errors
