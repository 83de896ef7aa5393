"""Asks repeatedly for how long a topic keeps its messages, without blocking: its retention.ms and retention.bytes.

Rules
1. The question requires the right DESCRIBE_CONFIGS of the topic; without it, as without an answer, nothing is known.
2. A topic whose cleanup.policy has no `delete` in it keeps messages without a limit of time.
"""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from ingest.config.sections import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import AdminClient, ConfigEntry, ConfigResource, KafkaException

_REQUEST_S = 10.0


@dataclass(frozen=True, slots=True)
class Retention:
    """What Kafka keeps of a topic: for `seconds` (None: without a limit of time), and `by_size` up to a size."""

    seconds: float | None
    by_size: bool


@dataclass(frozen=True, slots=True)
class UnknownRetention:
    """Kafka did not tell."""


class RetentionWatch:
    """One topic, one question at a time."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._asked: Future[Mapping[str, ConfigEntry]] | None = None
        self._admin: AdminClient | None = None

    @property
    def asking(self) -> bool:
        """A question was sent, and its answer has not been taken."""
        return self._asked is not None

    def ask(self) -> None:
        """Send the question; the answer to the one before must have been taken."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, self._kafka.topic)
        try:
            if self._admin is None:
                self._admin = client.admin(self._kafka)
            self._asked = self._admin.describe_configs([resource], request_timeout=_REQUEST_S)[resource]
        except (ConfigError, KafkaException) as failed:  # a password's file may be missing for a moment
            self._asked = Future()
            self._asked.set_exception(failed)

    def take_answer(self) -> Retention | UnknownRetention | None:
        """The answer, None if it has not come."""
        if self._asked is None or not self._asked.done():
            return None
        asked, self._asked = self._asked, None
        try:
            return retention({name: str(entry.value) for name, entry in asked.result().items()})
        except (KafkaException, ConfigError):
            self._admin = None  # a new client reads the password or certificate again
            return UnknownRetention()


def retention(settings: Mapping[str, str]) -> Retention | UnknownRetention:
    """What follows from a topic's settings."""
    try:
        kept_ms, most_bytes = int(settings["retention.ms"]), int(settings["retention.bytes"])
    except (KeyError, ValueError):
        return UnknownRetention()
    if "delete" not in settings.get("cleanup.policy", "delete"):
        return Retention(None, by_size=False)
    return Retention(kept_ms / 1000 if kept_ms >= 0 else None, by_size=most_bytes >= 0)
