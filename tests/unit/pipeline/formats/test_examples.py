"""Every example of tests/data/formats becomes the rows and dead letters that it names, in both lanes."""

import random

import pytest

from tests.harness.format_examples import NAMES, Outcome, example, fast_share, outcome
from tests.harness.values import same


def assert_same(found: Outcome, wanted: Outcome) -> None:
    assert found.dead_letters == wanted.dead_letters
    assert (found.filtered, found.tombstones) == (wanted.filtered, wanted.tombstones)
    assert len(found.rows) == len(wanted.rows)
    for row, expected in zip(found.rows, wanted.rows, strict=True):
        assert row.keys() == expected.keys()
        assert all(same(row[name], expected[name]) for name in row), (row, expected)


@pytest.mark.parametrize("lane", ["orjson", "auto"])
@pytest.mark.parametrize("name", NAMES)
def test_the_messages_become_what_is_expected(name: str, lane: str) -> None:
    one = example(name)
    config = one.config(lane)
    assert_same(outcome(config, one.messages), one.expected)
    if lane == "auto":
        print(f"{name}: the fast lane takes {fast_share(config, one.messages):.0%} of the rows")  # noqa: T201


@pytest.mark.parametrize("name", NAMES)
def test_a_dead_letter_is_one_wherever_it_stands(name: str) -> None:
    one = example(name)
    shuffled = random.Random(7).sample(one.messages, len(one.messages))
    assert outcome(one.config(), shuffled).dead_letters == one.expected.dead_letters
