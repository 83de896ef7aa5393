"""Replaces a consumer that has gone silent.

Rules
1. An assigned consumer can stay dead after a broker restart (librdkafka#5153): one that has had no message for
   `SILENCE_S`, though the log has more, is replaced.
2. librdkafka takes passwords and certificates once, when a client is made: a silent consumer that was made with others
   than those of now is replaced, too.
3. A partition that is paused by request brings nothing, and that is no silence.
"""

from collections.abc import Callable, Mapping

from ingest.pipeline.kafka.consumer import PartitionConsumer

SILENCE_S = 60.0


class SilenceGuard:
    """Watches one consumer. Times are monotonic seconds; `on_trouble` is called with the reason of a replacement."""

    def __init__(self, consumer: PartitionConsumer, on_trouble: Callable[[str], None]) -> None:
        self._consumer = consumer
        self._on_trouble = on_trouble
        self._active_at = 0.0

    def active(self, now: float) -> None:
        """The consumer has brought something, or has only now been asked to."""
        self._active_at = now

    def check(self, positions: Callable[[], Mapping[int, int]], now: float) -> None:
        """Replace the consumer if it is silent and should not be; it goes on at `positions`."""
        if now - self._active_at < SILENCE_S:
            return
        self._active_at = now
        next_offsets = positions()
        if self._consumer.has_unread(next_offsets):
            self._on_trouble(f"no message for {SILENCE_S:g} s although there are more: connecting anew")
            self._consumer.rebuild(next_offsets)
        elif self._consumer.credentials_changed():
            self._on_trouble("a password or certificate among [kafka.options] was replaced: connecting anew with it")
            self._consumer.rebuild(next_offsets)
