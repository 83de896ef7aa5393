"""A steady trickle of events onto all partitions of a topic, for what is measured while little comes."""

import threading
import time
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

from ingest.sandbox.generate import Generator

TICK_S = 0.005


class Trickle:
    """Produces `rate_per_s` events a second from a thread, partition after partition; a context manager.

    The sequence of an event is its offset: nobody else may write to the topic. `ends` says what was produced so far.
    """

    def __init__(
        self,
        brokers: str,
        topic: str,
        first: dict[int, int],
        generator: Generator,
        *,
        rate_per_s: float,
        linger_ms: int = 0,
    ) -> None:
        self._topic = topic
        self._generator = generator
        self._rate_per_s = rate_per_s
        self._next = dict(first)
        self._failed: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": linger_ms,
                "compression.type": "lz4",
                "delivery.report.only.error": True,
                "on_delivery": lambda error, _: self._failed.append(error.str()) if error is not None else None,
            }
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def ends(self) -> dict[int, int]:
        """By partition, the sequence of the next event; those below were handed to the producer."""
        return dict(self._next)

    def _run(self) -> None:
        began_s = time.monotonic()
        made = 0
        partitions = sorted(self._next)
        while not self._stop.wait(TICK_S):
            while made < self._rate_per_s * (time.monotonic() - began_s):
                partition = partitions[made % len(partitions)]
                sequence = self._next[partition]
                value, key = self._generator.event(partition, sequence), self._generator.key(partition, sequence)
                self._producer.produce(self._topic, value=value, key=key, partition=partition)
                self._next[partition] = sequence + 1
                made += 1
            self._producer.poll(0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._producer.flush(30) or self._failed:
            raise RuntimeError(f"the trickle onto {self._topic} failed: {self._failed or 'not acknowledged'}")
