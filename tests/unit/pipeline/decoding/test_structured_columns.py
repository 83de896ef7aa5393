"""Vectors, boxes and class scores: exact where the schema wants them, without a place elsewhere."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.config.schema import Boxes, Embedding, ObjectDetection, Ranking, Schema
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.orjson_lane import Decoder
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.decoding.rules import rules

SCHEMA = Schema(
    prediction_id="",
    timestamp="",
    embeddings={"e": Embedding(vector="v", data="text")},
    object_detection=ObjectDetection(prediction=Boxes(boxes="b", categories="c", scores="s")),
)
VECTOR, COORDINATES = pa.list_(pa.float64()), pa.list_(pa.list_(pa.float64()))


def decoder(schema: Schema = SCHEMA, model_type: str = "object_detection") -> Decoder:
    return Decoder(LearnedSchema(rules(schema, model_type)))


def decode(rows: list[dict[str, Any]], into: Decoder | None = None) -> Decoded:
    return (into or decoder()).decode([json.dumps(row).encode() for row in rows])


def codes(decoded: Decoded) -> dict[int, str]:
    return {fault.index: fault.reason.code for fault in decoded.rejected}


def test_numbers_arrive_as_they_are() -> None:
    vectors = [[1, 2.5], [2**53, -(2**53)], [], None, [5e-324, 1e308]]
    done = decode([{"v": vector, "x": 1} for vector in vectors])
    assert codes(done) == {}
    assert done.table.schema.field("v").type == VECTOR
    assert done.table.column("v").to_pylist() == vectors


@pytest.mark.parametrize(
    "wrong", [[True, 1], [1, None], [2**53 + 1, 0.5], ["1"], [[1]], [{}], 5, "1", True, {"a": 1}, [1, {"a": 1}]]
)
def test_what_is_no_vector_costs_its_row_alone(wrong: Any) -> None:
    done = decode([{"v": [1, 2]}, {"v": wrong}, {"v": [0.5, 2]}])
    if isinstance(wrong, dict):  # its leaf is another column
        assert done.table.column("v").to_pylist() == [[1, 2], None, [0.5, 2]]
    else:
        assert codes(done) == {1: "wrong_type"}
        assert done.table.column("v").to_pylist() == [[1, 2], [0.5, 2]]


def test_integers_past_64_bits_are_found_in_lists_too() -> None:
    rows = [{"v": [1.5, 2], "x": 0}, {"v": [1.5, 2**70], "x": 0}, {"b": [[1, 2, 3, 2**64]], "c": ["a"], "x": 0}]
    done = decode(rows)
    assert codes(done) == {1: "integer_past_64_bits", 2: "integer_past_64_bits"}
    # A float that large was one.
    assert codes(decode([{"v": [1e30, 2]}])) == {}


def test_the_type_is_the_same_from_the_first_chunk_on() -> None:
    into = decoder()
    chunks: list[list[dict[str, Any]]] = [
        [{"v": [1, 2], "b": [], "c": []}],
        [{"v": []}],
        [{"v": None, "x": 1}],
        [{"v": [0.5, 1], "b": [[1, 2, 3, 4]]}],
    ]
    for rows in chunks:
        done = decode(rows, into)
        assert (codes(done), done.widened) == ({}, [])
        for name, kind in (("v", VECTOR), ("b", COORDINATES)):
            if name in done.table.schema.names:
                assert done.table.schema.field(name).type == kind


def test_lists_of_numbers_have_no_place_without_a_meaning() -> None:
    done = decode([{"x": 1, "other": "a"}, {"x": 1, "other": [1, 2]}, {"x": 1, "other": [[1, 2]]}])
    assert codes(done) == {1: "unsupported_list", 2: "unsupported_list"}
    lone = decode([{"other": [0.5, 1.5]}, {"other": [[0.5]]}])
    assert codes(lone) == {0: "unsupported_list", 1: "unsupported_list"}


def test_class_scores() -> None:
    schema = Schema(prediction_id="", timestamp="")
    good = [{"class_name": "a", "score": 1}, {"class_name": "ü", "score": 0.5}]
    bad: list[Any] = [
        [{"class_name": "a"}],
        [{"class_name": "a", "score": 1, "rank": 2}],
        [{"class_name": 1, "score": 1}],
        [{"class_name": "a", "score": True}],
        [{"class_name": "a", "score": None}],
        [None],
        0.5,
    ]
    rows = [{"prediction_score": scores} for scores in (good, *bad, good, [])]
    done = decode(rows, decoder(schema, "multi_class"))
    assert codes(done) == dict.fromkeys(range(1, len(bad) + 1), "wrong_type")
    assert done.table.column("prediction_score").to_pylist() == [good, good, []]


def test_one_rank_that_is_no_integer_costs_one_row() -> None:
    schema = Schema(prediction_id="", timestamp="", ranking=Ranking(group="g", rank="r"))
    rows = [{"g": "q", "r": rank} for rank in (1, 2, 1.5, 3, "4", 2**53 + 1)]
    done = decode(rows, decoder(schema, "ranking"))
    assert codes(done) == {2: "wrong_type", 4: "wrong_type"}
    assert done.table.column("r").to_pylist() == [1, 2, 3, 2**53 + 1]
    # Integers and one float, which Arrow takes for a column of floats.
    assert codes(decode([{"g": "q", "r": rank} for rank in (1, 1.5, 2)], decoder(schema, "ranking"))) == {
        1: "wrong_type"
    }


def test_wildcards_bring_rules_too() -> None:
    schema = Schema(prediction_id="", timestamp="", tags=("tag_*", "geo"), shap={"*": "shap_*"})
    rows: list[dict[str, Any]] = [
        {"tag_a": "x", "geo": {"city": "y"}, "shap_a": 0.5},
        {"tag_a": ["x"]},
        {"geo": {"city": ["y"]}},
        {"shap_a": "high"},
        {"shap_": "no feature's"},
    ]
    done = decode(rows, decoder(schema, "regression"))
    assert codes(done) == {1: "wrong_type", 2: "wrong_type", 3: "wrong_type"}


numbers = st.one_of(st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))
anything = st.one_of(st.none(), st.booleans(), st.text(max_size=2), numbers)
lists = st.lists(st.one_of(numbers, anything), max_size=4)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(lists, anything), st.one_of(st.lists(lists, max_size=3), anything)), min_size=1, max_size=6
    )
)
def test_random_lists_arrive_exactly_or_not_at_all(values: list[tuple[Any, Any]]) -> None:
    done = decode([{"v": vector, "b": boxes, "x": 1} for vector, boxes in values])
    assert len(done.accepted) + len(done.rejected) == len(values)
    rows = done.table.to_pylist()
    for row, index in zip(rows, done.accepted.tolist(), strict=True):
        assert (row.get("v"), row.get("b")) == values[index]
    exact = [index for index, (vector, boxes) in enumerate(values) if is_vector(vector) and are_boxes(boxes)]
    assert done.accepted.tolist() == exact


def is_vector(value: Any) -> bool:
    return value is None or (
        isinstance(value, list)
        and all(type(item) in {int, float} and (isinstance(item, float) or abs(item) <= 2**53) for item in value)
    )


def are_boxes(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(item is not None and is_vector(item) for item in value))
