"""Addresses that brokers advertise and this machine can't reach are named, with the reason."""

import socket

from ingest.config.sections import Kafka
from ingest.pipeline.kafka.advertised import explanation, unreachable
from ingest.sandbox.kafka import EmbeddedKafka


def test_the_sentence_names_addresses_reasons_and_the_setting() -> None:
    text = unreachable("bootstrap:9092", {("kafka-1", 9092): "the name is unknown", ("10.0.0.7", 9093): "no answer"})
    assert text.startswith(
        "Kafka answers at bootstrap:9092, but its brokers advertise kafka-1:9092 (the name is unknown), "
        "10.0.0.7:9093 (no answer), which this machine can't reach"
    )
    assert "advertised.listeners" in text


def test_many_addresses_are_counted() -> None:
    assert ":3 (no answer) and 2 more, which" in unreachable("b", {("k", port): "no answer" for port in range(1, 6)})


def test_nothing_is_explained_where_all_brokers_can_be_reached() -> None:
    with EmbeddedKafka() as kafka:
        kafka.create_topic("t", 1)
        assert explanation(Kafka(brokers=kafka.bootstrap, topic="t")) == ""


def test_nothing_is_explained_where_no_broker_answers_at_all() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert explanation(Kafka(brokers=f"127.0.0.1:{closed.getsockname()[1]}", topic="t")) == ""
