"""Compares limits of the brokers and topics with what a worker writes: commits with metadata, and dead letters."""

from collections.abc import Iterator

from ingest.commands.check.result import CheckResult, ok, unchecked, warning
from ingest.config.sections import Kafka
from ingest.config.settings import Config
from ingest.pipeline.dead_letters.topic import ADDED_BYTES
from ingest.pipeline.kafka import metadata
from ingest.pipeline.offsets.checkpoint import MAX_METADATA_BYTES
from ingest.pipeline.offsets.committer import LESS_METADATA


def check_commits(kafka: Kafka) -> CheckResult:
    """Whether the brokers take the metadata that a worker commits with each offset."""
    limit = metadata.offset_settings(kafka).metadata_bytes
    if limit is None:
        text = "this user may not ask for the brokers' offset.metadata.max.bytes (DESCRIBE_CONFIGS of the cluster)"
        return unchecked("commit metadata", text)
    if limit <= MAX_METADATA_BYTES:
        return warning("commit metadata", f"offset.metadata.max.bytes = {limit}: {LESS_METADATA}")
    return ok("commit metadata", f"the brokers take {limit:,} bytes with each commit")


def check_largest_dead_letter(settings: Config) -> Iterator[CheckResult]:
    """Whether the dead-letter topic takes a dead letter of the largest message that each topic takes."""
    letters = settings.dead_letters.topic
    topics = [each.kafka.topic for each in settings.topics if each.kafka.topic]
    limits = metadata.max_message_bytes(settings.kafka, [*topics, letters])
    for topic in topics:
        yield largest_dead_letter(topic, limits[topic], letters, limits[letters])


def largest_dead_letter(topic: str, limit: int | None, letters: str, limit_of_letters: int | None) -> CheckResult:
    """Compare max.message.bytes of a topic with that of the dead-letter topic, None if unknown."""
    check = "largest dead letter"
    if limit is None or limit_of_letters is None:
        which = topic if limit is None else letters
        text = f"this user may not ask for max.message.bytes of {which} (DESCRIBE_CONFIGS of the topic)"
        return unchecked(check, text, topic)
    needed = limit + ADDED_BYTES
    if limit_of_letters < needed:
        text = (
            f"[dead_letters] topic {letters} takes {limit_of_letters:,} bytes (max.message.bytes), but a dead letter "
            f"of the largest message ({limit:,} bytes) has up to {ADDED_BYTES:,} more in its headers. A worker would "
            f"wait at one that is refused, and commit nothing past it. Set it to {needed} or more: kafka-configs "
            f"--alter --topic {letters} --add-config max.message.bytes={needed}"
        )
        return warning(check, text, topic)
    return ok(check, f"topic {letters} takes {limit_of_letters:,} bytes, a message has up to {limit:,}", topic)
