"""Asks every few minutes for how long Kafka keeps the messages of the topics of a run, for those who look at it."""

from collections.abc import Iterable, Mapping

from ingest.config.sections import Kafka
from ingest.events import Emit, TopicRetention
from ingest.pipeline.kafka.retention_watch import Retention, RetentionWatch, UnknownRetention

EVERY_S = 300.0
AGAIN_S = 30.0  # after a question that was not answered


class TopicRetentions:
    """The retention of all topics of a run. Times are monotonic seconds."""

    def __init__(
        self, topics: Iterable[Kafka], emit: Emit, now: float, watches: Mapping[str, RetentionWatch] | None = None
    ) -> None:
        self._emit = emit
        self._watches = watches or {kafka.topic: RetentionWatch(kafka) for kafka in topics}
        self._ask_at = dict.fromkeys(self._watches, now)

    def poll(self, now: float) -> None:
        """Take the answers, and ask if it is time. Never blocks."""
        for topic, watch in self._watches.items():
            answer = watch.take_answer()
            if answer is not None:
                self._take(topic, answer, now)
            if now >= self._ask_at[topic] and not watch.asking:
                self._ask_at[topic] = now + EVERY_S
                watch.ask()

    def _take(self, topic: str, answer: Retention | UnknownRetention, now: float) -> None:
        if isinstance(answer, Retention):
            self._emit(TopicRetention(topic=topic, retention_s=answer.seconds, by_size=answer.by_size))
        else:
            self._ask_at[topic] = now + AGAIN_S
            self._emit(TopicRetention(topic=topic, retention_s=None, known=False))
