"""Whether a consumer group has members now.

Consumers that only assign partitions, as the workers of `ingest supervise` do, are no members: a group without members
may still be read and committed for.
"""

from concurrent.futures import TimeoutError as FutureTimeoutError

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import KafkaException

_REQUEST_S = 5.0


def group_members(kafka: Kafka) -> tuple[str, ...] | None:
    """The members of the group, as `client id at host`; None if this user may not ask, or Kafka does not answer."""
    admin = client.admin(kafka)
    asked = admin.describe_consumer_groups([kafka.group], request_timeout=_REQUEST_S)[kafka.group]
    try:
        found = asked.result(2 * _REQUEST_S)
    except (KafkaException, FutureTimeoutError):
        return None
    return tuple(f"{member.client_id} at {member.host}" for member in found.members)
