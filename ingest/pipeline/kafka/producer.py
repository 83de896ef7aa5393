"""Writes records to Kafka; they are durable when every one of them is confirmed.

An idempotent producer with acks=all: the leader and all in-sync replicas have a confirmed record, and a retry of the
client does not write it twice. The caller writes unconfirmed records again after a crash or failure, and may then write
some of them twice.
"""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError, RetryableError
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import (
    KafkaError,
    KafkaException,
    Message,
    Producer,
)

_CONFIRM_S = 60.0
_POLL_S = 0.1
_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Record:
    """A message to be written. Without a `partition` its key decides; if `timestamp_ms` is 0 or less, Kafka sets it."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, str | bytes | None]] = ()
    timestamp_ms: int = -1
    partition: int | None = None


class _Attempt:
    """Records that are written together, and the answers of Kafka."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.waiting = deque(records)
        self.unconfirmed = 0
        self.faults: list[str] = []
        self._largest_refused = -1

    def on_delivery(self, error: KafkaError | None, message: Message) -> None:
        """One record was confirmed, or failed."""
        self.unconfirmed -= 1
        if error is not None:
            text = f"topic {message.topic()}: {error.str()}"
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                size = len(message.value() or b"")
                text += (
                    f" (a value of {size:,} bytes, and headers); raise its max.message.bytes above that of the topic "
                    "that is read"
                )
                if size > self._largest_refused:  # its neighbours in the same request are refused with it
                    self._largest_refused = size
                    self.faults.insert(0, text)
                    return
            self.faults.append(text)


class ConfirmedProducer:
    """Writes some records at a time: call `write`, then `durable` until it returns True."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._producer: Producer | None = None
        self._attempt = _Attempt(())

    def write(self, records: Iterable[Record]) -> None:
        """Begin to write `records`; records of the call before that are not confirmed are forgotten."""
        self._attempt = _Attempt(records)

    def durable(self, wait_s: float = 0.0) -> bool:
        """Every record is confirmed; waits at most `wait_s` for answers.

        Raises RetryableError if one failed: then nothing is known of the others either, and all must be written again.
        """
        if self._producer is None:
            self._producer = client.producer(self._kafka)
        producer, attempt = self._producer, self._attempt
        while attempt.waiting and not attempt.faults and self._put(producer, attempt.waiting[0]):
            attempt.waiting.popleft()
        producer.poll(wait_s if attempt.unconfirmed else 0.0)
        if attempt.faults:
            self.close()
            raise RetryableError(attempt.faults[0])
        return not attempt.waiting and not attempt.unconfirmed

    def close(self) -> None:
        """Give up unconfirmed records; the next `write` starts with a new producer."""
        producer, self._producer = self._producer, None
        self._attempt = _Attempt(())
        if producer is not None:
            # After a failure an idempotent producer may stay unusable; the records that it still has are written again.
            producer.purge()
            producer.flush(0)

    def _put(self, producer: Producer, record: Record) -> bool:
        by_key = -1  # librdkafka's "unassigned": the key decides
        try:
            producer.produce(
                record.topic,
                record.value,
                record.key,
                by_key if record.partition is None else record.partition,
                headers=list(record.headers),
                timestamp=max(record.timestamp_ms, 0),
                on_delivery=self._attempt.on_delivery,
            )
        except BufferError:
            return False
        except KafkaException as refused:
            self._attempt.faults.append(f"topic {record.topic}: {refused.args[0].str()}")
            return False
        self._attempt.unconfirmed += 1
        return True


def confirmed(writer: ConfirmedProducer, records: Sequence[Record], patience_s: float = _CONFIRM_S) -> None:
    """Write `records` and wait until all are confirmed. A failed attempt is repeated, and may leave some of them twice.

    Raises FatalError (exit code KAFKA) when they are not confirmed within `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    writer.write(records)
    while True:
        try:
            if writer.durable(_POLL_S):
                return
        except RetryableError as failed:
            if time.monotonic() >= deadline:
                raise FatalError(str(failed), exit_code=ExitCode.KAFKA) from None
            time.sleep(_PAUSE_S)
            writer.write(records)
