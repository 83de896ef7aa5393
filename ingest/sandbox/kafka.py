"""An embedded Kafka: the mock cluster in the librdkafka of the confluent-kafka wheel, called through ctypes.

Ordinary clients of any process connect to it over TCP. Its limits (librdkafka, src/rdkafka_mock*.c):

1. A partition keeps 5 MB or 100,000 messages; the oldest are dropped first, like early retention. Let the producer
   wait for its reader, or spread events over more partitions.
2. All data is in memory and lost when it ends. CreateTopics isn't served (`create_topic` here does it), transactions
   aren't fenced, commit metadata has no limit, and there is no authentication.
3. Its faults are methods: request errors, brokers down, round-trip time, leaders and coordinators moved, records
   deleted. API keys and error codes are those of the Kafka protocol.
"""

import argparse
import ctypes
import json
import signal
import sys
import threading
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import confluent_kafka

from ingest.sandbox.service_process import SandboxError, ServiceProcess, announce

ALL_BROKERS = -1
_PRODUCER = 0
_CONF_OK = 0
_ERROR_TEXT_BYTES = 512


class ApiKey(IntEnum):
    """The Kafka protocol's request types that faults are pushed onto."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10


def _library() -> ctypes.CDLL:
    # The library that confluent_kafka has loaded: another copy would be another librdkafka.
    confluent_kafka.libversion()
    mapped = {line.split(maxsplit=5)[-1].strip() for line in Path("/proc/self/maps").read_text().splitlines()}
    files = sorted(path for path in mapped if Path(path).name.startswith("librdkafka"))
    if not files:
        raise SandboxError("the librdkafka of confluent-kafka isn't loaded as a library of its own; use its wheel")
    return ctypes.CDLL(files[0])


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """Declare the types of each function used: without them ctypes would truncate pointers to 32 bits."""
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    short, broker, size = ctypes.c_int16, ctypes.c_int32, ctypes.c_size_t
    mock = "rd_kafka_mock_"
    signatures: dict[str, tuple[Any, Sequence[Any]]] = {
        "rd_kafka_conf_new": (pointer, ()),
        "rd_kafka_conf_set": (number, (pointer, text, text, text, size)),
        "rd_kafka_new": (pointer, (number, pointer, text, size)),
        "rd_kafka_destroy": (None, (pointer,)),
        "rd_kafka_err2str": (text, (number,)),
        f"{mock}cluster_new": (pointer, (pointer, number)),
        f"{mock}cluster_destroy": (None, (pointer,)),
        f"{mock}cluster_bootstraps": (text, (pointer,)),
        f"{mock}topic_create": (number, (pointer, text, number, number)),
        f"{mock}topic_delete": (number, (pointer, text)),
        f"{mock}topic_set_error": (None, (pointer, text, number)),
        f"{mock}push_request_errors_array": (None, (pointer, short, size, ctypes.POINTER(number))),
        f"{mock}clear_request_errors": (None, (pointer, short)),
        f"{mock}partition_set_leader": (number, (pointer, text, broker, broker)),
        f"{mock}partition_delete_records": (number, (pointer, text, broker, ctypes.c_int64)),
        f"{mock}broker_set_down": (number, (pointer, broker)),
        f"{mock}broker_set_up": (number, (pointer, broker)),
        f"{mock}broker_set_rtt": (number, (pointer, broker, number)),
        f"{mock}coordinator_set": (number, (pointer, text, text, broker)),
        f"{mock}set_controller_id": (number, (pointer, broker)),
        f"{mock}group_initial_rebalance_delay_ms": (None, (pointer, broker)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class EmbeddedKafka:
    """A running cluster of `brokers` brokers, ids from 1, as a context manager. Raises `SandboxError`.

    Its threads run in this process; a fork() while it runs is not safe.
    """

    def __init__(self, brokers: int = 1) -> None:
        self._library = _declared(_library())
        problem = ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
        conf = self._library.rd_kafka_conf_new()
        # Faults are injected on purpose: the log would only repeat them.
        if self._library.rd_kafka_conf_set(conf, b"log_level", b"2", problem, _ERROR_TEXT_BYTES) != _CONF_OK:
            raise SandboxError(f"embedded Kafka: {problem.value.decode()}")
        self._client = self._library.rd_kafka_new(_PRODUCER, conf, problem, _ERROR_TEXT_BYTES)
        if not self._client:
            raise SandboxError(f"embedded Kafka can't start: {problem.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._client)
            raise SandboxError(f"embedded Kafka can't start {brokers} brokers")
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self._library.rd_kafka_mock_set_controller_id(
            self._cluster, 1
        )  # the broker that admin clients ask about topics
        self.brokers = brokers
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def create_topic(self, name: str, partitions: int, replication: int = 1) -> None:
        """Create a topic. Raises `SandboxError` when it exists."""
        self._call("topic_create", name.encode(), partitions, replication)

    def delete_topic(self, name: str) -> None:
        """Delete the topic; if created again, it starts at offset 0."""
        self._call("topic_delete", name.encode())

    def set_topic_error(self, name: str, error: int) -> None:
        """Let metadata requests for the topic answer `error`; 0 ends it."""
        self._library.rd_kafka_mock_topic_set_error(self._open(), name.encode(), error)

    def push_request_errors(self, api: ApiKey | int, errors: Sequence[int]) -> None:
        """Let the next `len(errors)` requests of that kind fail with these codes, one each; 0 lets one succeed.

        `KafkaError._TRANSPORT` disconnects the client instead of answering.
        """
        array = (ctypes.c_int * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(self._open(), api, len(errors), array)

    def clear_request_errors(self, api: ApiKey | int) -> None:
        """Forget the pushed errors of that kind."""
        self._library.rd_kafka_mock_clear_request_errors(self._open(), api)

    def broker_down(self, broker: int = ALL_BROKERS) -> None:
        """Disconnect a broker's clients and refuse new ones; leaders stay where they are."""
        self._call("broker_set_down", broker)

    def broker_up(self, broker: int = ALL_BROKERS) -> None:
        """Let the broker accept connections again."""
        self._call("broker_set_up", broker)

    def set_rtt(self, milliseconds: int, broker: int = ALL_BROKERS) -> None:
        """Delay each answer of the broker."""
        self._call("broker_set_rtt", broker, milliseconds)

    def move_leader(self, topic: str, partition: int, broker: int) -> None:
        """Make `broker` the leader of the partition; -1 leaves it without a leader."""
        self._call("partition_set_leader", topic.encode(), partition, broker)

    def move_coordinator(self, group: str, broker: int) -> None:
        """Make `broker` the coordinator of the group."""
        self._call("coordinator_set", b"group", group.encode(), broker)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Delete records below offset `before`, as retention does."""
        self._call("partition_delete_records", topic.encode(), partition, before)

    def close(self) -> None:
        """Stop the cluster and lose its data. May be called again."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> int:
        if not self._cluster:
            raise SandboxError("this embedded Kafka is closed")
        return int(self._cluster)

    def _call(self, name: str, *arguments: object) -> None:
        code = getattr(self._library, f"rd_kafka_mock_{name}")(self._open(), *arguments)
        if code:
            raise SandboxError(f"embedded Kafka, {name}: {self._library.rd_kafka_err2str(code).decode()}")


class KafkaProcess:
    """An embedded Kafka in a process of its own, as a context manager. It ends together with its starter."""

    def __init__(self, topic: str, partitions: int, *, brokers: int = 1) -> None:
        arguments = ["--topic", topic, "--partitions", str(partitions), "--brokers", str(brokers)]
        self._process = ServiceProcess("ingest.sandbox.kafka", arguments)
        self.bootstrap = str(self._process.announcement["bootstrap"])
        self.pid = self._process.pid

    def stop(self) -> None:
        """End the process and lose its data."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(*, topics: dict[str, int], brokers: int = 1) -> None:
    """Run a cluster in this process until SIGTERM or SIGINT, with these topics (name -> partitions).

    The first line on stdout is a JSON object with its address.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with EmbeddedKafka(brokers) as kafka:
        for name, partitions in topics.items():
            kafka.create_topic(name, partitions)
        announce(bootstrap=kafka.bootstrap, topics=topics)
        stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of the cluster's process."""
    parser = argparse.ArgumentParser(prog="python -m ingest.sandbox.kafka", description="An embedded Kafka.")
    parser.add_argument("--topic", default="predictions")
    parser.add_argument("--partitions", type=int, default=32)
    parser.add_argument("--brokers", type=int, default=1)
    given = parser.parse_args(arguments)
    try:
        serve(topics={given.topic: given.partitions}, brokers=given.brokers)
    except SandboxError as error:
        sys.stderr.write(json.dumps({"error": str(error)}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
