"""Clients that librdkafka refuses to make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.config.sections import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka import consumer, first_contact, metadata, producer
from ingest.pipeline.kafka.reread import refetch

CANARY = "Zq7Xw9Kp2VtLm4"


def pieces(text: str) -> list[str]:
    return [text[at : at + 6] for at in range(len(text) - 5)]


def reader(kafka: Kafka) -> None:
    consumer.PartitionConsumer(kafka, [0], on_trouble=lambda _: None, on_committed=lambda *_: None)


MAKERS: dict[str, Callable[[Kafka], object]] = {
    "topic_partitions": first_contact.topic_partitions,
    "watermarks": lambda kafka: metadata.watermarks(kafka, [0]),
    "committed_progress": lambda kafka: metadata.committed_progress(kafka, [0]),
    "offset_at": lambda kafka: metadata.offset_at(kafka, 0, 0),
    "reader": reader,
    "refetch": lambda kafka: refetch(kafka, {0: [0]}),
    "writer": lambda kafka: producer.ConfirmedProducer(kafka).durable(),
    "check_topic": lambda kafka: metadata.check_topic(kafka, "t", "[dead_letters] topic"),
}


def refused(kafka: Kafka, make: Callable[[Kafka], object]) -> str:
    with pytest.raises(ConfigError) as wrong:
        make(kafka)
    text = str(wrong.value)
    assert text.startswith("[kafka.options]: librdkafka refuses them: ")
    assert [piece for piece in pieces(CANARY) if piece in text] == []
    return text


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_a_secret_s_file_under_the_wrong_name_is_not_quoted(make: Callable[[Kafka], object], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    options: dict[str, Any] = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism_file": str(tmp_path / "secret"),
        "sasl.username": "me",
        "sasl.password": "p",
    }
    assert '"sasl.mechanism" = "***"' in refused(Kafka(brokers="127.0.0.1:1", topic="t", options=options), make)


@pytest.mark.parametrize(
    "options",
    [
        {"security.protocol_file": "{file}"},
        {"debug_file": "{file}"},
        {"plugin.library.paths_file": "{file}"},
        {"broker.address.family": CANARY, "sasl.password": CANARY},
        {"sasl.mechanism": f"{CANARY[:7]}", "security.protocol": "SASL_PLAINTEXT", "sasl.password": CANARY},
        {"topic.blacklist_file": "{file}"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_whatever_librdkafka_quotes_is_free_of_secrets(options: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{CANARY},x([")
    given: dict[str, Any] = {name: value.format(file=tmp_path / "secret") for name, value in options.items()}
    text = refused(Kafka(brokers="127.0.0.1:1", topic="t", options=given), first_contact.topic_partitions)
    assert "***" in text


def test_what_is_no_secret_is_text() -> None:
    kafka = Kafka(options={"security.protocol": "SASL_SLL", "sasl.password": CANARY})
    assert refused(kafka, first_contact.topic_partitions).endswith(
        'Invalid value "SASL_SLL" for configuration property "security.protocol"'
    )


def test_what_the_binding_itself_refuses_is_a_fault_too() -> None:
    assert "stats_cb" in refused(Kafka(options={"stats_cb": "x"}), first_contact.topic_partitions)
