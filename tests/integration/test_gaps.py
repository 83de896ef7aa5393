"""Offsets with gaps: aborted transactions, control records, compaction, deleted records. Each event comes once."""

import itertools
import signal
from collections.abc import Callable

import numpy as np
import orjson
from confluent_kafka import Producer

from ingest.errors import ExitCode
from tests.harness.rig import COMPACTED, Rig
from tests.harness.transactions import begun, transaction

WITHIN_S = 60.0


def test_aborted_transactions_never_arrive_and_control_records_at_the_end_are_committed_past(
    rig: Callable[..., Rig],
) -> None:
    main = rig(partitions=2)
    name = main.kafka.topic
    for begin in range(0, 900, 300):
        transaction(main, 0, range(begin, begin + 100), commit=True, name=name)
        transaction(main, 0, range(begin + 100, begin + 300), commit=False, name=name)
    transaction(main, 1, range(50), commit=False, name=name)  # nothing but an aborted one
    ends = {0: 900 + 6, 1: 51}
    main.until(lambda: main.ends() == ends)  # the coordinator writes the last markers after it has answered
    with main.sampled():
        run = main.start()
        assert run.wait() == ExitCode.DONE
    assert main.findings() == []
    assert main.evidence.stored_rows == 300
    assert main.committed_at(0) == ends[0]
    assert main.committed_at(1) == ends[1]


def test_a_run_with_an_end_waits_for_an_open_transaction_and_delivers_what_is_behind_it(
    rig: Callable[..., Rig],
) -> None:
    main = rig(partitions=1)
    transaction(main, 0, range(100), commit=True, name=f"{main.kafka.topic}-first")
    left_open = begun(main, [100], name=f"{main.kafka.topic}-open")
    transaction(main, 0, range(101, 200), commit=True, name=f"{main.kafka.topic}-after")
    main.until(lambda: main.ends() == {0: 101})
    run = main.start()
    run.until(lambda: main.committed_at(0) == 101)
    waiting = run.until_event("partition_ends", held_back_s={"0": 0.0})
    assert (waiting["stable_offsets"], waiting["end_offsets"]) == ({"0": 101}, {"0": 202})
    assert run.running
    assert main.stored == 100
    left_open.commit_transaction(WITHIN_S)
    main.truth.offsets[0][100] = 101
    assert run.wait() == ExitCode.DONE
    assert main.findings(done=False) == []  # the marker of the commit lies behind the end of the run
    assert main.evidence.stored_rows == 200
    assert (run.account["totals"]["lag"], run.account["totals"]["held_back"]) == (0, 0)


def test_a_hanging_transaction_is_waited_for_until_the_broker_aborts_it(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    transaction(main, 0, range(100), commit=True, name=f"{main.kafka.topic}-first")
    begun(main, range(100, 170), name=f"{main.kafka.topic}-hanging", timeout_s=5)
    main.truth.offsets[0] = np.append(main.truth.offsets[0], np.full(70, -1, np.int64))
    run = main.start()
    assert run.wait() == ExitCode.DONE  # the coordinator looks for such a one every 10 s
    assert main.committed_at(0) == 171
    assert main.findings(done=False) == []
    assert main.evidence.stored_rows == 100


def test_a_run_that_is_stopped_while_it_waits_for_a_transaction_does_not_claim_to_be_done(
    rig: Callable[..., Rig],
) -> None:
    main = rig(partitions=1)
    transaction(main, 0, range(100), commit=True, name=f"{main.kafka.topic}-first")
    begun(main, range(100, 170), name=f"{main.kafka.topic}-open")
    run = main.start()
    started = run.until_event("supervisor_started")
    assert (started["end_offsets"], started["stable_offsets"]) == ({"0": 171}, {"0": 101})
    run.until(lambda: main.committed_at(0) == 101)
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DRAIN_DEADLINE
    (row,) = run.account["partitions"]
    assert (row["lag"], row["held_back"], row["stable_offset"], row["end_offset"]) == (70, 70, 101, 171)
    notices = [event["text"] for event in run.all("notice")]
    assert any("not committed up to their end (70 offsets behind open transactions)" in text for text in notices)
    assert main.findings(done=False) == []


def test_gaps_of_compaction_are_committed_past(rig: Callable[..., Rig]) -> None:
    main = rig(
        partitions=1,
        config=COMPACTED,
    )
    producer = Producer({"bootstrap.servers": main.kafka.brokers, "log_level": 0})
    fillers = itertools.count(1_000)

    def put(sequence: int, key: str) -> None:
        producer.produce(main.kafka.topic, main.generator.event(0, sequence), key=key, partition=0)

    for sequence in range(1_000):  # ten keys: the last event of each survives
        put(sequence, str(sequence % 10))

    def cleaned() -> bool:
        # A segment is rolled by the next message after its time; the cleaner leaves the newest segment alone.
        put(next(fillers), "filler")
        producer.flush(WITHIN_S)
        return sum(log.stat().st_size for log in main.data.glob(f"log/{main.kafka.topic}-0/*.log")) < 100_000

    main.until(cleaned)
    main.configure_topic("cleanup.policy", "delete")
    left = {orjson.loads(value or b"")["seq"]: offset for (_, offset), value in main.read_topic().items()}
    main.truth.offsets[0] = np.full(max(left) + 1, -1, np.int64)
    main.truth.offsets[0][list(left)] = list(left.values())
    assert set(range(990, 1_000)) <= left.keys()
    assert len(left) < 500
    with main.sampled():
        assert main.start().wait() == ExitCode.DONE
    assert main.findings() == []
    assert main.evidence.stored_rows == len(left)


def test_records_deleted_before_the_first_start_are_not_waited_for(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(1_000)
    main.delete_records(0, 120)
    main.delete_records(1, 500)  # all of it
    assert main.start().wait() == ExitCode.DONE
    assert main.findings() == []
    assert main.evidence.stored_rows == 380
