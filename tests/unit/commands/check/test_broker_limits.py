"""A dead letter is larger than its message: the dead-letter topic must take more than the topic that is read."""

import pytest

from ingest.commands.check.broker_limits import largest_dead_letter
from ingest.pipeline.dead_letters.queue import DeadLetter
from ingest.pipeline.dead_letters.topic import ADDED_BYTES, record
from ingest.reasons import Reason
from tests.harness.messages import FakeMessage


@pytest.mark.parametrize(
    ("limit", "of_letters", "status"),
    [
        (1_048_588, 1_048_588, "warning"),  # Kafka's defaults
        (1_000, 1_000 + ADDED_BYTES, "ok"),
        (1_000, 999 + ADDED_BYTES, "warning"),
        (None, 1_000, "unchecked"),
        (1_000, None, "unchecked"),
    ],
)
def test_the_limits_of_both_topics_are_compared(limit: int | None, of_letters: int | None, status: str) -> None:
    found = largest_dead_letter("t", limit, "dead", of_letters)
    assert found.status == status
    if limit is not None and found.status == "warning":
        assert f"max.message.bytes={limit + ADDED_BYTES}" in found.text


def test_the_headers_of_a_dead_letter_take_no_more_than_is_allowed_for() -> None:
    message = FakeMessage(b"{", topic="t" * 249, offset=2**62)
    letter = DeadLetter(message, Reason("integer_past_64_bits", "d" * 2_000), "c" * 1_000)
    assert sum(len(name) + len(value or b"") for name, value in record(letter, "dead").headers) < ADDED_BYTES
