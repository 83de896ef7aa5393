"""The first question to Kafka: near names, several addresses of which some are down, and faults that end it."""

import socket
from collections.abc import Iterator

import pytest

from ingest.config.sections import Kafka
from ingest.errors import ConfigError, FatalError
from ingest.pipeline.kafka.first_contact import UnknownTopicError, near, topic_partitions
from ingest.sandbox.kafka import EmbeddedKafka

NAMES = ["predictions", "predictions.dead", "fraud_scores", "clicks"]


@pytest.mark.parametrize(
    ("topic", "found"),
    [("Prediction", "predictions"), ("fraud-scores", "fraud_scores"), ("predictons.dead", "predictions.dead")],
)
def test_a_name_like_it_is_found(topic: str, found: str) -> None:
    assert near(topic, NAMES)[0] == found


def test_no_name_is_suggested_that_is_not_like_it() -> None:
    assert near("orders", NAMES) == []


@pytest.fixture
def down() -> Iterator[str]:
    """An address where nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_one_address_that_answers_is_enough(embedded_kafka: EmbeddedKafka, down: str) -> None:
    embedded_kafka.create_topic("predictions", 3)
    kafka = Kafka(brokers=f"{down},{embedded_kafka.bootstrap}", topic="predictions")
    assert topic_partitions(kafka) == (0, 1, 2)


def test_all_addresses_are_named_when_none_answers_and_each_cause_is_reported_as_it_comes(down: str) -> None:
    causes: list[str] = []
    kafka = Kafka(brokers=f"{down},no-such-host.invalid:9092", topic="predictions")
    with pytest.raises(FatalError, match="at none of 2 addresses") as failed:
        topic_partitions(kafka, patience_s=0.1, on_trouble=causes.append)
    assert f"nothing listens at {down}" in str(failed.value)
    assert "the name no-such-host.invalid is unknown" in str(failed.value)
    assert len(causes) == 2
    assert all("trying again for up to" in cause for cause in causes)


def test_an_address_of_another_protocol_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="another protocol than the client's"):
        topic_partitions(Kafka(brokers="SSL://host:9092", topic="predictions"))


def test_a_missing_topic_is_an_error_of_its_own(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("predictions", 1)
    with pytest.raises(UnknownTopicError, match=r"did you mean predictions\?"):
        topic_partitions(Kafka(brokers=embedded_kafka.bootstrap, topic="prediction"))
