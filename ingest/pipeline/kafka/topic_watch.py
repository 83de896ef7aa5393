"""Asks the cluster repeatedly for the topic's description, without blocking.

A thread of the client receives the answer; the caller takes it in a turn of its own loop. The question is one Metadata
request, which every user who may read the topic may send.
"""

from collections.abc import Callable
from concurrent.futures import Future

from ingest.config.sections import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import (
    AdminClient,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicDescription,
)
from ingest.pipeline.kafka.topic_identity import Answer, NoAnswer, NoTopic
from ingest.records import TopicShape

_REQUEST_S = 5.0
# The ids that brokers without topic ids (before Kafka 2.8) return.
_NO_IDS = {"", "AAAAAAAAAAAAAAAAAAAAAA"}
_URL_SAFE = str.maketrans("+/", "-_")


class TopicWatch:
    """One topic, one question at a time. `on_answer` is called on another thread when `take_answer` has an answer."""

    def __init__(self, kafka: Kafka, on_answer: Callable[[], None] = lambda: None) -> None:
        self._kafka = kafka
        self._on_answer = on_answer
        self._admin: AdminClient | None = None
        self._asked: Future[TopicDescription] | None = None

    @property
    def asking(self) -> bool:
        """A question was sent, and its answer has not been taken."""
        return self._asked is not None

    def ask(self) -> None:
        """Send the question; the answer to the one before must have been taken."""
        topic = self._kafka.topic
        try:
            if self._admin is None:
                self._admin = client.admin(self._kafka)
            asked = self._admin.describe_topics(TopicCollection([topic]), request_timeout=_REQUEST_S)[topic]
        except (ConfigError, KafkaException) as failed:  # a password's file may be missing for a moment
            asked = Future()
            asked.set_exception(failed)
        self._asked = asked
        asked.add_done_callback(lambda _: self._on_answer())

    def take_answer(self) -> Answer | None:
        """The answer, None if it has not come."""
        if self._asked is None or not self._asked.done():
            return None
        asked, self._asked = self._asked, None
        return self._answer_to(asked)

    def describe(self) -> Answer:
        """Ask, and wait for the answer."""
        self.ask()
        asked, self._asked = self._asked, None
        return NoAnswer("it was not asked") if asked is None else self._answer_to(asked)

    def _answer_to(self, asked: "Future[TopicDescription]") -> Answer:
        answer = _answer(asked)
        if isinstance(answer, NoAnswer):
            # A new client looks up the controller again, and reads the password or certificate again.
            self._admin = None
        return answer


def _answer(asked: "Future[TopicDescription]") -> Answer:
    try:
        found = asked.result(2 * _REQUEST_S)
    except KafkaException as failed:
        error: KafkaError = failed.args[0]
        return NoTopic() if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART else NoAnswer(error.str())
    except ConfigError as unusable:
        return NoAnswer(str(unusable))
    except TimeoutError:
        return NoAnswer(f"no answer within {2 * _REQUEST_S:g} s")
    # As Kafka's own tools write it: librdkafka's base64 has characters that separate values in a commit's metadata.
    topic_id = str(found.topic_id).translate(_URL_SAFE)
    partitions = tuple(sorted(partition.id for partition in found.partitions))
    return TopicShape("" if topic_id in _NO_IDS else topic_id, partitions)
