"""The words about rights, and about a topic or a group that can't be used: who lacks what, and the command for it."""

from collections.abc import Sequence
from typing import Protocol

from ingest.pipeline.kafka.login import Login


class KafkaNames(Protocol):
    """The names in [kafka] that the words need."""

    @property
    def brokers(self) -> str:
        """The addresses of the cluster."""
        ...

    @property
    def topic(self) -> str:
        """The topic's name."""
        ...

    @property
    def group(self) -> str:
        """The group for which offsets are committed."""
        ...


def principal(how: Login) -> str:
    """The user in the words of kafka-acls, as far as the options show it."""
    return f"User:{how.user}" if how.sasl and how.user else "User:NAME"


def grant(how: Login, operation: str, resource: str, name: str) -> str:
    """The command that grants a right; `resource` is topic or group."""
    return f"kafka-acls --add --allow-principal {principal(how)} --operation {operation} --{resource} {name}"


def no_group_right(kafka: KafkaNames, how: Login, operation: str = "Read") -> str:
    """This user may not commit for the group, or not even ask for its offsets."""
    return (
        f"this user ({principal(how)}) has no right {operation.upper()} on group {kafka.group}, which reading and "
        f"committing its offsets takes. Grant it: {grant(how, operation, 'group', kafka.group)}; or set a [kafka] "
        "group that this user may use"
    )


def no_topic_right(kafka: KafkaNames, how: Login, *, visible: bool) -> str:
    """This user may not read the topic; if it is not even `visible`, it may also not exist."""
    grants = grant(how, "Read", "topic", kafka.topic)
    if visible:
        return f"this user ({principal(how)}) has no right READ on topic {kafka.topic}. Grant it: {grants}"
    return (
        f"this user ({principal(how)}) may not see topic {kafka.topic}: it has no right on it, or there is no such "
        f"topic. Check [kafka] topic, and grant READ: {grants}"
    )


def no_topic(kafka: KafkaNames, near: Sequence[str]) -> str:
    """The cluster has no such topic; `near` are names like it."""
    alike = f"did you mean {' or '.join(near)}? Check" if near else "check"
    return f"topic {kafka.topic}: Kafka at {kafka.brokers} has no such topic; {alike} [kafka] topic, or create it"


def subscribed(kafka: KafkaNames, members: str) -> str:
    """Members that called subscribe() in the group; `members` is their number with its noun."""
    return (
        f"{members} subscribed under group {kafka.group}: Kafka will refuse the commits of ingest. Stop them, or "
        "set another [kafka] group"
    )
