"""What topics a cluster has: partitions, offsets, retention, the newest message's time, and a group's commits.

Rules
1. Only questions, as in `metadata`: one for all topics each, so that a thousand partitions take no longer than one.
2. What this user may not ask, or a broker does not answer, is None: the rest of the list is still true.
3. Offsets are counted, not messages: compaction and transactions leave gaps, so the number is an upper bound.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import client, first_contact
from ingest.pipeline.kafka.client import (
    OFFSET_INVALID,
    AdminClient,
    ConfigEntry,
    ConfigResource,
    KafkaException,
    ListOffsetsResultInfo,
    OffsetSpec,
    TopicPartition,
)

_REQUEST_S = 10.0

_Partition = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicListing:
    """One topic.

    `offsets` counts from the low watermarks to the high watermarks. `retention_ms` and `retention_bytes` (of each
    partition) are the topic's limits, -1 without one. `newest_timestamp_ms` is the largest timestamp of a message
    (milliseconds since the epoch). Each of them is None if it is not known. `committed_partitions` counts the
    partitions of which the group has a commit.
    """

    name: str
    partitions: int
    internal: bool
    offsets: int | None = None
    retention_ms: int | None = None
    retention_bytes: int | None = None
    cleanup_policy: str | None = None
    newest_timestamp_ms: int | None = None
    committed_partitions: int | None = None


def list_topics(kafka: Kafka, *, internal: bool = False) -> list[TopicListing]:
    """All topics that this user may see, by name; the internal ones only if asked for.

    Raises FatalError (exit code KAFKA) if Kafka is unreachable or refuses this user.
    """
    found = first_contact.topics(kafka)
    chosen = {name: partitions for name, partitions in found.items() if internal or not is_internal(name)}
    asked = [(name, partition) for name, partitions in chosen.items() for partition in partitions]
    admin = client.admin(kafka)
    low = _offsets(admin, asked, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
    end = _offsets(admin, asked, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    newest = _offsets(admin, asked, OffsetSpec.max_timestamp())  # type: ignore[no-untyped-call]
    settings = _settings(admin, list(chosen))
    committed = _committed(kafka, asked)
    listed = []
    for name, partitions in sorted(chosen.items()):
        own = [(name, partition) for partition in partitions]
        known = all(each in low and each in end for each in own)
        times = [newest[each].timestamp for each in own if each in newest and newest[each].timestamp >= 0]
        entries = settings.get(name, {})
        listed.append(
            TopicListing(
                name=name,
                partitions=len(partitions),
                internal=is_internal(name),
                offsets=sum(max(end[each].offset - low[each].offset, 0) for each in own) if known else None,
                retention_ms=_number(entries, "retention.ms"),
                retention_bytes=_number(entries, "retention.bytes"),
                cleanup_policy=str(entries["cleanup.policy"].value) if "cleanup.policy" in entries else None,
                newest_timestamp_ms=max(times, default=None),
                committed_partitions=None if committed is None else sum(each in committed for each in own),
            )
        )
    return listed


def is_internal(name: str) -> bool:
    """Whether the name is one that Kafka and its tools use for themselves."""
    return name.startswith(("__", "_confluent", "_schemas"))


def _offsets(
    admin: AdminClient, asked: Iterable[_Partition], which: OffsetSpec
) -> dict[_Partition, ListOffsetsResultInfo]:
    wanted = {TopicPartition(*each): which for each in asked}
    if not wanted:
        return {}
    found = {}
    futures: Mapping[TopicPartition, Future[ListOffsetsResultInfo]] = admin.list_offsets(
        wanted, request_timeout=_REQUEST_S
    )
    for each, future in futures.items():
        try:
            found[each.topic, each.partition] = future.result(2 * _REQUEST_S)
        except (KafkaException, TimeoutError):
            continue  # rule 2
    return found


def _settings(admin: AdminClient, names: Sequence[str]) -> dict[str, Mapping[str, ConfigEntry]]:
    resources = {name: ConfigResource(ConfigResource.Type.TOPIC, name) for name in names}
    if not resources:
        return {}
    asked = admin.describe_configs(list(resources.values()), request_timeout=_REQUEST_S)
    found = {}
    for name, resource in resources.items():
        try:
            found[name] = asked[resource].result(2 * _REQUEST_S)
        except (KafkaException, TimeoutError):
            continue  # rule 2: it takes DESCRIBE_CONFIGS of the topic
    return found


def _number(entries: Mapping[str, ConfigEntry], name: str) -> int | None:
    try:
        return int(str(entries[name].value))
    except (KeyError, ValueError):
        return None


def _committed(kafka: Kafka, asked: Sequence[_Partition]) -> set[_Partition] | None:
    consumer = client.consumer(kafka, 1)
    try:
        answers = consumer.committed([TopicPartition(*each) for each in asked], timeout=_REQUEST_S) if asked else []
    except KafkaException:
        return None  # rule 2: it takes the right to DESCRIBE the group
    finally:
        consumer.close()
    if any(answer.error is not None for answer in answers):
        return None
    return {(answer.topic, answer.partition) for answer in answers if answer.offset != OFFSET_INVALID}
