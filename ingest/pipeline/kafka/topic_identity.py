"""Whether the topic is still the one whose offsets are committed.

Rules
1. A topic that was deleted and created again has the same name and another id (KIP-516). Its offsets mean other
   messages: the worker halts, and commits nothing for it.
2. A commit is sent only with a proof: an answer with the right id, requested after its checkpoints were taken. So every
   message below them was read before, from the same topic.
3. A topic is deleted if the cluster reports for `GONE_S` that it does not exist; before that, the broker may have just
   started.
4. The cluster is asked every `EVERY_S` also when nothing is committed: librdkafka continues to read a topic that was
   created again, and reports nothing if the topic is gone (2.16).
5. If brokers have no ids (before Kafka 2.8) or show this user none, nothing can be proved, and commits need no proof.
6. A failed question is repeated. Until it is answered nothing is committed; `trouble` says why.
7. Questions are asked one at a time, with a pause that grows with the topic: an answer lists all partitions.
"""

from dataclasses import dataclass
from typing import Protocol

from ingest.errors import ExitCode, FatalError
from ingest.records import TopicShape

EVERY_S = 5.0
GONE_S = 5.0
_RETRY_S = 0.5
_PARTITION_S = 0.0002  # per partition between two questions: a twentieth of a core at most


class KafkaNames(Protocol):
    """The names in [kafka] that the errors here need."""

    @property
    def topic(self) -> str:
        """The topic's name."""
        ...

    @property
    def group(self) -> str:
        """The group for which offsets are committed."""
        ...

    @property
    def brokers(self) -> str:
        """The addresses of the cluster."""
        ...


@dataclass(frozen=True, slots=True)
class NoTopic:
    """The cluster reports that the topic does not exist."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The question failed."""

    error: str


Answer = TopicShape | NoTopic | NoAnswer


class TopicIdentity:
    """Proves that the topic has the id `topic_id`. Times are monotonic seconds."""

    def __init__(self, kafka: KafkaNames, topic_id: str, now: float) -> None:
        self._kafka = kafka
        self._topic_id = topic_id
        self._interval_s = 0.0
        self._next_at = now + EVERY_S
        self._earliest_at = now
        self._proof_required = False
        self._is_proof = False  # the outstanding question was asked after `require_proof`
        self._gone_since: float | None = None
        self.proved = not topic_id
        self.trouble = ""

    def require_proof(self, now: float) -> None:
        """A commit needs a proof from now on."""
        if self._topic_id:
            self.proved, self._proof_required, self._is_proof = False, True, False
            self._next_at = max(now, self._earliest_at)

    def due(self, now: float) -> bool:
        """It is time to ask the cluster; the caller does so now."""
        if now < self._next_at:
            return False
        self._is_proof, self._proof_required = self._proof_required, False
        self._next_at = now + EVERY_S
        self._earliest_at = now + self._interval_s
        return True

    def handle_answer(self, answer: Answer, now: float) -> None:
        """Use the cluster's answer. Raises FatalError (exit code EXPIRED) for a topic that is another one, or gone."""
        is_proof = self._is_proof
        if isinstance(answer, TopicShape) and self._topic_id and not answer.topic_id:
            answer = NoAnswer("the broker does not return its id")
        match answer:
            case TopicShape(topic_id=topic_id, partitions=partitions):
                self._gone_since, self.trouble = None, ""
                self._interval_s = len(partitions) * _PARTITION_S
                if self._topic_id and topic_id != self._topic_id:
                    raise recreated(self._kafka, self._topic_id, topic_id)
                self.proved = self.proved or is_proof
                return
            case NoTopic():
                self._gone_since = now if self._gone_since is None else self._gone_since
                if now - self._gone_since >= GONE_S:
                    raise deleted(self._kafka)
                self.trouble = f"topic {self._kafka.topic}: the cluster reports that there is no such topic"
            case NoAnswer(error=error):
                self._gone_since = None
                self.trouble = (
                    f"topic {self._kafka.topic} can't be described, and nothing is committed until it is: {error}"
                )
        self._proof_required = self._proof_required or is_proof
        self._is_proof = False
        self._next_at = now + _RETRY_S


def recreated(kafka: KafkaNames, before: str, after: str) -> FatalError:
    """The error of a run whose topic was deleted and created again."""
    return FatalError(
        f"topic {kafka.topic} was deleted and created again: its id was {before}, it is {after}. The offsets of group "
        f"{kafka.group} belong to the former one; nothing was committed for the new one, and no message of it is "
        f"skipped. The messages of the former one that were not read are gone. {RESUME}",
        exit_code=ExitCode.EXPIRED,
    )


def deleted(kafka: KafkaNames) -> FatalError:
    """The error of a run whose topic was deleted."""
    return FatalError(
        f"topic {kafka.topic} was deleted: the cluster at {kafka.brokers} no longer has it, and its messages that "
        f"were not read are gone. If it is created again: {RESUME}",
        exit_code=ExitCode.EXPIRED,
    )


RESUME = (
    "Start with --resume-from earliest to read all messages that the topic has now, or with --resume-from latest to "
    "read only messages that come from now on"
)
