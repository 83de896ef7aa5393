"""Sets of partitions are chosen and shared among workers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import ConfigError
from ingest.supervisor import partition_sets


def test_choose_names_the_missing_partitions() -> None:
    with pytest.raises(ConfigError, match=r"topic rides has 4 partitions \(0-3\), but not 4-6,9"):
        partition_sets.choose((0, 4, 5, 6, 9), range(4), "rides")


def test_choose_all_is_what_exists() -> None:
    assert partition_sets.choose(None, [2, 0, 1], "rides") == (0, 1, 2)
    assert partition_sets.choose((1,), [2, 0, 1], "rides") == (1,)


@given(st.sets(st.integers(0, 500)), st.integers(1, 64))
def test_shares_are_even_contiguous_and_complete(chosen: set[int], workers: int) -> None:
    ordered = sorted(chosen)
    parts = partition_sets.contiguous_shares(ordered, workers)
    assert [partition for part in parts for partition in part] == ordered
    assert len(parts) == min(workers, len(ordered))
    sizes = [len(part) for part in parts]
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
    assert sizes == sorted(sizes, reverse=True)


def test_where_the_partitions_are_said_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^\[topics.rides\] partitions: topic rides has 1 partitions"):
        partition_sets.choose((1,), [0], "rides", "[topics.rides] partitions")


def test_one_topic_is_shared_as_ever() -> None:
    assert partition_sets.assign({"rides": range(5)}, 2) == (("rides", (0, 1, 2)), ("rides", (3, 4)))


@pytest.mark.parametrize(
    ("sizes", "workers", "expected"),
    [
        ((32, 4), 2, (1, 1)),
        ((32, 4), 9, (8, 1)),
        ((32, 32), 5, (3, 2)),
        ((1, 1, 100), 4, (1, 1, 2)),
        ((2, 2), 64, (2, 2)),
        ((3, 0), 4, (3, 0)),
    ],
)
def test_workers_go_where_most_partitions_share_one(
    sizes: tuple[int, ...], workers: int, expected: tuple[int, ...]
) -> None:
    topics = {f"t{number}": range(size) for number, size in enumerate(sizes)}
    allotted = partition_sets.assign(topics, workers)
    assert tuple(sum(share.topic == topic for share in allotted) for topic in topics) == expected


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 40))
def test_every_partition_of_every_topic_has_one_worker_and_none_has_more_than_it_must(
    sizes: list[int], spare: int
) -> None:
    topics = {f"t{number}": tuple(range(size)) for number, size in enumerate(sizes)}
    workers = len(sizes) + spare
    allotted = partition_sets.assign(topics, workers)
    assert len(allotted) == min(workers, sum(sizes))
    for topic, numbers in topics.items():
        assert tuple(number for share in allotted if share.topic == topic for number in share.partitions) == numbers
    # Were the fullest worker one less full, the workers would not be enough.
    fullest = max(len(share.partitions) for share in allotted)
    assert fullest == 1 or sum(-(-size // (fullest - 1)) for size in sizes) > workers


def test_fewer_workers_than_topics_is_a_fault() -> None:
    with pytest.raises(ConfigError, match=r"--workers 1: a worker reads one topic, and there are 2: a, b; ask for 2"):
        partition_sets.assign({"a": (0,), "b": (0,)}, 1)
