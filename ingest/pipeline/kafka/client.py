"""The one place that knows confluent_kafka.

It lends its names to those who ask (`cluster`), read (`poll`) and write (`produce`), says which errors are for good,
and makes the client for each.

1. A client that librdkafka refuses to make is a fault of the configuration, wherever it is made.
2. A text of librdkafka may quote an option's value, so it goes through `scrubber` before anybody sees it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, TopicDescription, TopicMetadata

from ingest.config.credentials import Scrubber
from ingest.config.sections import Kafka
from ingest.errors import ConfigError

__all__ = [
    "OFFSET_INVALID",
    "REFUSED",
    "AclOperation",
    "AdminClient",
    "ConfigResource",
    "Consumer",
    "KafkaError",
    "KafkaException",
    "Message",
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

_C = TypeVar("_C")

_QUEUED_MESSAGES = 20_000  # fetched ahead over all partitions: four chunks; the byte budget bounds large messages
# A broker's answer, compressed, over all partitions: zstd makes six times as much of it, all of it in memory at once.
_FETCH_BYTES = 5 * 2**19
_DELIVERY_MS = 30_000
_QUEUE_KBYTES = 64 * 1024
_LARGEST_BYTES = 128 * 2**20


def consumer_options(kafka: Kafka, partitions: int) -> dict[str, object]:
    """Librdkafka's options for a reader of that many partitions; the user's own come last but for the reserved ones."""
    share = max(partitions, 1)
    fetch_bytes = max(min(1024 * 1024, kafka.queue_bytes // share), 64 * 1024)
    own = kafka.client_options()
    largest = str(own.get("message.max.bytes", ""))
    return {
        # Both are per partition: without a share, a backlog of many partitions fills the memory.
        "queued.min.messages": max(_QUEUED_MESSAGES // share, 500),
        "queued.max.messages.kbytes": max(kafka.queue_bytes // share // 1024, 64),
        "fetch.message.max.bytes": fetch_bytes,
        "fetch.max.bytes": max(_FETCH_BYTES, int(largest) if largest.isdigit() else 0),  # it must not be less
        # By default a partition whose queue is full is left alone for a second: the loop is faster than that.
        "fetch.queue.backoff.ms": 10,
        "check.crcs": True,
        "isolation.level": "read_committed",
        # Errors come through error_cb; its own lines, twenty a second while a broker is down, would drown them.
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
    on_commit: Callable[[KafkaError | None, list[TopicPartition]], None] | None = None,
) -> Consumer:
    """A reader of that many partitions. `on_error` gets the text of what librdkafka deals with by itself.

    Raises ConfigError when librdkafka refuses an option.
    """
    options = consumer_options(kafka, partitions)
    clean = kafka.scrubber(options)
    callbacks: dict[str, object] = {}
    if on_error is not None:
        callbacks["error_cb"] = lambda error: on_error(clean(error.str()))
    if on_commit is not None:
        callbacks["on_commit"] = on_commit
    return _made(Consumer, options | callbacks, clean)


def fingerprint(kafka: Kafka) -> int | None:
    """Another number when a password, key or certificate among the options is another one; None if one can't be read.

    librdkafka takes them once, when a client is made.
    """
    try:
        options = kafka.client_options()
        files = [Path(str(value)).stat() for name, value in options.items() if name.endswith(".location")]
    except (ConfigError, OSError):
        return None
    return hash((tuple(sorted((name, str(value)) for name, value in options.items())), *(f.st_mtime_ns for f in files)))


def producer(kafka: Kafka) -> Producer:
    """A writer that is told of each message's fate. Raises ConfigError when librdkafka refuses an option."""
    options = producer_options(kafka)
    return _made(Producer, options, kafka.scrubber(options))


def admin(kafka: Kafka) -> AdminClient:
    """A client that asks about topics. Raises ConfigError when librdkafka refuses an option."""
    options = admin_options(kafka)
    return _made(AdminClient, options, kafka.scrubber(options))


def scrubber(kafka: Kafka) -> Scrubber:
    """Removes the secrets among the options from a text of librdkafka. Raises ConfigError as `client_options` does."""
    return kafka.scrubber(kafka.client_options())


def _made(kind: Callable[[Any], _C], options: Mapping[str, object], clean: Scrubber) -> _C:
    try:
        return kind(options)
    except KafkaException as refused:
        reason = clean(refused.args[0].str().strip())
    except (TypeError, ValueError, SystemError) as refused:  # the binding's own words on values and callbacks
        reason = clean(str(refused))
    raise ConfigError(f"[kafka.options]: librdkafka refuses them: {reason}")


def producer_options(kafka: Kafka) -> dict[str, str | int | float | bool]:
    """Librdkafka's options for a writer that is told of each message's fate; nothing of ours can be set otherwise."""
    return {
        "linger.ms": 5,
        "compression.type": "lz4",
        **admin_options(kafka),
        "enable.idempotence": True,
        "acks": "all",
        "delivery.timeout.ms": _DELIVERY_MS,
        "queue.buffering.max.kbytes": _QUEUE_KBYTES,
        "message.max.bytes": _LARGEST_BYTES,  # the topic's own limit is the one that counts
        "allow.auto.create.topics": False,
    }


def admin_options(kafka: Kafka) -> dict[str, str | int | float | bool]:
    """Librdkafka's options for a client that asks about topics."""
    return {
        # Errors come through error_cb and as answers; a consumer's option among the user's is no news either.
        "log_level": 0,
        **kafka.client_options(),
        "bootstrap.servers": kafka.brokers,
    }
