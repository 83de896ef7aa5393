"""`ingest check` as a process on a real Kafka: a good setup passes, and each fault is reported by itself."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from ingest.errors import ExitCode
from tests.harness.rig import Rig
from tests.harness.transactions import transaction


def check(main: Rig, *arguments: str, code: int = 0, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The status of each check; those that fail with what they say."""
    found = main.command.with_environment(**(environment or {})).json("check", *arguments, code=code)
    assert found["exit_code"] == code
    assert found["ok"] is (code == 0)
    told: dict[str, str] = {}
    for line in found["checks"]:
        said = line["status"] if line["status"] != "failed" else f"failed: {line['text']}"
        told[line["check"]] = said if not told.get(line["check"], "").startswith("failed") else told[line["check"]]
    return told


def test_a_good_setup_passes_every_check_and_nothing_is_changed(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(100)
    main.write_settings({})
    before = sorted(path.name for path in main.directory.iterdir())
    told = check(main)
    assert told.pop("memory") in {"ok", "warning"}  # of the machine that tests run on
    assert told.pop("clock") in {"ok", "unchecked"}  # the local endpoint tells no time
    assert set(told.values()) == {"ok"}, told
    assert {"configuration", "topic", "read", "group", "start", "dead letters", "account", "arize key"} <= told.keys()
    assert sorted(path.name for path in main.directory.iterdir()) == before
    assert set(main.committed().values()) == {None}
    assert main.stored == 0


def test_the_lines_of_check_show_status_and_check_of_each(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.write_settings({"arize": {"model_name": ""}})
    done = main.command.run("check", code=ExitCode.CONFIGURATION)
    assert "failed     configuration: [arize] model_name is missing" in done.stdout
    assert f"ok         topic ({main.kafka.topic}): 1 partition" in done.stdout
    assert "unchecked  read" in done.stdout  # the topic is empty


Section = Mapping[str, Mapping[str, Any]]


@pytest.mark.parametrize(
    ("settings", "code", "name", "says"),
    [
        ({"batch": {"max_event": 5}}, ExitCode.CONFIGURATION, "configuration", "did you mean max_events?"),
        ({"kafka.options": {"sasl.mechansim": "x"}}, ExitCode.CONFIGURATION, "configuration", "mean sasl.mechanism?"),
        ({"kafka.options": {"no.option": "x"}}, ExitCode.CONFIGURATION, "kafka options", "no.option"),
        ({"kafka": {"topic": "no-such-topic"}}, ExitCode.KAFKA, "topic", "no-such-topic"),
        ({"kafka": {"brokers": "127.0.0.1:1"}}, ExitCode.KAFKA, "topic", "nothing listens at 127.0.0.1:1"),
        ({"supervisor": {"partitions": "0-7"}}, ExitCode.CONFIGURATION, "topic", "but not 2-7"),
        ({"dead_letters": {"topic": "no-such-topic"}}, ExitCode.CONFIGURATION, "dead letters", "no such topic"),
        ({"dead_letters": {"directory": "/proc/no"}}, ExitCode.CONFIGURATION, "dead letters", "can't be written"),
    ],
)
def test_a_fault_is_reported_and_the_other_checks_still_run(
    settings: Section, code: ExitCode, name: str, says: str, rig: Callable[..., Rig]
) -> None:
    main = rig(partitions=2)
    main.write_settings(settings)
    told = check(main, code=code)
    assert told[name].startswith("failed: ")
    assert says in told[name]
    if code is not ExitCode.CONFIGURATION or name != "configuration":
        assert told["arize key"] == "ok"


def test_messages_that_no_worker_could_deliver_fail_the_check_and_change_nothing(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(3_000)
    main.write_settings({"schema": {"prediction_id": "predictionid", "tags": ["tag_regoin"]}})
    told = check(main, code=ExitCode.TOO_MANY_DEAD)
    assert "of 1,000 sampled messages none could be delivered: missing_column 1,000" in told["messages"]
    assert "predictionid: none of them has it; prediction_id looks like it" in told["messages"]
    assert told["columns"] == "warning"
    assert set(main.committed().values()) == {None}
    assert main.stored == 0
    assert main.reasons == {}


def test_some_messages_that_can_not_be_delivered_are_a_warning(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(300, bad_share=0.05)
    main.write_settings({})
    assert check(main)["messages"] == "warning"


def test_a_dead_letter_topic_that_takes_less_than_the_topic_is_a_warning(
    rig: Callable[..., Rig], topic: Callable[..., str]
) -> None:
    main = rig(partitions=1)
    for config, status in (({}, "warning"), ({"max.message.bytes": "1100000"}, "ok")):
        main.write_settings({"dead_letters": {"topic": topic(1, config)}})
        assert check(main)["largest dead letter"] == status


def test_arize_is_probed_without_sending_a_row(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.write_settings({})
    told = check(main, code=ExitCode.CREDENTIALS, environment={"ARIZE_API_KEY": "wrong"})
    assert "HTTP 401" in told["arize key"]
    assert "wrong" not in told["arize key"]
    told = check(main, code=ExitCode.CREDENTIALS, environment={"ARIZE_API_PORT": "1"})
    assert "ARIZE_API_HOST" in told["arize endpoint"]
    main.endpoint.inject_faults("redirect", status=302)
    told = check(main, code=ExitCode.CREDENTIALS)
    assert "never followed" in told["arize endpoint"]
    main.endpoint.inject_faults("portal", status=203)
    assert "HTTP 203 whose body is HTML" in check(main, code=ExitCode.CREDENTIALS)["arize endpoint"]
    main.endpoint.inject_faults("status", status=503)
    told = check(main)
    assert told["arize endpoint"] == "warning"
    assert told["arize key"] == "unchecked"
    assert main.stored == 0


def test_check_reports_that_a_start_would_halt(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.produce(100)
    main.write_settings({})
    consumer = Consumer({"bootstrap.servers": main.kafka.brokers, "group.id": main.kafka.group, "log_level": 0})
    consumer.commit(offsets=[TopicPartition(main.kafka.topic, 0, 10)], asynchronous=False)
    consumer.close()
    main.delete_records(0, 30)
    told = check(main, code=ExitCode.EXPIRED)
    assert "offsets 10 to 29" in told["start"]
    main.write_settings({"kafka": {"on_expired": "continue"}})
    assert check(main)["start"] == "ok"


def test_a_subscribed_member_of_the_group_fails_the_check(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    main.write_settings({})
    member = Consumer({"bootstrap.servers": main.kafka.brokers, "group.id": main.kafka.group, "log_level": 0})
    member.subscribe([main.kafka.topic])
    main.until(lambda: member.poll(0.2) is None and bool(member.assignment()))
    told = check(main, code=ExitCode.KAFKA)
    member.close()
    assert "1 consumer subscribed" in told["group"]
    assert check(main)["group"] == "ok"


def test_an_account_that_can_not_be_kept_is_a_warning(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    (main.directory / "account").write_text("not a directory")
    main.write_settings({})
    assert check(main)["account"] == "warning"


def test_a_partition_of_control_records_is_not_called_read(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=1)
    transaction(main, 0, range(50), commit=False, name=f"{main.kafka.topic}-aborted")
    main.until(lambda: main.ends() == {0: 51})
    main.write_settings({})
    assert check(main)["read"] == "unchecked"
