"""Who pays where a chunk has more columns than a table may hold."""

import json
from typing import Any

import pytest

from ingest.config.schema import Schema
from ingest.pipeline.decoding.column_budget import rows_past_limit
from ingest.pipeline.decoding.column_types import Column
from ingest.pipeline.decoding.fast_lane import Lanes, installed_lane
from ingest.pipeline.decoding.learned_schema import MAX_COLUMNS, LearnedSchema
from ingest.pipeline.decoding.rules import rules

BARE = {"prediction_id": "", "timestamp": ""}


def lanes(lane: str, **schema: Any) -> Lanes:
    by_column = rules(Schema(**{**BARE, **schema}), "binary_classification")
    return Lanes(LearnedSchema(by_column, named=by_column.named), "fast" if lane == "fast" else "orjson")


def raw(keys: list[str]) -> bytes:
    return json.dumps(dict.fromkeys(keys, 1)).encode()


def keys(start: int, count: int, head: str = "k") -> list[str]:
    return [f"{head}{number}" for number in range(start, start + count)]


built = pytest.mark.skipif(installed_lane("auto") == "orjson", reason="the fast lane is not built: scripts/fastlane")


@pytest.fixture(params=["orjson", pytest.param("fast", marks=built)])
def lane(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_message_of_many_keys_pays_and_its_neighbours_do_not(lane: str) -> None:
    one = lanes(lane)
    for _ in range(3):
        decoded = one.decode([raw(keys(0, 1_996)), *[raw(["a", "b", "c", "d", "e"])] * 300])
        assert [(fault.index, fault.reason.code) for fault in decoded.rejected] == [(0, "too_many_columns")]
    assert len(one.decode([raw(keys(0, 1_996))]).accepted) == 1


def test_columns_that_are_named_are_not_counted(lane: str) -> None:
    named = keys(0, 1_500, "f")
    one = lanes(lane, types=dict.fromkeys(named[:700], "integer"), features=named[700:])
    for _ in range(3):
        decoded = one.decode([raw([*named, *keys(0, MAX_COLUMNS)]), raw([*named, *keys(0, MAX_COLUMNS + 1)])])
        assert [(fault.index, fault.reason.code) for fault in decoded.rejected] == [(1, "too_many_columns")]
        assert decoded.table.num_columns == 1_500 + MAX_COLUMNS


def test_a_message_within_the_limit_is_delivered_whatever_was_learned(lane: str) -> None:
    one = lanes(lane)
    for start in range(0, 4_000, 900):
        assert len(one.decode([raw(keys(start, 900))]).accepted) == 1
    assert len(one.decode([raw(keys(10_000, MAX_COLUMNS))]).accepted) == 1
    assert len(one.decode([raw(keys(20_000, MAX_COLUMNS + 1))]).accepted) == 0


def test_learned_columns_come_first_then_claimed_then_frequent_ones() -> None:
    by_column = rules(Schema(**BARE, tags=("t*",)), "binary_classification")
    schema = LearnedSchema(by_column, columns={"l0": Column("integer", {})})
    counted = {
        0: {"l0"},
        1: set(keys(0, 1_200, "rare")),
        2: {"l0", *keys(0, 900, "t")},
        3: set(keys(0, 600, "often")),
        4: set(keys(0, 600, "often")),
    }
    assert rows_past_limit(counted, schema) == [1]
    assert rows_past_limit({row: counted[row] for row in (0, 1)}, schema) == []
    assert rows_past_limit({**counted, 5: set(keys(0, 1_500, "once"))}, schema) == [1, 5]


def test_named_columns_are_not_forgotten_for_others() -> None:
    schema = LearnedSchema(named={"rare"})
    schema.learn({"rare": Column("integer", {"integer": 1})})
    schema.learn({name: Column("integer", {"integer": 9}) for name in keys(0, 1_500)})
    assert "rare" in schema.columns
    assert len(schema.columns) == MAX_COLUMNS // 2 + 1
