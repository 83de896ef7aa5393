"""Kafka messages without a Kafka, for tests of the steps that only look into them."""

import json
from collections.abc import Sequence
from typing import Any

Headers = Sequence[tuple[str, str | bytes | None]] | None

NO_TIMESTAMP = (0, -1)  # what Kafka's client returns for a message without one


class FakeMessage:
    """A message that the test chooses, as `ingest.records.KafkaMessage` describes it."""

    def __init__(
        self,
        value: bytes | None = b"{}",
        *,
        topic: str = "predictions",
        partition: int = 0,
        offset: int = 0,
        key: bytes | None = None,
        headers: Headers = None,
        timestamp: tuple[int, int] = NO_TIMESTAMP,
    ) -> None:
        self._value = value
        self._topic = topic
        self._partition = partition
        self._offset = offset
        self._key = key
        self._headers = headers
        self._timestamp = timestamp

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes | None:
        return self._key

    def headers(self) -> Headers:
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        """Its kind (1: the producer's, in milliseconds) and value."""
        return self._timestamp


def json_messages(*rows: dict[str, Any]) -> list[FakeMessage]:
    """One message a row, at the offsets from 0."""
    return [FakeMessage(json.dumps(row).encode(), offset=offset) for offset, row in enumerate(rows)]
