"""`ingest audit` on a real Kafka: a correct account adds up exactly, and every planted fault is an alarm."""

import itertools
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from ingest.accounting.files import AccountFiles
from ingest.accounting.rows import CommittedState, PartitionKey, Row, from_line, to_line
from ingest.errors import ExitCode
from ingest.pipeline.offsets.checkpoint import Checkpoint, encode
from ingest.records import Counts
from tests.harness.dead_letters import NO_LIMIT
from tests.harness.rig import COMPACTED, Rig
from tests.harness.transactions import transaction

WITHIN_S = 60.0
EXACT, DOES_NOT_ADD_UP = 0, 1


def audit(main: Rig, *arguments: str, code: int = EXACT) -> dict[str, Any]:
    found = main.command.json("audit", *arguments, code=code)
    assert found["exact"] is (code == EXACT)
    (one,) = found["topics"]
    told: dict[str, Any] = one
    return told


def codes(found: dict[str, Any], level: str = "alarm") -> list[str]:
    return [finding["code"] for finding in found["findings"] if finding["level"] == level]


def sums(found: dict[str, Any], name: str) -> list[int]:
    return [row["total"][name] for row in found["partitions"]]


def account(main: Rig) -> Path:
    (path,) = (main.directory / "account").glob("*.jsonl")
    return path


def rewrite(main: Rig, change: Callable[[CommittedState], CommittedState | None]) -> None:
    """Change or drop rows of the account, signed anew."""
    kept: list[str] = []
    for line in account(main).read_text().splitlines(keepends=True):
        row = from_line(line)
        new: Row | None = change(row) if isinstance(row, CommittedState) else row if not isinstance(row, str) else None
        if new is not None:
            kept.append(to_line(new))
    account(main).write_text("".join(kept))


def commit(main: Rig, partition: int, next_offset: int, counts: Counts | None = None) -> None:
    """Commit as we do, with counts; or as another tool does, without."""
    metadata = "" if counts is None else encode(Checkpoint(next_offset, counts))
    consumer = Consumer({"bootstrap.servers": main.kafka.brokers, "group.id": main.kafka.group, "log_level": 0})
    place = TopicPartition(main.kafka.topic, partition, next_offset, metadata)
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()


def keep(main: Rig, states: Sequence[tuple[int, Counts]]) -> None:
    """An account of partition 0 as a run writes it, an hour a row, and the last of it committed in Kafka."""
    main.write_settings({})
    at = datetime.now(UTC) - timedelta(hours=len(states))
    key = PartitionKey(main.kafka.topic, main.kafka.group, 0)
    rows = [
        CommittedState("committed", key, at + timedelta(hours=number), next_offset, counts, "run")
        for number, (next_offset, counts) in enumerate(states)
    ]
    AccountFiles(main.directory / "account").append(rows, datetime.now(UTC), durable=False)
    commit(main, 0, *states[-1])


def test_the_account_of_several_runs_and_a_kill_adds_up(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(3_000, bad_share=0.02)
    run = main.start(workers=2, until_end=False, dead_letters=NO_LIMIT)
    run.until(lambda: main.stored > 1_500)
    next(iter(run.workers().values())).send_signal(signal.SIGKILL)
    run.until_event("worker_restarting")
    run.until(lambda: main.stored > 2_000)
    main.endpoint.inject_faults("status", status=503)  # so that the kill finds messages that are not committed
    main.produce(3_000, bad_share=0.02)
    run.until_event("upload_retried")
    run.kill()
    main.endpoint.clear_faults()
    assert main.start(workers=2, dead_letters=NO_LIMIT).wait() == ExitCode.DONE
    found = audit(main, "--dead-letters")
    assert found["dead_letters"]["counted"] == found["dead_letters"]["stored"] == len(main.truth.bad)
    assert sums(found, "consumed") == [2_000] * 3
    assert sum(sums(found, "dead_lettered")) == len(main.truth.bad)
    assert sum(sums(found, "acknowledged")) == 6_000 - len(main.truth.bad)
    assert sums(found, "gap") == [0] * 3
    for row in found["partitions"]:
        assert sum(hour["consumed"] for hour in row["hours"]) == row["total"]["consumed"]
        assert row["committed_next_offset"] == row["total"]["next_offset"] == row["end_offset"] == 2_000
    causes = {each["cause"] for row in found["partitions"] for each in row["possible_duplicates"]}
    assert "supervisor_lost" in causes
    assert main.unlisted() == []
    assert main.findings(most_duplicates=10_000) == []


def test_a_running_supervisor_is_audited_and_not_disturbed(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(2_000)
    run = main.start(until_end=False)
    run.until(lambda: main.stored == 2_000)
    audit(main)
    run.until(lambda: main.committed_at(0) == main.committed_at(1) == 1_000)
    assert sums(audit(main), "consumed") == [1_000, 1_000]
    run.signal(signal.SIGTERM)
    assert run.wait() == ExitCode.DONE
    assert sums(audit(main), "acknowledged") == [1_000, 1_000]
    assert main.findings() == []


def test_a_changed_row_is_an_alarm(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    assert main.start().wait() == ExitCode.DONE
    audit(main)
    before = account(main).read_text()
    account(main).write_text(before.replace('"acknowledged":500', '"acknowledged":499', 1))
    assert codes(audit(main, code=DOES_NOT_ADD_UP)) == ["changed_row"]

    def one_more(row: CommittedState) -> CommittedState:
        counts = row.counts + Counts(1) if row.counts.total else row.counts
        return CommittedState(row.kind, row.key, row.at, row.next_offset, counts, row.run, row.in_flight)

    account(main).write_text(before)
    rewrite(main, one_more)  # signed anew: Kafka's own counters tell
    assert "does_not_follow" in codes(audit(main, code=DOES_NOT_ADD_UP))

    def other_fate(row: CommittedState) -> CommittedState:
        counts = row.counts - Counts(1) + Counts(0, 1) if row.counts.total else row.counts
        return CommittedState(row.kind, row.key, row.at, row.next_offset, counts, row.run, row.in_flight)

    account(main).write_text(before)
    rewrite(main, other_fate)
    assert codes(audit(main, code=DOES_NOT_ADD_UP)) == ["does_not_follow"]


def test_lost_rows_of_the_account_are_made_good_by_later_ones(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    assert main.start().wait() == ExitCode.DONE
    main.produce(500, seed=1)
    assert main.start().wait() == ExitCode.DONE
    firsts = itertools.count()
    rewrite(main, lambda row: row if row.next_offset == 0 and next(firsts) == 0 else None)
    with account(main).open("a") as file:
        file.write('{"kind":"committed","at":"2026-07-2')  # torn
    found = audit(main)
    assert sums(found, "consumed") == [1_000]
    assert codes(found, "note") == ["torn_row"]


def test_a_group_that_is_moved_by_hand_is_reported(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    assert main.start().wait() == ExitCode.DONE
    commit(main, 0, 200)
    found = audit(main)
    assert codes(found, "note") == ["moved_back"]
    assert main.start().wait() == ExitCode.DONE
    found = audit(main)
    assert codes(found, "note") == ["moved_back"]
    assert sums(found, "consumed") == [800]  # 300 of them came again
    assert [each["cause"] for each in found["partitions"][0]["possible_duplicates"]] == ["moved_back"]
    assert main.evidence.duplicates == 0
    assert main.unlisted() == []
    main.produce(500, seed=1)
    commit(main, 0, 600)
    found = audit(main, code=DOES_NOT_ADD_UP)
    (alarm,) = (finding for finding in found["findings"] if finding["level"] == "alarm")
    assert alarm["code"] == "skipped"
    assert "100 messages" in alarm["text"]


def test_gaps_of_transactions_are_explained_and_are_no_alarm(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    name = main.kafka.topic
    for begin in range(0, 900, 300):
        transaction(main, 0, range(begin, begin + 100), commit=True, name=name)
        transaction(main, 0, range(begin + 100, begin + 300), commit=False, name=name)
    main.until(lambda: main.ends() == {0: 906})
    assert main.start().wait() == ExitCode.DONE
    found = audit(main)
    (row,) = found["partitions"]
    assert (row["total"]["consumed"], row["total"]["gap"], row["total"]["status"]) == (300, 606, "exact")


def test_a_message_that_nobody_counted_is_an_alarm(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_000)
    keep(main, [(0, Counts()), (400, Counts(400)), (700, Counts(690)), (1_000, Counts(990))])
    found = audit(main, code=DOES_NOT_ADD_UP)
    (alarm,) = found["findings"]
    assert alarm["code"] == "uncounted"
    assert "10 messages are not accounted for" in alarm["text"]
    assert [hour["status"] for hour in found["partitions"][0]["hours"]] == ["exact", "mismatch", "exact"]
    assert audit(main, "--hours", "1.5")["findings"] == []  # the fault is older


def test_more_counted_than_kafka_has_is_an_alarm_unless_the_topic_is_compacted(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    name = main.kafka.topic
    transaction(main, 0, range(100), commit=True, name=name)
    transaction(main, 0, range(100, 200), commit=True, name=name)
    main.until(lambda: main.ends() == {0: 202})
    keep(main, [(0, Counts()), (202, Counts(201))])
    assert codes(audit(main, code=DOES_NOT_ADD_UP)) == ["counted_twice"]
    main.configure_topic("cleanup.policy", "compact")
    audit(main)


def test_what_compaction_removed_after_it_was_counted_is_no_alarm(rig: Callable[..., Rig]) -> None:
    main = rig(
        partitions=1,
        config=COMPACTED,
    )
    producer = Producer({"bootstrap.servers": main.kafka.brokers, "log_level": 0})
    numbers = itertools.count()

    def put(key: str) -> None:
        producer.produce(main.kafka.topic, main.generator.event(0, next(numbers)), key=key, partition=0)

    for number in range(1_000):
        put(str(number % 10))
    assert producer.flush(WITHIN_S) == 0
    assert main.start().wait() == ExitCode.DONE

    def cleaned() -> bool:
        put("filler")
        producer.flush(WITHIN_S)
        return sum(log.stat().st_size for log in main.data.glob(f"log/{main.kafka.topic}-0/*.log")) < 100_000

    main.until(cleaned)
    assert main.start().wait() == ExitCode.DONE  # the fillers have gaps between them by now
    found = audit(main)
    assert found["partitions"][0]["total"]["status"] == "exact"
    assert found["partitions"][0]["total"]["consumed"] >= 1_000


def test_what_retention_removed_can_not_be_checked_any_more(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_000)
    keep(main, [(0, Counts()), (400, Counts(390)), (1_000, Counts(990))])
    main.delete_records(0, 300)
    found = audit(main)
    assert [hour["status"] for hour in found["partitions"][0]["hours"]] == ["unverifiable", "exact"]
    assert found["partitions"][0]["total"]["status"] == "unverifiable"


def test_dead_letters_that_are_gone_are_an_alarm(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500, bad_share=0.1)
    assert main.start(dead_letters=NO_LIMIT).wait() == ExitCode.DONE
    audit(main, "--dead-letters")
    (path,) = main.dead_letters.glob("*.jsonl")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    audit(main)
    assert codes(audit(main, "--dead-letters", code=DOES_NOT_ADD_UP)) == ["dead_letters_missing"]


def test_a_commit_that_is_gone_is_an_alarm(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(100)
    assert main.start().wait() == ExitCode.DONE
    admin = AdminClient({"bootstrap.servers": main.kafka.brokers})
    admin.delete_consumer_groups([main.kafka.group])[main.kafka.group].result(WITHIN_S)
    assert codes(audit(main, code=DOES_NOT_ADD_UP)) == ["commit_gone"]


def test_an_account_that_can_not_be_written_stops_no_delivery_and_resumes(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(500)
    (main.directory / "account").write_text("a file where the directory should be")
    run = main.start()
    assert run.wait() == ExitCode.DONE
    assert run.all("account_blocked")
    assert main.findings() == []
    (main.directory / "account").unlink()
    main.produce(500, seed=1)
    run = main.start()
    assert run.wait() == ExitCode.DONE
    assert run.all("account_blocked") == []
    assert sums(audit(main), "consumed") == [500]  # counting begins at what Kafka had then
    assert sums(audit(main), "first_offset") == [500]


def test_the_table_of_audit_shows_counts_and_its_verdict_without_colours(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(1_500)
    assert main.start().wait() == ExitCode.DONE
    done = main.command.run("audit", "--by-hour")
    assert "1,500" in done.stdout
    assert f"{main.kafka.topic}: everything adds up" in done.stdout
    assert "\x1b" not in done.stdout


def test_an_audit_without_an_account_names_the_setting(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.write_settings({})
    done = main.command.run("audit", code=ExitCode.CONFIGURATION)
    assert "[account] directory" in done.stderr
