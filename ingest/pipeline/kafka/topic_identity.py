"""Whether the topic is still the one whose offsets are committed.

Rules
1. A topic that was deleted and created again has the same name and another id (KIP-516). Its offsets mean other
   messages: the worker halts, and commits nothing for it.
2. A commit is sent only on a proof: an answer with the right id, asked for after its watermarks were taken. So every
   message below them was read before, from the same topic.
3. A topic that is said not to be there for `GONE_S` is deleted; sooner it may be a broker that has just started.
4. The topic is asked about every `EVERY_S` also when nothing is committed: librdkafka reads on in a topic that was
   created again, and says nothing of one that is gone (2.16).
5. Where brokers have no ids (before Kafka 2.8) or tell this user none, nothing can be proved and nothing is held up.
6. An answer that fails is asked for again. Until then nothing is committed; `trouble` says why.
7. Proofs are asked for one after the other, with a pause that grows with the topic: an answer lists all partitions.
"""

from dataclasses import dataclass
from typing import Protocol

from ingest.errors import ExitCode, FatalError
from ingest.records import TopicShape

EVERY_S = 5.0
GONE_S = 5.0
_AGAIN_S = 0.5
_PARTITION_S = 0.0002  # per partition between two questions: a twentieth of a core at the most


class Names(Protocol):
    """What [kafka] calls them."""

    @property
    def topic(self) -> str:
        """The topic's name."""
        ...

    @property
    def group(self) -> str:
        """Under which offsets are committed."""
        ...

    @property
    def brokers(self) -> str:
        """Where the cluster is."""
        ...


@dataclass(frozen=True, slots=True)
class NoTopic:
    """The cluster says that there is no such topic."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The question failed."""

    error: str


Answer = TopicShape | NoTopic | NoAnswer


class TopicIdentity:
    """Proves that the topic has the id `topic_id`. Times are monotonic seconds."""

    def __init__(self, kafka: Names, topic_id: str, now: float) -> None:
        self._kafka = kafka
        self._topic_id = topic_id
        self._pause_s = 0.0
        self._next_at = now + EVERY_S
        self._not_before = now
        self._wanted = False
        self._counts = False  # the answer on its way was asked for after `want`
        self._gone_since: float | None = None
        self.proved = not topic_id
        self.trouble = ""

    def want(self, now: float) -> None:
        """A commit needs a proof from now on."""
        if self._topic_id:
            self.proved, self._wanted, self._counts = False, True, False
            self._next_at = max(now, self._not_before)

    def due(self, now: float) -> bool:
        """The cluster is to be asked now, and the caller does it."""
        if now < self._next_at:
            return False
        self._counts, self._wanted = self._wanted, False
        self._next_at = now + EVERY_S
        self._not_before = now + self._pause_s
        return True

    def answered(self, answer: Answer, now: float) -> None:
        """What the cluster said. Raises FatalError (exit code EXPIRED) for a topic that is another one, or gone."""
        counts = self._counts
        if isinstance(answer, TopicShape) and self._topic_id and not answer.topic_id:
            answer = NoAnswer("the broker tells no id of it")
        match answer:
            case TopicShape(topic_id=topic_id, partitions=partitions):
                self._gone_since, self.trouble = None, ""
                self._pause_s = len(partitions) * _PARTITION_S
                if self._topic_id and topic_id != self._topic_id:
                    raise recreated(self._kafka, self._topic_id, topic_id)
                self.proved = self.proved or counts
                return
            case NoTopic():
                self._gone_since = now if self._gone_since is None else self._gone_since
                if now - self._gone_since >= GONE_S:
                    raise deleted(self._kafka)
                self.trouble = f"topic {self._kafka.topic}: the cluster says that there is no such topic"
            case NoAnswer(error=error):
                self._gone_since = None
                self.trouble = (
                    f"topic {self._kafka.topic} can't be described, and nothing is committed until it is: {error}"
                )
        self._wanted = self._wanted or counts
        self._counts = False
        self._next_at = now + _AGAIN_S


def recreated(kafka: Names, before: str, after: str) -> FatalError:
    """The halt of a run whose topic is another one."""
    return FatalError(
        f"topic {kafka.topic} was deleted and created again: its id was {before}, it is {after}. The offsets of group "
        f"{kafka.group} belong to the former one; nothing was committed for the new one, and nothing of it is skipped. "
        f"What was not read of the former one is gone. {RESUME}",
        exit_code=ExitCode.EXPIRED,
    )


def deleted(kafka: Names) -> FatalError:
    """The halt of a run whose topic is gone."""
    return FatalError(
        f"topic {kafka.topic} was deleted: the cluster at {kafka.brokers} no longer has it, and what was not read of "
        f"it is gone. If it is created again: {RESUME}",
        exit_code=ExitCode.EXPIRED,
    )


RESUME = (
    "Start with --resume-from earliest to read all that the topic holds now, or with --resume-from latest to read only "
    "what comes from now on"
)
