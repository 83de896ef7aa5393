"""Writing to Kafka: records that are safe only when every one of them is confirmed.

An idempotent producer with acks=all: the leader has them, every replica in sync has them, none twice by a retry of the
client. What a crash or a failure leaves unconfirmed is written again by the caller, and may then be there twice.
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
    """One message to be written. Without a `partition` its key decides; `timestamp_ms` 0 or less lets Kafka set it."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, str | bytes | None]] = ()
    timestamp_ms: int = -1
    partition: int | None = None


class _Lot:
    """Records that are written together, and what Kafka said of them."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.waiting = deque(records)
        self.unconfirmed = 0
        self.faults: list[str] = []

    def answered(self, error: KafkaError | None, message: Message) -> None:
        """One record's fate."""
        self.unconfirmed -= 1
        if error is not None:
            text = f"topic {message.topic()}: {error.str()}"
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                text += "; raise its max.message.bytes above that of the topic that is read"
            self.faults.append(text)


class ConfirmedProducer:
    """Writes one lot of records at a time: `write`, then `durable` again and again until it says so."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._producer: Producer | None = None
        self._lot = _Lot(())

    def write(self, records: Iterable[Record]) -> None:
        """Begin to write `records`; what an earlier lot left unconfirmed is forgotten."""
        self._lot = _Lot(records)

    def durable(self, wait_s: float = 0.0) -> bool:
        """Every record of the lot is confirmed; waits at most `wait_s` for news.

        Raises RetryableError when one was not: then nothing is known of the others either, write all of them again.
        """
        if self._producer is None:
            self._producer = client.producer(self._kafka)
        producer, lot = self._producer, self._lot
        while lot.waiting and not lot.faults and self._put(producer, lot.waiting[0]):
            lot.waiting.popleft()
        producer.poll(wait_s if lot.unconfirmed else 0.0)
        if lot.faults:
            self.close()
            raise RetryableError(lot.faults[0])
        return not lot.waiting and not lot.unconfirmed

    def close(self) -> None:
        """Give up what is unconfirmed; the next lot starts with a new producer."""
        producer, self._producer = self._producer, None
        self._lot = _Lot(())
        if producer is not None:
            # After a failure an idempotent producer may be unusable for good; what it still holds is written again.
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
                on_delivery=self._lot.answered,
            )
        except BufferError:
            return False
        except KafkaException as refused:
            self._lot.faults.append(f"topic {record.topic}: {refused.args[0].str()}")
            return False
        self._lot.unconfirmed += 1
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
