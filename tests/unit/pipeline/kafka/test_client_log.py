"""librdkafka's lines become log records without secrets, and never reach standard error."""

import logging
from collections.abc import Callable

import pytest

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import client

SECRET = "canary-secret-word"
KAFKA = Kafka(brokers="127.0.0.1:1", topic="rides", options={"sasl.password": SECRET, "debug": "conf"})


def lines_of(caplog: pytest.LogCaptureFixture, poll: Callable[[float], object]) -> list[logging.LogRecord]:
    caplog.set_level(logging.DEBUG, "librdkafka")
    for _ in range(50):
        poll(0.1)
        found = [record for record in caplog.records if record.name == "librdkafka"]
        if any(record.getMessage().startswith("FAIL: ") for record in found):
            return found
    raise AssertionError(caplog.text)


def test_a_consumers_lines_have_levels_and_no_secrets(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    consumer = client.consumer(KAFKA, 1)
    found = lines_of(caplog, consumer.poll)
    consumer.close()
    # A connection that fails is reported by error_cb, so its line is debug.
    assert {record.levelname for record in found if record.getMessage().startswith("FAIL: ")} == {"DEBUG"}
    assert SECRET not in caplog.text
    assert capfd.readouterr().err == ""


def test_a_producer_that_is_polled_logs_and_an_admin_client_that_nobody_polls_does_not(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    admin = client.admin(KAFKA)
    with pytest.raises(client.KafkaException):
        admin.list_topics(timeout=0.5)
    admin.poll(0)
    assert not caplog.records
    assert lines_of(caplog, client.producer(KAFKA).poll)
    assert capfd.readouterr().err == ""
