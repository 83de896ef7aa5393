"""The first question to real listeners and to servers that are not Kafka: each wrong setting ends with its cause."""

import re
from collections.abc import Callable, Iterator, Mapping

import pytest
from confluent_kafka import Consumer

from ingest.config.sections import Kafka
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.kafka import rights
from ingest.pipeline.kafka.first_contact import LIMIT_S, topic_partitions
from tests.harness.listeners import USER, Listeners, Options
from tests.harness.supervise import wait_until

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def listeners() -> Iterator[Listeners]:
    with Listeners() as opened:
        yield opened


def kafka(brokers: str, options: Mapping[str, str], *, topic: str = "predictions", group: str = "good") -> Kafka:
    return Kafka(brokers=brokers, topic=topic, group=group, options=dict(options))


def plain(_: Listeners) -> Options:
    return {}


def tls(one: Listeners) -> Options:
    return one.tls()


def login(one: Listeners) -> Options:
    return one.login()


def tls_login(one: Listeners) -> Options:
    return {**one.tls(), **one.login(), "security.protocol": "SASL_SSL"}


Setup = Callable[[Listeners], Options]


@pytest.mark.parametrize(
    ("listener", "options", "says"),
    [
        ("TLS", plain, 'speaks TLS and this client does not. Set [kafka.options] "security.protocol" = "SSL"'),
        (
            "LOGIN",
            plain,
            "wants a login (SASL with PLAIN, SCRAM-SHA-256) and this client has none. Set [kafka.options]",
        ),
        ("TLSLOGIN", plain, '"security.protocol" = "SASL_SSL"'),
        ("PLAINTEXT", tls, 'speaks no TLS and this client does. Set [kafka.options] "security.protocol" = "PLAINTEXT"'),
        ("LOGIN", tls, '"security.protocol" = "SASL_PLAINTEXT"'),
        ("TLSLOGIN", tls, "wants a login"),
        ("PLAINTEXT", login, "takes no login"),
        ("TLS", login, '"security.protocol" = "SSL"'),
        ("TLSLOGIN", login, '"security.protocol" = "SASL_SSL"'),
        ("PLAINTEXT", tls_login, '"security.protocol" = "PLAINTEXT"'),
        ("TLS", lambda _: {"security.protocol": "SSL"}, "ssl.ca.location is not set"),
        ("TLS", lambda one: one.tls("otherca"), "otherca.crt (unable to get local issuer certificate)"),
        ("EXPIRED", tls, "has expired, or this machine's clock is wrong"),
        ("NAMED", tls, "is not for the name 127.0.0.1"),
        ("MUTUAL", tls, '"ssl.certificate.location" and "ssl.key.location"'),
        ("MUTUAL", lambda one: {**one.tls(), **one.certificate("stranger")}, "refuses the certificate of this client"),
        ("LOGIN", lambda one: one.login("wrong"), f"refuses the login of user {USER} with PLAIN (SASL authentication"),
        ("LOGIN", lambda one: one.login(mechanism="SCRAM-SHA-256"), "that the user exists for SCRAM-SHA-256"),
        ("LOGIN", lambda one: one.login(mechanism="SCRAM-SHA-512"), "has no mechanism SCRAM-SHA-512, but PLAIN, SCRAM"),
        ("CONTROLLER", plain, "a KRaft controller answers"),
        ("http", plain, "a server for HTTP answers at"),
        ("http", tls, "a server for HTTP answers at"),
        ("ssh", plain, "an SSH server answers at"),
        ("smtp", plain, 'its answer begins with "220."'),
        ("zookeeper", plain, "ZooKeeper answers at"),
    ],
)
def test_a_fault_that_lasts_ends_at_its_first_report(
    listeners: Listeners, listener: str, options: Setup, says: str
) -> None:
    """Nothing is waited for: the patience is longer than a test may take."""
    with pytest.raises(FatalError) as failed:
        topic_partitions(kafka(listeners.at[listener], options(listeners)), patience_s=10 * LIMIT_S)
    assert failed.value.exit_code is ExitCode.KAFKA
    assert says in str(failed.value)
    assert listeners.at[listener] in str(failed.value)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    ("listener", "says"),
    [
        ("closes", "closes each connection without an answer"),
        ("silent", "takes connections and does not answer"),
        ("UNREACHABLE", r"its brokers advertise 127.0.0.1:1 \(connection refused\), which this machine can't reach"),
    ],
)
def test_what_may_pass_is_reported_and_tried_again_until_the_patience_ends(
    listeners: Listeners, listener: str, says: str
) -> None:
    causes: list[str] = []
    with pytest.raises(FatalError, match=says):
        topic_partitions(kafka(listeners.at[listener], {}), patience_s=2.0, on_trouble=causes.append)
    assert listener == "UNREACHABLE" or re.search(says, causes[0])  # that one may take longer to find


@pytest.mark.parametrize(
    ("listener", "options"),
    [
        ("PLAINTEXT", plain),
        ("LOGIN", login),
        ("TLSLOGIN", tls_login),
        ("MUTUAL", lambda one: {**one.tls(), **one.certificate("client")}),
    ],
)
def test_a_client_that_fits_its_listener_is_answered(listeners: Listeners, listener: str, options: Setup) -> None:
    if listener == "MUTUAL":
        with pytest.raises(FatalError, match="may not see topic predictions"):  # the broker takes its certificate
            topic_partitions(kafka(listeners.at[listener], options(listeners)))
        return
    assert topic_partitions(kafka(listeners.at[listener], options(listeners))) == (0, 1)


def test_some_addresses_that_can_not_be_used_do_not_matter_while_one_answers(listeners: Listeners) -> None:
    for other in ("TLS", "http", "silent"):
        brokers = f"{listeners.at[other]},127.0.0.1:1,{listeners.at['PLAINTEXT']}"
        assert topic_partitions(kafka(brokers, {}), patience_s=10 * LIMIT_S) == (0, 1)


@pytest.mark.parametrize(
    ("topic", "group", "says"),
    [
        ("hidden", "good", "may not see topic hidden: it has no right on it, or there is no such topic"),
        ("seen", "good", f"kafka-acls --add --allow-principal User:{USER} --operation Read --topic seen"),
        ("predictions", "bad", f"kafka-acls --add --allow-principal User:{USER} --operation Read --group bad"),
        ("predictions", "shown", "has no right READ on group shown"),
    ],
)
def test_a_missing_right_names_what_to_grant(listeners: Listeners, topic: str, group: str, says: str) -> None:
    with pytest.raises(FatalError) as refused:
        rights.access(kafka(listeners.at["LOGIN"], listeners.login(), topic=topic, group=group)).check()
    assert refused.value.exit_code is ExitCode.KAFKA
    assert says in str(refused.value)


def test_a_subscribed_member_is_named_and_a_user_with_all_rights_passes(listeners: Listeners) -> None:
    ours = kafka(listeners.at["LOGIN"], listeners.login())
    rights.access(ours).check()
    assert rights.access(ours).group_answered
    member = Consumer({"bootstrap.servers": listeners.at["PLAINTEXT"], "group.id": "good", "log_level": 0})
    member.subscribe(["predictions"])
    wait_until(lambda: member.poll(0.1) is None and bool(member.assignment()), 60.0)
    with pytest.raises(FatalError, match="1 consumer subscribed under group good"):
        rights.access(ours).check()
    member.close()


def test_options_and_addresses_that_can_not_work_are_faults_of_the_configuration(listeners: Listeners) -> None:
    no_mechanism = {key: value for key, value in listeners.login().items() if key != "sasl.mechanism"}
    for brokers, options, says in (
        (f"SSL://{listeners.at['PLAINTEXT']}", {}, "is of another protocol than the client's, PLAINTEXT"),
        (listeners.at["LOGIN"], no_mechanism, '"sasl.mechanism" is not set'),
        (listeners.at["TLS"], {**listeners.tls(), "ssl.ca.location": "/no/ca.crt"}, "ssl.ca.location = /no/ca.crt"),
    ):
        with pytest.raises(ConfigError, match=says):
            topic_partitions(kafka(brokers, options))
