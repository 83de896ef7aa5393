"""Rows that Arize would refuse are rejected one by one, and rows that can not share a batch are in different groups."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ingest.config.schema import Boxes, Embedding, ObjectDetection, Ranking, Schema, Unit
from ingest.pipeline.arize.column_view import ValidationLimits
from ingest.pipeline.arize.roles import batch_groups
from ingest.pipeline.arize.validate import YEAR_S, rows_refused, validated
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.decoding.timestamps import read
from ingest.reasons import Reason
from ingest.records import Rejected

NOW_S = 1_800_000_000.0
CANARY = "canary-value"


def batch(**columns: Any) -> pa.RecordBatch:
    rows = len(columns.get("prediction_label", next(iter(columns.values()))))
    given = {"prediction_id": ["p"] * rows, "prediction_ts": [NOW_S] * rows, **columns}
    return pa.RecordBatch.from_pydict({name: values for name, values in given.items() if values is not None})


def found(
    table: pa.RecordBatch,
    schema: Schema | None = None,
    model_type: str = "binary_classification",
    environment: str = "production",
    max_past_years: int = 5,
) -> dict[int, str]:
    limits = ValidationLimits(schema or Schema(), model_type, environment, max_past_years)
    wrong = rows_refused(table, limits, NOW_S)
    assert [fault.index for fault in wrong] == sorted({fault.index for fault in wrong})
    assert CANARY not in str(wrong)
    return {fault.index: fault.reason.code for fault in wrong}


def test_good_rows_and_no_rows_have_no_fault() -> None:
    assert found(batch(prediction_label=["a", "b"])) == {}
    assert found(batch(prediction_label=["a"]).slice(0, 0)) == {}


def test_a_slice_is_judged_by_its_own_rows() -> None:
    table = batch(prediction_id=["", "p", "x" * 513, "p"], prediction_label=["a", "b", "c", None])
    assert found(table.slice(1, 3)) == {1: "id_length", 2: "no_prediction"}


def test_characters_count_not_bytes() -> None:
    table = batch(prediction_id=["ü" * 512, "ü" * 513, CANARY], prediction_label=["a"] * 3)
    assert found(table) == {1: "id_length"}
    tags = batch(region=["ü" * 20_000, "ü" * 20_001], prediction_label=["a"] * 2)
    assert found(tags, Schema(tags=("reg*",))) == {1: "tag_length"}
    assert found(tags) == {}


def test_an_integer_is_an_id_of_any_size() -> None:
    assert found(batch(prediction_id=[-(2**63), 0], prediction_label=["a", "b"])) == {}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_arrow_unit(unit: str) -> None:
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    seconds = [int(NOW_S), int(NOW_S) - 5 * YEAR_S, int(NOW_S) - 5 * YEAR_S - 1, int(NOW_S) + YEAR_S + 1]
    times = pa.array([second * scale for second in seconds], pa.timestamp(unit, tz="UTC"))
    table = batch(prediction_ts=times, prediction_label=["a"] * 4)
    assert found(table) == {2: "timestamp_range", 3: "timestamp_range"}


def test_timestamps_of_numbers_and_dates() -> None:
    for kind in (pa.int64(), pa.float64()):
        times = pa.array([int(NOW_S), 0, int(NOW_S) * 1000], kind)
        assert found(batch(prediction_ts=times, prediction_label=["a"] * 3)) == {
            1: "timestamp_range",
            2: "timestamp_range",
        }
    wide = pa.array([int(NOW_S), 2**62, -(2**63)])
    assert found(batch(prediction_ts=wide, prediction_label=["a"] * 3)) == {1: "timestamp_range", 2: "timestamp_range"}
    days = pa.array([int(NOW_S) // 86_400, 0], pa.int32()).cast(pa.date32())
    assert found(batch(prediction_ts=days, prediction_label=["a"] * 2)) == {1: "timestamp_range"}


def test_more_past_years_where_arize_allows_them() -> None:
    table = batch(prediction_ts=[NOW_S - 6 * YEAR_S, NOW_S - 8 * YEAR_S], prediction_label=["a"] * 2)
    assert found(table, max_past_years=7) == {1: "timestamp_range"}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("meant", ["s", "ms", "us", "ns"])
def test_a_timestamp_in_another_unit_names_the_one_it_looks_like(unit: Unit, meant: str) -> None:
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[meant]
    written = pa.array([int(NOW_S) * scale, None, 0], pa.int64())
    table = batch(prediction_ts=read(written, unit).array, prediction_label=["a"] * 3)
    limits = ValidationLimits(Schema(timestamp_unit=unit), "binary_classification", "production", 5)
    details = {each.index: each.reason.detail for each in rows_refused(table, limits, NOW_S)}
    hint = f'; [schema] timestamp_unit is "{unit}", and the value looks like "{meant}"'
    assert details[2].endswith("1 year ahead"), "looks like no unit"
    assert details.get(0, "").endswith(hint) is (unit != meant)
    assert (0 in details) is (unit != meant)


def test_fractions_and_a_detected_unit() -> None:
    seconds = read(pa.array([NOW_S + 0.5]), "ms").array
    limits = ValidationLimits(Schema(timestamp_unit="ms"), "binary_classification", "production", 5)
    (refused,) = rows_refused(batch(prediction_ts=seconds, prediction_label=["a"]), limits, NOW_S)
    assert refused.reason.detail.endswith('and the value looks like "s"')
    limits = ValidationLimits(Schema(), "binary_classification", "production", 5)
    (refused,) = rows_refused(batch(prediction_ts=[NOW_S * 1000], prediction_label=["a"]), limits, NOW_S)
    assert "looks like" not in refused.reason.detail


def test_a_missing_id_or_timestamp() -> None:
    table = batch(prediction_id=[None, "p"], prediction_ts=[NOW_S, None], prediction_label=["a"] * 2)
    assert found(table) == {0: "missing_column", 1: "missing_column"}
    assert found(table, Schema(prediction_id="", timestamp="")) == {}


def test_the_first_fault_of_a_row_is_told() -> None:
    table = batch(prediction_id=[""], prediction_label=pa.array([None], pa.string()), x_shap=[1])
    assert found(table) == {0: "reserved_name"}


def test_without_an_id_only_predictions() -> None:
    schema = Schema(prediction_id="", shap={"x": "x_effect"})
    table = batch(
        prediction_id=None, prediction_label=["a", None, None], actual_label=[None, "b", None], x_effect=[1, 1, 1]
    )
    assert found(table, schema) == {1: "no_id", 2: "no_id"}


def test_unnamed_shap_columns_and_those_of_nulls() -> None:
    table = batch(prediction_label=["a", "b"], x_shap=[None, 0.5], y_shap=pa.nulls(2))
    assert found(table) == {1: "reserved_name"}
    assert found(table, Schema(shap={"*": "*_shap"})) == {}
    assert found(table, Schema(features=("x",))) == {}


def test_two_values_for_one_meaning_must_agree() -> None:
    table = batch(prediction_label=[1.0, 1.0, None], prediction_score=[1, 2, 3])
    assert found(table, model_type="regression") == {1: "two_values"}
    assert found(table) == {}


def test_embeddings() -> None:
    schema = Schema(embeddings={"e": Embedding(vector="v", data="text", link="url")})
    vectors = [[1.0, 2.0], [1.0], [], None, None, [1.0, float("nan")], [1.0, float("inf")], [1.0, None]]
    table = batch(
        prediction_label=["a"] * 8,
        v=pa.array(vectors, pa.list_(pa.float64())),
        text=[CANARY, None, None, None, CANARY, None, None, None],
    )
    assert found(table, schema) == {
        1: "embedding_dimensions",
        2: "embedding_dimensions",
        4: "embedding_without_vector",
        5: "embedding_values",
        6: "embedding_values",
        7: "embedding_values",
    }


RANKED = Schema(ranking=Ranking(group="g", rank="r", relevance_labels="rl"))


def test_rankings() -> None:
    table = batch(g=["q", "q", None, CANARY * 50, None], r=[1, 101, 5, 1, None], rl=[None, None, None, None, CANARY])
    assert found(table, RANKED, "ranking") == {1: "rank_range", 2: "incomplete_prediction", 3: "id_length"}


@pytest.mark.parametrize(("model_type", "enough"), [("regression", True), ("ranking", True), ("multi_class", False)])
def test_shap_values_alone(model_type: str, enough: bool) -> None:  # noqa: FBT001  a table of cases
    schema = Schema(shap={"x": "x_effect"})
    assert found(batch(x_effect=[0.5]), schema, model_type) == ({} if enough else {0: "no_prediction"})
    for environment in ("training", "validation"):
        assert found(batch(x_effect=[0.5]), schema, model_type, environment) == {0: "no_prediction"}


def test_shapes_keep_apart_what_must_be_whole() -> None:
    table = batch(g=["q", None, "q"], r=[1, None, 2], rl=["a", "a", None])
    first, second, third = batch_groups(table, RANKED, "ranking").tolist()
    assert first == third != second
    scores = [[{"class_name": "a", "score": 1.0}], None, None]
    classes = batch(prediction_score=scores, actual_score=scores[::-1])
    assert len(set(batch_groups(classes, Schema(), "multi_class").tolist())) == 3
    boxes = Schema(object_detection=ObjectDetection(prediction=Boxes(boxes="b", categories="c", scores="s")))
    images = batch(b=[[[0, 0, 1, 1]]] * 2, c=[["x"]] * 2, s=[[0.5], None])
    assert len(set(batch_groups(images, boxes, "object_detection").tolist())) == 2


def test_shapes_of_plain_models_part_actuals_alone_and_two_columns_that_mean_the_same() -> None:
    table = batch(
        prediction_label=[1, None, None, 3], prediction_score=[None, 2, None, 3], actual_label=[None, None, 1, 1]
    )
    first, second, alone, third = batch_groups(table, Schema(), "binary_classification").tolist()
    assert first == second == third != alone
    label_only, score_only, neither, both = batch_groups(table, Schema(), "regression").tolist()
    assert len({label_only, score_only, neither, both}) == 4
    # Where a chunk has no score, rows with a label and rows with neither are alike.
    actuals = batch(prediction_label=[1, 1], actual_label=[None, 1])
    assert len(set(batch_groups(actuals, Schema(), "regression").tolist())) == 1


def test_validated_rows_leave_and_are_named_by_their_message() -> None:
    table = batch(prediction_id=["a", "", "c", "d"], prediction_label=["x", "x", None, "y"])
    already = [Rejected(0, Reason("not_json", "before")), Rejected(4, Reason("not_json", "between"))]
    decoded = Decoded(table, np.array([1, 2, 3, 5]), already, [("x", "integer", "float")])
    done = validated(decoded, ValidationLimits(Schema(), "binary_classification", "production"), NOW_S)
    assert done.accepted.tolist() == [1, 5]
    assert done.table.column("prediction_id").to_pylist() == ["a", "d"]
    assert [(fault.index, fault.reason.code) for fault in done.rejected] == [
        (0, "not_json"),
        (2, "id_length"),
        (3, "no_prediction"),
        (4, "not_json"),
    ]
    assert done.widened == decoded.widened


def test_what_is_good_is_handed_on_as_it_is() -> None:
    decoded = Decoded(batch(prediction_label=["x"]), np.array([0]), [])
    assert validated(decoded, ValidationLimits(Schema(), "binary_classification", "production"), NOW_S) is decoded
