"""What Kafka tells of this user's rights on the topic and the group, and of the group's members: asked before reading.

Rules
1. A right is missing only if Kafka says so: it lists this user's rights with an answer, or refuses the question.
   Brokers that list none (before Kafka 2.3) prove nothing.
2. A member that has called subscribe() makes Kafka refuse the commits of ingest, which assigns its partitions.
3. An answer that does not come proves nothing: a start goes on, and the next question meets the same brokers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ingest.config.sections import Kafka
from ingest.errors import ExitCode, FatalError
from ingest.pipeline.kafka import client, grants
from ingest.pipeline.kafka.client import AclOperation, KafkaError, KafkaException, TopicCollection
from ingest.pipeline.kafka.login import login_of

_T = TypeVar("_T")

_REQUEST_S = 5.0


@dataclass(frozen=True, slots=True)
class Access:
    """What is wrong, each as a sentence, "" if nothing is known to be; `group_answered`: Kafka described the group."""

    topic: str = ""
    group: str = ""
    members: str = ""
    group_answered: bool = False

    def check(self) -> None:
        """Raise FatalError (exit code KAFKA) with everything that is wrong, if a worker could not work."""
        if found := [text for text in (self.topic, self.group, self.members) if text]:
            raise FatalError("; ".join(found), exit_code=ExitCode.KAFKA)


def access(kafka: Kafka) -> Access:
    """Ask about the topic and the group. Raises ConfigError if librdkafka refuses an option."""
    how = login_of(client.admin_options(kafka))
    admin = client.admin(kafka)
    topics = admin.describe_topics(
        TopicCollection([kafka.topic]), include_authorized_operations=True, request_timeout=_REQUEST_S
    )
    groups = admin.describe_consumer_groups(
        [kafka.group], include_authorized_operations=True, request_timeout=_REQUEST_S
    )
    topic, group = (
        _answer(lambda: topics[kafka.topic].result(2 * _REQUEST_S)),
        _answer(lambda: groups[kafka.group].result(2 * _REQUEST_S)),
    )
    no_topic = no_group = members = ""
    if isinstance(topic, KafkaError):
        if topic.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            no_topic = grants.no_topic_right(kafka, how, visible=False)
    elif topic is not None and topic.authorized_operations and AclOperation.READ not in topic.authorized_operations:
        no_topic = grants.no_topic_right(kafka, how, visible=True)
    if isinstance(group, KafkaError):
        if group.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            no_group = grants.no_group_right(kafka, how)
    elif group is not None:
        if group.authorized_operations and AclOperation.READ not in group.authorized_operations:
            no_group = grants.no_group_right(kafka, how)
        if count := len(group.members):
            members = grants.subscribed(kafka, "1 consumer" if count == 1 else f"{count:,} consumers")
    answered = group is not None and not isinstance(group, KafkaError)
    return Access(no_topic, no_group, members, answered)


def may_ask_group(kafka: Kafka) -> None:
    """Raise FatalError (exit code KAFKA) if Kafka refuses to tell this user the group's offsets."""
    group = _answer(
        lambda: (
            client.admin(kafka)
            .describe_consumer_groups([kafka.group], request_timeout=_REQUEST_S)[kafka.group]
            .result(2 * _REQUEST_S)
        )
    )
    if isinstance(group, KafkaError) and group.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        how = login_of(client.admin_options(kafka))
        raise FatalError(grants.no_group_right(kafka, how, "Describe"), exit_code=ExitCode.KAFKA)


def _answer(ask: Callable[[], _T]) -> _T | KafkaError | None:
    """The answer, or why Kafka refuses; None without one."""
    try:
        return ask()
    except KafkaException as refused:
        error: KafkaError = refused.args[0]
        return error
    except TimeoutError:
        return None
