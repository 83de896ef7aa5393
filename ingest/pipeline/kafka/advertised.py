"""Whether this machine reaches the addresses that the brokers advertise: asked only to explain a failure.

A client asks the addresses of [kafka] brokers for the cluster's own addresses, and then uses those alone. Where they
can't be reached, librdkafka reports an unknown partition, a timeout or a broker that is down, and names no address.
"""

import socket
from collections.abc import Mapping

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import KafkaException

_REQUEST_S = 5.0
_CONNECT_S = 2.0
_MOST_SHOWN = 3


def explanation(kafka: Kafka) -> str:
    """The addresses that the brokers advertise and this machine can't reach, as a sentence; "" if none is found.

    Raises ConfigError if librdkafka refuses an option.
    """
    failed = {address: why for address in _advertised(kafka) if (why := _failure(*address))}
    return unreachable(kafka.brokers, failed) if failed else ""


def unreachable(brokers: str, failed: Mapping[tuple[str, int], str]) -> str:
    """The sentence about `failed` addresses, each with the reason."""
    shown = ", ".join(f"{host}:{port} ({why})" for (host, port), why in list(failed.items())[:_MOST_SHOWN])
    more = f" and {len(failed) - _MOST_SHOWN} more" if len(failed) > _MOST_SHOWN else ""
    return (
        f"Kafka answers at {brokers}, but its brokers advertise {shown}{more}, which this machine can't reach. "
        "Correct advertised.listeners of the brokers, or make that address reachable (DNS, firewall, port)"
    )


def _advertised(kafka: Kafka) -> list[tuple[str, int]]:
    consumer = client.consumer(kafka, 1)
    try:
        return [(broker.host, broker.port) for broker in consumer.list_topics(timeout=_REQUEST_S).brokers.values()]
    except KafkaException:
        return []
    finally:
        consumer.close()


def _failure(host: str, port: int) -> str:
    """Why no connection can be made; "" if one can."""
    try:
        socket.create_connection((host, port), timeout=_CONNECT_S).close()
    except TimeoutError:
        return "no answer"
    except socket.gaierror:
        return "the name is unknown"
    except OSError as error:
        return (error.strerror or "no connection").lower()
    return ""
