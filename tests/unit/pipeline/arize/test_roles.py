"""Each column gets its role at Arize, and values of other types than the role takes reject their row."""

import json
from typing import Any

import pytest

from ingest.config.schema import Schema
from ingest.pipeline.arize.roles import roles, shap_columns
from ingest.pipeline.decoding.columns import LearnedSchema
from ingest.pipeline.decoding.orjson_lane import Decoder
from ingest.pipeline.decoding.rules import rules

DEFAULT = Schema()


def refused(schema: Schema, rows: list[dict[str, Any]], model_type: str = "binary_classification") -> dict[int, str]:
    decoded = Decoder(LearnedSchema(rules(schema, model_type))).decode([json.dumps(row).encode() for row in rows])
    return {fault.index: fault.reason.code for fault in decoded.rejected}


def row(**more: Any) -> dict[str, Any]:
    return {"prediction_id": "p", "prediction_ts": 1_700_000_000, **more}


def test_reserved_columns_take_what_arize_takes() -> None:
    assert refused(DEFAULT, [row(), row(prediction_label="yes", prediction_score=0.5, actual_label=True)]) == {}
    rows = [
        row(prediction_ts=1.5),
        row(prediction_id=None),
        {"prediction_ts": 1_700_000_000},
        row(prediction_ts="2024-01-01"),
        row(prediction_id=["x"]),
        row(prediction_score="high"),
        row(),
    ]
    assert refused(DEFAULT, rows) == {
        1: "missing_column",
        2: "missing_column",
        4: "wrong_type",
        5: "wrong_type",
    }


def test_a_lone_message_of_the_wrong_type_is_refused_too() -> None:
    for wrong in (row(prediction_ts=True), row(prediction_score=True), row(prediction_id=0.5)):
        assert refused(DEFAULT, [wrong]) == {0: "wrong_type"}


@pytest.mark.parametrize("model_type", ["regression", "numeric"])
def test_labels_of_numeric_models_are_numbers(model_type: str) -> None:
    assert refused(DEFAULT, [row(prediction_label=3.5, actual_label=2)], model_type) == {}
    assert refused(DEFAULT, [row(prediction_label="3.5")], model_type) == {0: "wrong_type"}
    assert refused(DEFAULT, [row(actual_label=True)], model_type) == {0: "wrong_type"}


def test_a_tag_is_no_list() -> None:
    assert refused(Schema(tags=("t",)), [row(t=["x"]), row(t="x")]) == {0: "wrong_type"}
    assert refused(DEFAULT, [row(t=["x"])]) == {}


def test_a_column_that_is_switched_off_has_no_rule() -> None:
    off = Schema(prediction_id="", timestamp="", prediction_score="")
    assert refused(off, [{"x": 1, "prediction_score": "high"}]) == {}
    assert "" not in rules(off, "regression")


def test_every_other_column_is_a_feature() -> None:
    found = roles(
        Schema(tags=("region", "absent")),
        "binary_classification",
        ["prediction_id", "a", "region", "prediction_ts", "b"],
    )
    assert (found.prediction_id, found.timestamp, found.prediction_label) == ("prediction_id", "prediction_ts", None)
    assert (found.features, found.tags) == (("a", "b"), ("region",))


def test_only_the_features_named_are_features() -> None:
    found = roles(Schema(features=("b", "absent")), "binary_classification", ["prediction_id", "a", "b"])
    assert found.features == ("b",)


def test_a_reserved_column_of_nulls_has_nothing_to_say() -> None:
    columns = ["prediction_id", "prediction_label", "actual_label", "a"]
    found = roles(DEFAULT, "binary_classification", columns, frozenset({"actual_label", "a"}))
    assert (found.actual_label, found.features) == (None, ("a",))


def test_renamed_columns_leave_the_old_name_to_the_features() -> None:
    found = roles(Schema(prediction_id="id"), "binary_classification", ["id", "prediction_id"])
    assert (found.prediction_id, found.features) == ("id", ("prediction_id",))


def test_the_order_of_the_configuration_decides_about_two_shap_columns_of_one_feature() -> None:
    schema = Schema(shap={"age": "age_effect", "a*": "a_*", "*": "effect_*"})
    columns = ["age", "size", "age_effect", "a_ge", "a_b", "effect_age", "effect_ab", "effect_size"]
    wanted = {"age": "age_effect", "ab": "a_b", "size": "effect_size"}
    assert shap_columns(schema, columns) == wanted
    for left in range(1, len(columns)):
        found = shap_columns(schema, columns[left:])
        assert found == {feature: name for feature, name in wanted.items() if name in columns[left:]}
