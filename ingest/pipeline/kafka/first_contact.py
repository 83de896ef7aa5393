"""The first question of each command to Kafka: the topic's partitions. Why there is no answer is told soon.

Rules
1. An address that librdkafka can't use, and options with which no login is possible, are faults of the
   configuration.
2. librdkafka tries all addresses of [kafka] brokers until one answers. As soon as it reports an error, or has no answer
   for `_QUIET_S`, each address is asked what it is (`listener`), and `faults` finds the cause.
3. When every address has a cause, and one of them lasts, the question ends. Causes that may pass end it after
   `patience_s`: a command of a person ends soon, a run waits for a broker that is just starting. While an address has
   no known cause, the question ends after `LIMIT_S`.
4. Each new cause is reported when it is found.
5. An answer that names only addresses which this machine can't reach is no answer: see `advertised`. That may pass,
   too.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ingest.config.near_names import nearest
from ingest.config.sections import Kafka
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.kafka import advertised, client, faults, grants, listener
from ingest.pipeline.kafka.client import ClusterMetadata, Consumer, KafkaError, KafkaException
from ingest.pipeline.kafka.faults import Fault, Report
from ingest.pipeline.kafka.login import address_faults, addresses, login_of, without_token

LIMIT_S = 15.0  # without an answer, and without a cause
RUN_PATIENCE_S = 15.0
COMMAND_PATIENCE_S = 2.0

_QUIET_S = 1.5
_AGAIN_S = 2.0  # between two questions to the same addresses
_PAUSE_S = 0.1
_FIRST_SLICE_S, _LONGEST_SLICE_S = 0.3, 5.0
_MOST_ADDRESSES = 6
_MOST_NEAR, _ALIKE = 2, 0.7


class NoContactError(FatalError):
    """No broker answers, or none that this machine can reach."""


class UnknownTopicError(FatalError):
    """Kafka answers, and has no such topic."""


def topic_partitions(
    kafka: Kafka, *, patience_s: float = COMMAND_PATIENCE_S, on_trouble: Callable[[str], None] = lambda _: None
) -> tuple[int, ...]:
    """The partitions of the topic. `on_trouble` gets each cause of a fault that may pass, when it is found.

    Raises FatalError (exit code KAFKA) if Kafka is unreachable or refuses, UnknownTopicError if it has no such topic;
    ConfigError if an address or an option can't be used.
    """
    with _asked(kafka, kafka.topic, patience_s, on_trouble) as (consumer, cluster):
        topic = cluster.topics[kafka.topic]
        if (error := topic.error) is not None:
            unknown = error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
            kind = UnknownTopicError if unknown else FatalError
            raise kind(_no_topic(kafka, consumer, error), exit_code=ExitCode.KAFKA)
        return tuple(sorted(topic.partitions))


def topics(
    kafka: Kafka, *, patience_s: float = COMMAND_PATIENCE_S, on_trouble: Callable[[str], None] = lambda _: None
) -> dict[str, tuple[int, ...]]:
    """The partitions of each topic that this user may see. Raises as `topic_partitions` does."""
    with _asked(kafka, None, patience_s, on_trouble) as (_, cluster):
        return {name: tuple(sorted(each.partitions)) for name, each in cluster.topics.items() if each.error is None}


@contextlib.contextmanager
def _asked(
    kafka: Kafka, topic: str | None, patience_s: float, on_trouble: Callable[[str], None]
) -> Iterator[tuple[Consumer, ClusterMetadata]]:
    """A consumer, and what Kafka answered to it about `topic`, or about all topics."""
    if wrong := setting_faults(kafka):
        raise ConfigError(wrong)
    reports: list[Report] = []
    consumer = client.consumer(kafka, 1, on_report=lambda code, text: reports.append(Report(code, text)))
    question = _Question(kafka, topic, consumer, reports=reports, patience_s=patience_s, on_trouble=on_trouble)
    try:
        yield consumer, question.ask()
    finally:
        consumer.close()


def setting_faults(kafka: Kafka) -> list[str]:
    """Rule 1. Raises ConfigError for a `*_file` that can't be read."""
    options = client.consumer_options(kafka, 1)
    how = login_of(options)
    no_token = without_token(how, options)
    return [*address_faults(kafka.brokers, how), *([no_token] if no_token else [])]


class _Question:
    """One question, and what is known of the addresses meanwhile."""

    def __init__(
        self,
        kafka: Kafka,
        topic: str | None,
        consumer: Consumer,
        *,
        reports: Sequence[Report],
        patience_s: float,
        on_trouble: Callable[[str], None],
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._consumer = consumer
        self._reports = reports
        self._patience_s = patience_s
        self._on_trouble = on_trouble
        self._options = client.consumer_options(kafka, 1)
        self._how = login_of(self._options)
        self._addresses = addresses(kafka.brokers)[:_MOST_ADDRESSES]
        self._reported: set[str] = set()
        self._last = "no answer"
        self._unreachable = ""  # what the answer names, if this machine can reach none of it

    def ask(self) -> ClusterMetadata:
        """The answer. Raises FatalError by rules 3 and 5."""
        began = time.monotonic()
        asked_at = began - _AGAIN_S + _QUIET_S
        slice_s, seen = _FIRST_SLICE_S, 0
        causes: dict[str, Fault] = {}
        while True:
            if (found := self._answer(slice_s)) is not None:
                return found
            self._consumer.poll(0)  # calls error_cb
            now = time.monotonic()
            if now - asked_at >= _AGAIN_S or (len(self._reports) > seen and not causes):
                seen, asked_at = len(self._reports), now
                causes = self._causes()
                self._report(causes, began + self._patience_s - now)
            known = len(causes) == len(self._addresses) > 0
            self._raise_if_over(causes, time.monotonic() - began, known=known)
            slice_s = _FIRST_SLICE_S if causes else min(slice_s * 2, _LONGEST_SLICE_S)
            time.sleep(_PAUSE_S)

    def _answer(self, within_s: float) -> ClusterMetadata | None:
        self._unreachable = ""
        try:
            cluster = self._list(within_s)
        except KafkaException as failed:
            self._last = client.scrubber(self._kafka)(failed.args[0].str())
            return None
        if not cluster.brokers:
            return None
        if why := advertised.none_reachable(self._kafka.brokers, _addresses_of(cluster), self._addresses):
            self._unreachable = why
            return None
        return cluster

    def _list(self, within_s: float) -> ClusterMetadata:
        found: ClusterMetadata = (
            self._consumer.list_topics(timeout=within_s)
            if self._topic is None
            else self._consumer.list_topics(self._topic, timeout=within_s)
        )
        return found

    def _causes(self) -> dict[str, Fault]:
        """The causes that are known now, by address."""
        with ThreadPoolExecutor(max(len(self._addresses), 1)) as threads:
            asked = list(
                threads.map(lambda one: listener.ask(one[0], one[1], self._how, self._options), self._addresses)
            )
        only = len(asked) == 1
        found = {}
        for each in asked:
            about = [r for r in self._reports if r.address == each.address or (not r.address and only)]
            if (fault := faults.explain(self._how, each, about, self._kafka.brokers)) is not None:
                found[each.address] = fault
        return found

    def _report(self, causes: dict[str, Fault], left_s: float) -> None:
        """Rule 4."""
        if self._unreachable and self._unreachable not in self._reported and left_s > 0:
            self._reported.add(self._unreachable)
            self._on_trouble(f"{self._unreachable}; trying again for up to {left_s:.0f} s")
        lasting = len(causes) == len(self._addresses) and any(fault.lasts for fault in causes.values())
        for fault in causes.values():
            if fault.text not in self._reported and not lasting:
                self._reported.add(fault.text)
                others = len(self._addresses) - len(causes)
                goes_on = "trying the other addresses" if others else f"trying again for up to {max(left_s, 0):.0f} s"
                self._on_trouble(f"{fault.text}; {goes_on}")

    def _raise_if_over(self, causes: dict[str, Fault], waited_s: float, *, known: bool) -> None:
        """Rules 3 and 5."""
        if self._unreachable and waited_s >= self._patience_s:
            raise NoContactError(self._unreachable, exit_code=ExitCode.KAFKA)
        if known and (waited_s >= self._patience_s or any(fault.lasts for fault in causes.values())):
            raise NoContactError(faults.unreachable(self._kafka.brokers, causes), exit_code=ExitCode.KAFKA)
        if waited_s >= LIMIT_S:
            texts = list(dict.fromkeys(fault.text for fault in causes.values()))
            words = [r.words for r in self._reports if r.code != "_ALL_BROKERS_DOWN"]
            reason = "; ".join(texts) or (words[-1] if words else self._last)
            raise NoContactError(
                f"Kafka at {self._kafka.brokers} did not return its metadata within {LIMIT_S:g} s: {reason}; "
                "check [kafka] brokers, the network and the rights of this user",
                exit_code=ExitCode.KAFKA,
            )


def _addresses_of(cluster: ClusterMetadata) -> list[advertised.Address]:
    brokers: Mapping[int, Any] = cluster.brokers
    return list(brokers.values())


def _no_topic(kafka: Kafka, consumer: Consumer, error: KafkaError) -> str:
    how = login_of(client.consumer_options(kafka, 1))
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return grants.no_topic_right(kafka, how, visible=False)
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return grants.no_topic(kafka, near(kafka.topic, _names(consumer)))
    return (
        f"topic {kafka.topic} at {kafka.brokers}: {client.scrubber(kafka)(error.str())}; "
        "check [kafka] topic and the rights on it"
    )


def near(topic: str, names: Sequence[str]) -> list[str]:
    """The names of topics that look like `topic`, the nearest first."""
    return nearest(topic, sorted(names), most=_MOST_NEAR, cutoff=_ALIKE)


def _names(consumer: Consumer) -> list[str]:
    try:
        return [name for name in consumer.list_topics(timeout=_LONGEST_SLICE_S).topics if not name.startswith("__")]
    except KafkaException:
        return []
