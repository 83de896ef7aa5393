"""Reading single messages again: each is returned, or omitted only if Kafka itself no longer has it."""

from collections.abc import Callable

import pytest

from ingest.config.sections import Kafka
from ingest.errors import RetryableError
from ingest.pipeline.kafka.reread import refetch
from tests.harness.rig import Rig


def places(main: Rig, wanted: dict[int, list[int]]) -> list[tuple[int, int]]:
    return sorted((message.partition() or 0, message.offset() or 0) for message in refetch(main.kafka, wanted))


def test_a_reread_returns_the_requested_messages_and_no_others(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=3)
    main.produce(9_000)
    assert places(main, {0: [7, 1, 2_999], 2: [5], 1: []}) == [(0, 1), (0, 7), (0, 2_999), (2, 5)]
    assert places(main, {}) == []
    assert places(main, {1: list(range(3_000))}) == [(1, offset) for offset in range(3_000)]


def test_a_reread_omits_messages_that_retention_removed_or_that_never_existed(rig: Callable[..., Rig]) -> None:
    main = rig(partitions=2)
    main.produce(2_000)
    main.delete_records(0, 500)
    assert places(main, {0: [3, 499, 500, 999], 1: [4]}) == [(0, 500), (0, 999), (1, 4)]
    assert places(main, {0: [3, 4]}) == []
    assert places(main, {0: [998, 1_005], 1: [70_000]}) == [(0, 998)]
    main.delete_records(1, 1_000)
    assert places(main, {1: [0, 999]}) == []


def test_a_reread_without_kafka_raises_and_declares_no_message_gone() -> None:
    nobody = Kafka(brokers="127.0.0.1:1", topic="predictions")
    with pytest.raises(RetryableError, match="predictions can't be read again"):
        refetch(nobody, {0: [1]})
