"""Questions to the cluster about a topic and a group: partitions, watermarks, offsets, commits, settings and rights.

Rules
1. Only questions: no message is read, nothing is committed, no group is joined.
2. A question that a start can't do without is repeated until Kafka answers, for at most a minute. An error that no
   retry can heal ends it immediately. The first question of all is that of `first_contact`.
3. A question has a consumer of its own, closed after the answer; the functions `..._through` use the caller's.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

from ingest.config.sections import Kafka
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.kafka import advertised, client, rights
from ingest.pipeline.kafka.client import (
    OFFSET_INVALID,
    REFUSED,
    AclOperation,
    AdminClient,
    ConfigEntry,
    ConfigResource,
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from ingest.pipeline.kafka.topic_identity import NoAnswer
from ingest.pipeline.kafka.topic_watch import TopicWatch
from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES, Checkpoint, decode
from ingest.records import TopicShape

_T = TypeVar("_T")

_RETENTION = "offsets.retention.minutes"
_METADATA = "offset.metadata.max.bytes"
# What librdkafka also reports if it can't reach the leader of a partition.
_NO_LEADER = {KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001

_OPTIONAL_REQUEST_S = 5.0  # a start does without the answer if need be
_REQUEST_S = 10.0  # one metadata, offset or watermark request
_LONGEST_TRANSACTION_MS = 900_000
_ANSWER_S = 60.0  # a new broker may answer NOT_COORDINATOR while it creates the offsets topic


def topic_id(kafka: Kafka) -> str:
    """Kafka's id of the topic; "" if it has none. Raises FatalError (exit code KAFKA) if Kafka does not answer."""
    watch = TopicWatch(kafka)
    deadline = time.monotonic() + _ANSWER_S
    while not isinstance(answer := watch.describe(), TopicShape):
        if time.monotonic() >= deadline:
            why = answer.error if isinstance(answer, NoAnswer) else "it reports that there is no such topic"
            if isinstance(answer, NoAnswer) and (explained := advertised.explanation(kafka)):
                raise FatalError(
                    f"{explained}. So Kafka did not describe topic {kafka.topic}", exit_code=ExitCode.KAFKA
                )
            raise FatalError(
                f"Kafka at {kafka.brokers} does not describe topic {kafka.topic}: {why}. Without its id it can't be "
                "distinguished from a former topic of the same name; check the brokers and their controller",
                exit_code=ExitCode.KAFKA,
            )
        time.sleep(0.2)
    return answer.topic_id


@dataclass(frozen=True, slots=True)
class OffsetSettings:
    """The brokers' settings of committed offsets, each None if unknown.

    An offset is kept for `retention_s` (offsets.retention.minutes), with up to `metadata_bytes` of metadata
    (offset.metadata.max.bytes).
    """

    retention_s: float | None = None
    metadata_bytes: int | None = None

    @property
    def usable_metadata_bytes(self) -> int:
        """What a commit's metadata may have: one byte less, as the client sends a NUL along."""
        limit = MAX_METADATA_BYTES if self.metadata_bytes is None else self.metadata_bytes - 1
        return max(min(limit, MAX_METADATA_BYTES), 0)


def offset_settings(kafka: Kafka) -> OffsetSettings:
    """The smallest of the brokers' settings. The answer requires the right to DESCRIBE_CONFIGS of the cluster."""
    found = _broker_configs(kafka)
    minutes, metadata_bytes = (_smallest(found, name) for name in (_RETENTION, _METADATA))
    return OffsetSettings(None if minutes is None else minutes * 60.0, metadata_bytes)


def longest_transaction_s(kafka: Kafka) -> float:
    """How long the brokers let a transaction be open (the largest transaction.max.timeout.ms).

    Kafka's default if they do not tell.
    """
    found = _values(_broker_configs(kafka), "transaction.max.timeout.ms")
    return max(found, default=_LONGEST_TRANSACTION_MS) / 1000


def _broker_configs(kafka: Kafka) -> list[Mapping[str, ConfigEntry]]:
    """The configuration of each broker; empty if one does not tell: it takes DESCRIBE_CONFIGS of the cluster."""
    admin = client.admin(kafka)
    try:
        brokers = admin.describe_cluster(request_timeout=_OPTIONAL_REQUEST_S).result(2 * _OPTIONAL_REQUEST_S).nodes
        resources = [ConfigResource(ConfigResource.Type.BROKER, str(broker.id)) for broker in brokers]
        asked = admin.describe_configs(resources, request_timeout=_OPTIONAL_REQUEST_S) if resources else {}
        return [each.result(2 * _OPTIONAL_REQUEST_S) for each in asked.values()]
    except (KafkaException, TimeoutError):
        return []


def _smallest(found: Sequence[Mapping[str, ConfigEntry]], name: str) -> int | None:
    return min(_values(found, name), default=None)


def _values(found: Sequence[Mapping[str, ConfigEntry]], name: str) -> list[int]:
    """The setting at each broker; empty if one lacks it."""
    try:
        return [int(str(each[name].value)) for each in found]
    except (KeyError, ValueError):
        return []


def check_topic(kafka: Kafka, topic: str, setting: str) -> None:
    """Check that `topic`, named by `setting`, exists, keeps all messages, and that this user may write to it.

    Raises ConfigError if it does not exist or is compacted, FatalError (exit code KAFKA) if Kafka can't be asked or
    refuses. If this user may not ask for the rights or the cleanup.policy, they stay unchecked until the first write.
    """
    admin = client.admin(kafka)
    asked = admin.describe_topics(
        TopicCollection([topic]), include_authorized_operations=True, request_timeout=_REQUEST_S
    )
    try:
        found = asked[topic].result(2 * _REQUEST_S)
    except KafkaException as failed:
        error: KafkaError = failed.args[0]
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise ConfigError(
                f"{setting} = {topic}: there is no such topic at {kafka.brokers}. Create it (kafka-topics --create "
                f"--topic {topic}), with a retention that gives time to examine its messages"
            ) from None
        raise FatalError(_description_failed(kafka, topic, setting, error), exit_code=ExitCode.KAFKA) from None
    allowed = found.authorized_operations
    if allowed and AclOperation.WRITE not in allowed:
        raise FatalError(
            f"{setting} = {topic}: this user may not write there. Grant WRITE on the topic "
            f"(kafka-acls --add --operation Write --topic {topic})",
            exit_code=ExitCode.KAFKA,
        )
    if "compact" in _cleanup_policy(admin, topic):
        raise ConfigError(
            f"{setting} = {topic}: the topic is compacted, which removes messages with the same key. "
            "Set its cleanup.policy to delete"
        )


def _description_failed(kafka: Kafka, topic: str, setting: str, error: KafkaError) -> str:
    reason = client.scrubber(kafka)(error.str())
    if error.code() in REFUSED:
        return f"{setting} = {topic}: Kafka refuses it: {reason}. Grant DESCRIBE and WRITE on the topic"
    explained = advertised.explanation(kafka) or f"Kafka at {kafka.brokers} can't be asked: {reason}"
    return f"{setting} = {topic}: {explained}; check brokers and network"


def cleanup_policy(kafka: Kafka, topic: str) -> str:
    """The topic's cleanup.policy; "" if this user may not ask for it."""
    return _cleanup_policy(client.admin(kafka), topic)


def _cleanup_policy(admin: AdminClient, topic: str) -> str:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    try:
        found = admin.describe_configs([resource], request_timeout=_REQUEST_S)[resource].result(2 * _REQUEST_S)
    except KafkaException:
        return ""  # the user may lack the right DESCRIBE_CONFIGS of the topic
    return str(found["cleanup.policy"].value)


def max_message_bytes(kafka: Kafka, topics: Sequence[str]) -> dict[str, int | None]:
    """max.message.bytes of each topic, None if this user may not ask for it."""
    admin = client.admin(kafka)
    resources = {topic: ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics}
    asked = admin.describe_configs(list(resources.values()), request_timeout=_OPTIONAL_REQUEST_S)
    found: dict[str, int | None] = {}
    for topic, resource in resources.items():
        try:
            found[topic] = _smallest([asked[resource].result(2 * _OPTIONAL_REQUEST_S)], "max.message.bytes")
        except (KafkaException, TimeoutError):
            found[topic] = None
    return found


def watermarks(kafka: Kafka, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Low watermark of each partition, and the end of what can be read now. Raises FatalError (exit code KAFKA).

    That end is the last stable offset; `end_offsets.partition_ends` has the high watermark, too.
    """
    consumer = client.consumer(kafka, 1)
    try:
        return watermarks_through(consumer, kafka, partitions)
    finally:
        consumer.close()


def committed_progress(kafka: Kafka, partitions: Iterable[int]) -> dict[int, Checkpoint | None]:
    """The checkpoints that the group has committed, None if there is none. Raises FatalError (exit code KAFKA)."""
    consumer = client.consumer(kafka, 1)
    try:
        return committed_through(consumer, kafka, partitions)
    finally:
        consumer.close()


def offset_at(kafka: Kafka, partition: int, timestamp_ms: int) -> int | None:
    """The offset of the first message at or after a time (milliseconds since the epoch); None past the last one.

    Raises FatalError (exit code KAFKA).
    """
    consumer = client.consumer(kafka, 1)
    asked = [TopicPartition(kafka.topic, partition, timestamp_ms)]
    try:
        (found,) = ask_until_answered(
            kafka,
            f"the offset of a time in topic {kafka.topic} partition {partition}",
            lambda: _without_errors(consumer.offsets_for_times(asked, timeout=_REQUEST_S)),
        )
        return found.offset if found.offset >= 0 else None
    finally:
        consumer.close()


def committed_through(consumer: Consumer, kafka: Kafka, partitions: Iterable[int]) -> dict[int, Checkpoint | None]:
    """As `committed_progress`, asked through the caller's consumer of this group."""
    asked = [TopicPartition(kafka.topic, partition) for partition in partitions]
    answers = ask_until_answered(
        kafka,
        f"the commits of group {kafka.group}",
        lambda: _without_errors(consumer.committed(asked, timeout=_REQUEST_S)),
        explain=lambda: rights.access(kafka).group,  # librdkafka retries a refusal until the request times out
    )
    return {a.partition: None if a.offset == OFFSET_INVALID else decode(a.offset, a.metadata) for a in answers}


def _without_errors(answers: list[TopicPartition]) -> list[TopicPartition]:
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return answers


def watermarks_through(consumer: Consumer, kafka: Kafka, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """As `watermarks`, asked through the caller's consumer."""
    found = {}
    for partition in partitions:
        asked = TopicPartition(kafka.topic, partition)
        found[partition] = ask_until_answered(
            kafka,
            f"the offsets of topic {kafka.topic} partition {partition}",
            partial(watermarks_of, consumer, asked, _REQUEST_S),
        )
    return found


def watermarks_of(consumer: Consumer, asked: TopicPartition, timeout_s: float) -> tuple[int, int]:
    """Low watermark and last stable offset of one partition. Raises KafkaException."""
    # The library documents None for a time-out, its type hints don't.
    found = cast("tuple[int, int] | None", consumer.get_watermark_offsets(asked, timeout=timeout_s))
    if found is None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
    return found


def ask_until_answered(
    kafka: Kafka, what: str, ask: Callable[[], _T], *, explain: Callable[[], str] = lambda: ""
) -> _T:
    """Ask until Kafka answers, for at most a minute. Raises FatalError (exit code KAFKA).

    If `explain` knows the cause, or the brokers' own addresses can't be reached, that is reported.
    """
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            return ask()
        except KafkaException as failed:
            error: KafkaError = failed.args[0]
            if error.code() in REFUSED or time.monotonic() >= deadline:
                if cause := explain():
                    raise FatalError(f"{cause}. So Kafka did not return {what}", exit_code=ExitCode.KAFKA) from None
                if error.code() not in REFUSED - _NO_LEADER and (explained := advertised.explanation(kafka)):
                    raise FatalError(f"{explained}. So Kafka did not return {what}", exit_code=ExitCode.KAFKA) from None
                reason = client.scrubber(kafka)(error.str())
                raise FatalError(
                    f"Kafka at {kafka.brokers} did not return {what}: {reason}; "
                    "check [kafka] brokers, the network and the rights of this user",
                    exit_code=ExitCode.KAFKA,
                ) from None
            time.sleep(0.2)
