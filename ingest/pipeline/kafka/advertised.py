"""Whether this machine reaches the addresses that the brokers advertise: asked only to explain a failure.

A client asks the addresses of [kafka] brokers for the cluster's own addresses, and then uses those alone. Where they
can't be reached, librdkafka reports an unknown partition, a timeout or a broker that is down, and names no address.
"""

import socket
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from ingest.config.sections import Kafka
from ingest.pipeline.kafka import client
from ingest.pipeline.kafka.client import KafkaException

_REQUEST_S = 5.0
_CONNECT_S = 2.0
_AGAIN_S = 0.5
_MOST_SHOWN = 3
_ASKED_TOGETHER = 16
_NO_ANSWER = "no answer"


class Address(Protocol):
    """A broker's own address."""

    host: str
    port: int


def explanation(kafka: Kafka) -> str:
    """The addresses that the brokers advertise and this machine can't reach, as a sentence; "" if none is found.

    Raises ConfigError if librdkafka refuses an option.
    """
    failed = {address: why for address in _advertised(kafka) if (why := _failure(*address))}
    return unreachable(kafka.brokers, failed) if failed else ""


def none_reachable(brokers: str, advertised: Sequence[Address], reached: Collection[tuple[str, int]]) -> str:
    """The sentence that `explanation` returns, if this machine can reach none of the `advertised` addresses; else "".

    Those in `reached` answer, and are not asked. One that is refused is asked twice: its broker may be starting.
    """
    addresses = list(dict.fromkeys((broker.host, broker.port) for broker in advertised))
    if any(address in reached for address in addresses):
        return ""
    failed: dict[tuple[str, int], str] = {}
    for pause_s in (_AGAIN_S, 0.0):
        failed.clear()
        for batch in (addresses[i : i + _ASKED_TOGETHER] for i in range(0, len(addresses), _ASKED_TOGETHER)):
            with ThreadPoolExecutor(_ASKED_TOGETHER) as threads:
                failed |= zip(batch, threads.map(lambda one: _failure(*one), batch), strict=True)
            if not all(failed.values()):
                return ""
        if _NO_ANSWER in failed.values():
            break
        time.sleep(pause_s)
    return unreachable(brokers, failed)


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
        return _NO_ANSWER
    except socket.gaierror:
        return "the name is unknown"
    except OSError as error:
        return (error.strerror or "no connection").lower()
    return ""
