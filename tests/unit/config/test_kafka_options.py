"""Options that can't be set are refused with what to set instead; the installed library has all listed names."""

import pytest
from confluent_kafka import Consumer, KafkaException

from ingest.config.kafka_options import NAMES, RESERVED, WITHOUT_EFFECT, near_name
from tests.harness.config_file import SECRET, faults, faults_of, loaded, placed_faults, toml


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("securty.protocol", "security.protocol"),
        ("security_protocol", "security.protocol"),
        ("sasl.mechanizm", "sasl.mechanism"),
        ("ssl.ca.locaton", "ssl.ca.location"),
        ("security.protocol", ""),
        ("SASL.USERNAME", "sasl.username"),
        ("x", ""),
        ("something.else.entirely", ""),
        ("sasl.jaas.config", ""),
    ],
)
def test_the_nearest_option_is_named(option: str, expected: str) -> None:
    assert near_name(option) == expected


def test_a_misspelled_option_is_a_fault_with_its_line() -> None:
    (fault,) = placed_faults(toml('[kafka.options]\n\nsecurty.protocol = "SSL"\n'))
    assert fault == (
        '[kafka] options: "securty.protocol": librdkafka has no such option; did you mean security.protocol? '
        "(given.toml:3)"
    )
    (fault,) = faults_of('[kafka.options]\n"sasl.pasword_file" = "x"\n')
    assert "did you mean sasl.password?" in fault


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ("sasl.jaas.config", '"sasl.username"'),
        ("ssl.truststore.location", '"ssl.ca.location"'),
        ("ssl.truststore.password", '"ssl.ca.location"'),
        ("ssl.truststore.password_file", '"ssl.ca.location"'),
        ("ssl.keystore.type", '"ssl.keystore.location"'),
        ("sasl.login.callback.handler.class", '"sasl.oauthbearer.method"'),
        ("value.deserializer", "[format]"),
    ],
)
def test_an_option_of_java_clients_names_that_of_librdkafka(option: str, instead: str) -> None:
    (fault,) = placed_faults(toml(f'[kafka.options]\n"{option}" = "x"\n'))
    assert fault.startswith(f'[kafka] options: "{option}" is an option of Java clients: ')
    assert instead in fault
    assert fault.endswith("(given.toml:2)")


@pytest.mark.parametrize("option", [*RESERVED, "group.id_file"])
def test_options_that_decide_about_loss_are_faults_with_a_hint(option: str) -> None:
    (fault,) = faults(toml(f'[kafka.options]\n"{option}" = "{SECRET}"\n'))
    name = option.removesuffix("_file")
    assert fault.startswith(f'[kafka] options: "{option}" can\'t be set here: ')
    assert RESERVED[name] in fault


@pytest.mark.parametrize(
    "option",
    [
        "group.instance.id",
        "group.protocol",
        "group.protocol.type",
        "group.remote.assignor",
        "partition.assignment.strategy",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "max.poll.records",
        "share.acknowledgement.mode",
        "transaction.timeout.ms",
        "auto.commit.enable",
        "consume.callback.max.messages",
    ],
)
def test_options_of_members_of_a_group_can_not_act(option: str) -> None:
    (fault,) = faults(toml(f'[kafka.options]\n"{option}" = "1"\n'))
    assert fault.startswith(f'[kafka] options: "{option}" would have no effect: ')


def test_no_option_without_effect_is_misspelled() -> None:
    assert WITHOUT_EFFECT.keys() <= NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_installed_library_knows_every_name(name: str) -> None:
    refusal = ""
    try:
        Consumer({"group.id": "g", "log_level": 0, name: "no value of this option"}).close()
    except (KafkaException, TypeError, ValueError) as refused:
        refusal = str(refused)
    assert "No such configuration property" not in refusal


def test_nested_tables_are_options() -> None:
    text = '[kafka.options]\nsecurity.protocol = "SSL"\nsocket.keepalive.enable = true\nsocket.timeout.ms = 5000\n'
    assert loaded(text).kafka.options == {
        "security.protocol": "SSL",
        "socket.keepalive.enable": True,
        "socket.timeout.ms": 5000,
    }
    (fault,) = faults_of('[kafka.options]\ngroup.id = "x"\n')
    assert '"group.id" can\'t be set here' in fault
    (fault,) = faults_of("[kafka.options]\na = {}\n")
    assert '"a" takes a string, a number or true and false' in fault


def test_a_mock_cluster_and_an_endless_value_are_faults() -> None:
    (fault,) = faults_of("[kafka.options]\ntest.mock.num.brokers = 3\n")
    assert "mock cluster" in fault
    (fault,) = faults_of(f'[kafka.options]\nclient.id = "{"a" * 2**20}b"\n')
    assert "more than 1,048,576 characters" in fault
