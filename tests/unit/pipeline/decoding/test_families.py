"""Columns that take several types of values for one meaning, in both lanes."""

import json
from typing import Any

import pytest

from ingest.pipeline.decoding.column_types import Column, Rule
from ingest.pipeline.decoding.families import family_type
from tests.harness.lanes import compare

NUMBERS, IDS, TIMES = (
    Rule("prediction_score", frozenset({"integer", "float"}), family="numbers"),
    Rule("prediction_id", frozenset({"integer", "string"}), required=True, family="ids"),
    Rule("timestamp", frozenset({"integer", "float", "string"}), family="times"),
)
RULES = {"id": IDS, "score": NUMBERS, "at": TIMES}
WIDE = "integer past 2**53"


def texts(*rows: Any) -> list[bytes | None]:
    return [json.dumps({"id": "a", "at": 1} | row).encode() for row in rows]


@pytest.mark.parametrize(
    ("types", "column", "taken", "found"),
    [
        (["integer", "string"], None, 0, "integer"),
        (["integer", "float"], None, 0, "float"),
        (["string", "string"], "integer", 0, "string"),
        (["string", "string"], "integer", 1, "string"),
        (["string", "string"], "integer", 2, "integer"),
        (["string", "integer"], "integer", 0, "integer"),
        ([WIDE, WIDE, "integer"], "float", 0, "integer"),
        ([WIDE, "integer", "float"], "float", 0, "float"),
        (["boolean", "boolean"], "integer", 0, "integer"),
        ([None], "integer", 0, "integer"),
        ([], None, 0, None),
    ],
)
def test_times_keep_their_type_until_most_of_a_chunk_have_another(
    types: list[str | None], column: str | None, taken: int, found: str | None
) -> None:
    before = None if column is None else Column(column, {})
    assert family_type("times", types, before, TIMES.types, taken) == found


def test_numbers_and_ids_widen_and_stay() -> None:
    assert family_type("numbers", ["integer", "float"], None, NUMBERS.types, 0) == "float"
    assert family_type("numbers", ["integer"], Column("float", {}), NUMBERS.types, 0) == "float"
    assert family_type("numbers", [WIDE], None, NUMBERS.types, 0) is None
    assert family_type("ids", [WIDE, "string"], None, IDS.types, 0) == "string"
    assert family_type("ids", [WIDE], None, IDS.types, 0) == "integer"


def test_both_lanes_agree_about_them() -> None:
    ints = texts(*[{"id": number, "at": number, "score": 1} for number in range(9)])
    words = texts(*[{"id": f"{number}", "at": "2026-11-28T10:15:00Z", "score": 0.5} for number in range(9)])
    wide = texts({"score": 2**60}, {"at": 2**60}, {"id": 2**60}, {"score": True}, {"at": []}, {"id": 0.5})
    for chunks in (
        [ints, [*ints, *words], ints, words, words, [*words[:2], *ints], [*ints, *wide]],
        [words, [*words, *ints[:2]], [*ints, *wide, *words], wide, ints],
        [ints, wide, [*ints, *wide], [*wide, *ints[:2]], words],
        [
            texts({"at": 0.5}),
            texts({"at": 2}, {"at": 2**60}, {"at": "x"}),
            texts({"at": 2**60}, {"at": 2**60}, {"at": 1}),
        ],
    ):
        compare(RULES, chunks)
