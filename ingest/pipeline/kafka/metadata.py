"""What the cluster says of a topic and a group: partitions, watermarks, offsets, commits.

1. Only questions: nothing is read, committed or joined.
2. Kafka is asked again until it answers, for a minute at most (15 s for a topic's partitions, the first that anyone
   asks); what it refuses for good ends at once.
3. A question has a consumer of its own, closed after the answer; who has one already asks through that.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar, cast

from ingest.config.sections import Kafka
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import (
    OFFSET_INVALID,
    REFUSED,
    AclOperation,
    AdminClient,
    ConfigResource,
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicMetadata,
    TopicPartition,
)
from ingest.pipeline.kafka.topic_identity import NoAnswer
from ingest.pipeline.kafka.topic_watch import TopicWatch
from ingest.pipeline.offsets.checkpoint import Checkpoint, decode
from ingest.records import TopicShape

_T = TypeVar("_T")

_SHORT_S = 5.0  # a question that a start does without, if need be
_REQUEST_S = 10.0  # one metadata, offset or watermark request
_REACH_S = 15.0  # until the first answer: an address that is wrong should not look like a start
_PATIENCE_S = 60.0  # a fresh broker may answer NOT_COORDINATOR while it makes the offsets topic


def topic_partitions(kafka: Kafka) -> tuple[int, ...]:
    """The partitions of the topic.

    Raises FatalError (exit code KAFKA) when Kafka is unreachable or has no such topic, ConfigError when librdkafka
    refuses an option.
    """
    heard: list[str] = []
    consumer = client.consumer(kafka, 1, on_error=heard.append)
    try:
        topic = _patiently(
            kafka,
            "its metadata",
            lambda: _topic(consumer, kafka.topic),
            patience_s=_REACH_S,
            heard=heard,
        )
        if topic.error is not None:
            raise FatalError(
                f"topic {kafka.topic} at {kafka.brokers}: {client.scrubber(kafka)(topic.error.str())}; "
                "check [kafka] topic and the rights on it",
                exit_code=ExitCode.KAFKA,
            )
        return tuple(sorted(topic.partitions))
    finally:
        consumer.close()


def _topic(consumer: Consumer, topic: str) -> TopicMetadata:
    try:
        found: TopicMetadata = consumer.list_topics(topic, timeout=_REQUEST_S).topics[topic]
    except KafkaException:
        consumer.poll(0)  # serves error_cb
        raise
    return found


def topic_id(kafka: Kafka) -> str:
    """Kafka's own id of the topic; "" where it has none. Raises FatalError (exit code KAFKA) when it does not say."""
    watch = TopicWatch(kafka)
    deadline = time.monotonic() + _PATIENCE_S
    while not isinstance(answer := watch.look(), TopicShape):
        if time.monotonic() >= deadline:
            why = answer.error if isinstance(answer, NoAnswer) else "it says that there is none"
            raise FatalError(
                f"Kafka at {kafka.brokers} does not describe topic {kafka.topic}: {why}. Without its id it can't be "
                "told from a former topic of the same name; check the brokers and their controller",
                exit_code=ExitCode.KAFKA,
            )
        time.sleep(0.2)
    return answer.topic_id


def offsets_retention_s(kafka: Kafka) -> float | None:
    """How long the brokers keep a committed offset (offsets.retention.minutes), the least of them; None if untold.

    It takes the right to DESCRIBE_CONFIGS of the cluster.
    """
    admin = client.admin(kafka)
    try:
        brokers = admin.describe_cluster(request_timeout=_SHORT_S).result(2 * _SHORT_S).nodes
        resources = [ConfigResource(ConfigResource.Type.BROKER, str(broker.id)) for broker in brokers]
        asked = admin.describe_configs(resources, request_timeout=_SHORT_S) if resources else {}
        minutes = [each.result(2 * _SHORT_S)["offsets.retention.minutes"].value for each in asked.values()]
        return min(int(each) for each in minutes) * 60.0 if minutes else None
    except (KafkaException, TimeoutError, KeyError, TypeError, ValueError):
        return None


def check_topic(kafka: Kafka, topic: str, setting: str) -> None:
    """`topic`, which `setting` names, exists, keeps what is written to it, and this user may write there.

    Raises ConfigError when it doesn't exist or is compacted, FatalError (exit code KAFKA) when Kafka can't be asked or
    refuses. What a user without the right to ask is not told stays unchecked until the first write.
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
                f"--topic {topic}), with a retention that leaves time to look"
            ) from None
        raise FatalError(_why(kafka, topic, setting, error), exit_code=ExitCode.KAFKA) from None
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


def _why(kafka: Kafka, topic: str, setting: str, error: KafkaError) -> str:
    reason = client.scrubber(kafka)(error.str())
    if error.code() in REFUSED:
        return f"{setting} = {topic}: Kafka refuses it: {reason}. Grant DESCRIBE and WRITE on the topic"
    return f"{setting} = {topic}: Kafka at {kafka.brokers} can't be asked: {reason}; check brokers and network"


def cleanup_policy(kafka: Kafka, topic: str) -> str:
    """The topic's cleanup.policy; "" where this user may not ask."""
    return _cleanup_policy(client.admin(kafka), topic)


def _cleanup_policy(admin: AdminClient, topic: str) -> str:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    try:
        found = admin.describe_configs([resource], request_timeout=_REQUEST_S)[resource].result(2 * _REQUEST_S)
    except KafkaException:
        return ""  # it takes a right of its own to ask; without it nothing is known
    return str(found["cleanup.policy"].value)


def watermarks(kafka: Kafka, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Low watermark and end offset of each partition. Raises FatalError (exit code KAFKA)."""
    consumer = client.consumer(kafka, 1)
    try:
        return watermarks_through(consumer, kafka, partitions)
    finally:
        consumer.close()


def committed_progress(kafka: Kafka, partitions: Iterable[int]) -> dict[int, Checkpoint | None]:
    """What the group has committed, None where nothing, with the counts its commits carry.

    Joins no group. Raises FatalError (exit code KAFKA).
    """
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
        (found,) = _patiently(
            kafka,
            f"the offset of a time in topic {kafka.topic} partition {partition}",
            lambda: _whole(consumer.offsets_for_times(asked, timeout=_REQUEST_S)),
        )
        return found.offset if found.offset >= 0 else None
    finally:
        consumer.close()


def committed_through(consumer: Consumer, kafka: Kafka, partitions: Iterable[int]) -> dict[int, Checkpoint | None]:
    """As `committed_progress`, asked by a consumer of this group that is there already."""
    asked = [TopicPartition(kafka.topic, partition) for partition in partitions]
    answers = _patiently(
        kafka, f"the commits of group {kafka.group}", lambda: _whole(consumer.committed(asked, timeout=_REQUEST_S))
    )
    return {a.partition: None if a.offset == OFFSET_INVALID else decode(a.offset, a.metadata) for a in answers}


def _whole(answers: list[TopicPartition]) -> list[TopicPartition]:
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return answers


def watermarks_through(consumer: Consumer, kafka: Kafka, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """As `watermarks`, asked by a consumer that is there already."""
    found = {}
    for partition in partitions:
        asked = TopicPartition(kafka.topic, partition)
        found[partition] = _patiently(
            kafka,
            f"the offsets of topic {kafka.topic} partition {partition}",
            partial(bounds_of, consumer, asked, _REQUEST_S),
        )
    return found


def bounds_of(consumer: Consumer, asked: TopicPartition, timeout_s: float) -> tuple[int, int]:
    """Low watermark and end offset of one partition. Raises KafkaException."""
    # The library documents None on a time-out, its type hints don't.
    found = cast("tuple[int, int] | None", consumer.get_watermark_offsets(asked, timeout=timeout_s))
    if found is None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
    return found


def _patiently(
    kafka: Kafka, what: str, ask: Callable[[], _T], *, patience_s: float = _PATIENCE_S, heard: Sequence[str] = ()
) -> _T:
    """Ask until Kafka answers, for at most `patience_s`; what it refuses for good ends at once.

    The first of what was `heard` meanwhile says more than the request's own failure.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except KafkaException as failed:
            error: KafkaError = failed.args[0]
            if error.code() in REFUSED or time.monotonic() >= deadline:
                reason = heard[0] if heard else client.scrubber(kafka)(error.str())
                raise FatalError(
                    f"Kafka at {kafka.brokers} did not give {what}: {reason}; "
                    "check [kafka] brokers, the network and the rights of this user",
                    exit_code=ExitCode.KAFKA,
                ) from None
            time.sleep(0.2)
