"""Transactions on the rig's topic: their control records, and what is aborted, leave gaps in the offsets."""

from collections.abc import Iterable

import numpy as np
from confluent_kafka import Producer

from tests.harness.rig import Rig

WITHIN_S = 60.0


def transaction(main: Rig, partition: int, sequences: Iterable[int], *, commit: bool, name: str) -> None:
    """One transaction with the generator's events; the truth learns their offsets, or that they never come."""
    producer = Producer({"bootstrap.servers": main.kafka.brokers, "transactional.id": name, "log_level": 0})
    producer.init_transactions(WITHIN_S)
    producer.begin_transaction()
    offsets: dict[int, int] = {}
    for sequence in sequences:

        def delivered(_error: object, message: object, sequence: int = sequence) -> None:
            offsets[sequence] = message.offset()  # type: ignore[attr-defined]

        value = main.generator.event(partition, sequence)
        producer.produce(main.kafka.topic, value, partition=partition, on_delivery=delivered)
    producer.flush(WITHIN_S)
    if commit:
        producer.commit_transaction(WITHIN_S)
    else:
        producer.abort_transaction(WITHIN_S)
    known = main.truth.offsets.get(partition, np.zeros(0, np.int64))
    grown = np.full(max(len(known), max(offsets) + 1), -1, np.int64)
    grown[: len(known)] = known
    if commit:
        grown[list(offsets)] = list(offsets.values())
    main.truth.offsets[partition] = grown


def begun(main: Rig, sequences: Iterable[int], *, name: str, timeout_s: float = 600.0, partition: int = 0) -> Producer:
    """An open transaction with the generator's events, which the caller ends; the truth learns nothing of it.

    If nobody ends it, the coordinator aborts it after `timeout_s`.
    """
    options = {"bootstrap.servers": main.kafka.brokers, "transactional.id": name, "log_level": 0}
    producer = Producer({**options, "transaction.timeout.ms": int(timeout_s * 1000)})
    producer.init_transactions(WITHIN_S)
    producer.begin_transaction()
    for sequence in sequences:
        producer.produce(main.kafka.topic, main.generator.event(partition, sequence), partition=partition)
    producer.flush(WITHIN_S)
    return producer
