"""The only module that imports confluent_kafka: it creates consumers, producers and admin clients with our options.

It exports confluent_kafka's names to the modules of this package, and lists the errors that no retry can heal.

Rules
1. If librdkafka refuses to create a client, that is a fault of the configuration, wherever it is created.
2. A text of librdkafka may quote an option's value, so it passes through `scrubber` before it is shown.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclOperation,
    AdminClient,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    ListOffsetsResultInfo,
    OffsetSpec,
    TopicDescription,
    TopicMetadata,
)

from ingest.config.credentials import Scrubber
from ingest.config.sections import Kafka
from ingest.errors import ConfigError
from ingest.pipeline.kafka.broker_watch import STATISTICS_MS
from ingest.pipeline.kafka.login import refused_options

__all__ = [
    "OFFSET_INVALID",
    "REFUSED",
    "AclOperation",
    "AdminClient",
    "ClusterMetadata",
    "ConfigEntry",
    "ConfigResource",
    "Consumer",
    "IsolationLevel",
    "KafkaError",
    "KafkaException",
    "ListOffsetsResultInfo",
    "Message",
    "OffsetSpec",
    "Producer",
    "TopicCollection",
    "TopicDescription",
    "TopicMetadata",
    "TopicPartition",
    "admin",
    "consumer",
    "consumer_options",
    "fingerprint",
    "producer",
    "scrubber",
]

# No retry helps against these.
REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,  # noqa: SLF001  librdkafka's local codes have no public names
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
}

_Client = TypeVar("_Client")

_QUEUED_MESSAGES = 20_000  # fetched ahead from all partitions: four chunks; the byte limit bounds large messages
# A broker's answer, compressed, for all partitions: zstd expands it six times, and all of it is in memory together.
_FETCH_BYTES = 5 * 2**19
_DELIVERY_MS = 30_000
_QUEUE_KBYTES = 64 * 1024
_LARGEST_BYTES = 128 * 2**20


def consumer_options(kafka: Kafka, partitions: int) -> dict[str, object]:
    """Librdkafka's options to consume that number of partitions; the user's options override all but the last ones."""
    share = max(partitions, 1)
    fetch_bytes = max(min(1024 * 1024, kafka.queue_bytes // share), 64 * 1024)
    own = kafka.client_options()
    largest = str(own.get("message.max.bytes", ""))
    return {
        # Both are per partition: undivided, a backlog of many partitions would fill the memory.
        "queued.min.messages": max(_QUEUED_MESSAGES // share, 500),
        "queued.max.messages.kbytes": max(kafka.queue_bytes // share // 1024, 64),
        "fetch.message.max.bytes": fetch_bytes,
        "fetch.max.bytes": max(_FETCH_BYTES, int(largest) if largest.isdigit() else 0),  # it must not be less
        # By default a partition whose queue is full is not fetched for a second: the loop is faster than that.
        "fetch.queue.backoff.ms": 10,
        "check.crcs": True,
        "isolation.level": "read_committed",
        # Errors come through error_cb; librdkafka's log lines, twenty a second while a broker is down, would hide them.
        "log_level": 0,
        **own,
        "bootstrap.servers": kafka.brokers,
        "group.id": kafka.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
    }


def consumer(
    kafka: Kafka,
    partitions: int,
    *,
    on_error: Callable[[str], None] | None = None,
    on_report: Callable[[str, str], None] | None = None,
    on_commit: Callable[[KafkaError | None, list[TopicPartition]], None] | None = None,
    on_statistics: Callable[[str], None] | None = None,
) -> Consumer:
    """A consumer of `partitions` partitions. `on_error` gets the texts of errors that librdkafka handles itself.

    `on_report` gets the name of the code with each of them instead. `on_statistics` gets librdkafka's statistics as
    JSON, every `STATISTICS_MS` unless an option says otherwise.

    Raises ConfigError if librdkafka refuses an option.
    """
    options = consumer_options(kafka, partitions)
    clean = kafka.scrubber(options)
    callbacks: dict[str, object] = {}
    if on_error is not None:
        callbacks["error_cb"] = lambda error: on_error(clean(error.str()))
    if on_report is not None:
        callbacks["error_cb"] = lambda error: on_report(error.name(), clean(error.str()))
    if on_commit is not None:
        callbacks["on_commit"] = on_commit
    if on_statistics is not None:
        callbacks["stats_cb"] = on_statistics
        options = {"statistics.interval.ms": STATISTICS_MS, **options}
    return _create(Consumer, options | callbacks, clean)


def fingerprint(kafka: Kafka) -> int | None:
    """A number that changes with the passwords, keys and certificates among the options; None if one can't be read.

    librdkafka reads them once, when a client is created.
    """
    try:
        options = kafka.client_options()
        files = [Path(str(value)).stat() for name, value in options.items() if name.endswith(".location")]
    except (ConfigError, OSError):
        return None
    return hash((tuple(sorted((name, str(value)) for name, value in options.items())), *(f.st_mtime_ns for f in files)))


def producer(kafka: Kafka) -> Producer:
    """A producer that confirms each message. Raises ConfigError if librdkafka refuses an option."""
    options = producer_options(kafka)
    return _create(Producer, options, kafka.scrubber(options))


def admin(kafka: Kafka) -> AdminClient:
    """A client for questions about topics and brokers. Raises ConfigError if librdkafka refuses an option."""
    options = admin_options(kafka)
    return _create(AdminClient, options, kafka.scrubber(options))


def scrubber(kafka: Kafka) -> Scrubber:
    """Removes the secrets among the options from a text of librdkafka. Raises ConfigError as `client_options` does."""
    return kafka.scrubber(kafka.client_options())


def _create(kind: Callable[[Any], _Client], options: Mapping[str, object], clean: Scrubber) -> _Client:
    try:
        return kind(options)
    except KafkaException as refused:
        reason = clean(refused.args[0].str().strip())
    except (TypeError, ValueError, SystemError) as refused:  # raised by the binding itself for values and callbacks
        reason = clean(str(refused))
    if advice := refused_options(reason, options):
        reason = clean(advice)
    raise ConfigError(f"[kafka.options]: librdkafka refuses them: {reason}")


def producer_options(kafka: Kafka) -> dict[str, str | int | float | bool]:
    """Librdkafka's options for a producer that confirms each message; the user's options override none of ours."""
    return {
        "linger.ms": 5,
        "compression.type": "lz4",
        **admin_options(kafka),
        "enable.idempotence": True,
        "acks": "all",
        "delivery.timeout.ms": _DELIVERY_MS,
        "queue.buffering.max.kbytes": _QUEUE_KBYTES,
        "message.max.bytes": _LARGEST_BYTES,  # so that only the topic's own limit applies
        "allow.auto.create.topics": False,
    }


def admin_options(kafka: Kafka) -> dict[str, str | int | float | bool]:
    """Librdkafka's options for an admin client."""
    return {
        # Errors come through error_cb and as answers; a warning about the user's options for consumers is no error.
        "log_level": 0,
        **kafka.client_options(),
        "bootstrap.servers": kafka.brokers,
    }
