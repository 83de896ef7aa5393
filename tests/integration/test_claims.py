"""What a run reports is true where it could easily be false: repeats, rates, commits of others, and the last words."""

import signal
from collections.abc import Callable

from confluent_kafka import Consumer, TopicPartition

from ingest.errors import ExitCode
from tests.harness.rig import Rig

WAITS = {"base_backoff_s": 60.0, "max_backoff_s": 120.0}  # nothing is on its way while a test looks


def test_what_a_refused_key_kept_out_is_not_called_a_possible_repeat(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(2_000)
    run = main.start(arize={"in_flight": 1}, environment={"ARIZE_API_KEY": "wrong"})
    assert run.wait() == ExitCode.CREDENTIALS
    assert run.all("duplicates_possible") == []
    assert run.account["totals"]["duplicates_possible"] == 0
    assert main.listed_twice() == {0: []}


def test_what_never_reached_arize_is_not_called_a_possible_repeat_after_a_kill(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    run = main.start(delivery=WAITS, environment={"ARIZE_API_PORT": "1"})
    run.until_event("upload_not_stored")
    run.until_event("upload_retried")
    run.workers()[0].kill()
    run.until_event("worker_started", count=2)
    assert run.all("worker_exited")[0]["exit_code"] == -signal.SIGKILL
    assert run.all("duplicates_possible") == []


def test_what_may_be_stored_is_called_a_possible_repeat_after_a_kill(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    main.endpoint.inject_faults("status", status=503)
    run = main.start(delivery=WAITS)
    run.until_event("upload_retried")
    run.workers()[0].kill()
    (possible,) = [run.until_event("duplicates_possible")]
    assert sum(span["count"] for span in possible["ranges"]) == 500
    assert run.all("upload_not_stored") == []


def test_a_commit_of_somebody_else_is_reported_and_the_counts_are_our_own(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    run = main.start(until_end=False)

    def last_commit() -> bool:
        """It comes after the supervisor has said how many partitions have one, and would undo the other's commit."""
        mark = main.committed()[0]
        return mark is not None and (mark.next_offset, mark.topic_partitions) == (500, 1)

    run.until(last_commit)
    run.until_event("committed", next_offsets={"0": 500})
    other = Consumer({"bootstrap.servers": main.kafka.brokers, "group.id": main.kafka.group})
    other.commit(offsets=[TopicPartition(main.kafka.topic, 0, 40)], asynchronous=False)
    other.close()
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DONE
    (foreign,) = run.all("foreign_commit")
    assert (foreign["committed"], foreign["found"]) == ({"0": 500}, {"0": 40})
    (row,) = run.account["partitions"]
    assert (row["foreign_commit"], row["acknowledged"], run.account["exact"]) == (True, 500, False)


def test_a_worker_that_read_nothing_does_not_claim_to_have_delivered(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    assert main.start().wait() == ExitCode.DONE
    again = main.start()
    assert again.wait() == ExitCode.DONE
    (finished,) = again.all("worker_finished")
    assert (finished["consumed"], finished["unacknowledged"], finished["unconfirmed_partitions"]) == (0, 0, [])
    assert main.runs[0].all("worker_finished")[0]["consumed"] == 500
