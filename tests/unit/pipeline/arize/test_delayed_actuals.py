"""Actuals without a prediction: batches of their own, no timestamp needed, counted when past the window."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from ingest.config.load import load
from ingest.config.resolve import RouteConfig
from ingest.pipeline.arize.roles import roles
from ingest.pipeline.rows import RowProcessor
from tests.harness.messages import json_messages

NOW_S = 1_763_900_000.0
DAY_S = 86_400
PREDICTION: dict[str, Any] = {
    "prediction_id": "1",
    "prediction_ts": NOW_S - 60,
    "prediction_label": "yes",
    "age": 3,
    "region": "eu",
}
ACTUAL: dict[str, Any] = {"prediction_id": "1", "actual_label": "no"}


def config(model_type: str = "binary_classification", **schema: Any) -> RouteConfig:
    arize = {"model_name": "m", "model_type": model_type}
    flags = {"kafka": {"topic": "t"}, "arize": arize, "schema": {"tags": ["region"], **schema}}
    return load(flags=flags).topics[0].routes[0]


def batches(settings: RouteConfig, *rows: dict[str, Any]) -> list[tuple[list[Any], Any]]:
    """The rows that share a batch, nulls left out, and what its columns mean."""
    judge = RowProcessor(settings, lambda: NOW_S)
    decoded = judge.judge(json_messages(*rows))
    assert not decoded.rejected
    shapes = judge.shapes(decoded.table)
    found = []
    for shape in sorted(set(shapes.tolist())):
        table = decoded.table.filter(pa.array(shapes == shape))
        empty = frozenset(name for name in table.schema.names if table.column(name).null_count == table.num_rows)
        meant = roles(settings.schema, settings.arize.model_type, table.schema.names, empty)
        kept = [{name: value for name, value in row.items() if value is not None} for row in table.to_pylist()]
        found.append((kept, meant))
    return found


def test_actuals_have_a_batch_of_their_own_that_names_no_column_without_a_value() -> None:
    late = {**ACTUAL, "prediction_ts": NOW_S - 30, "actual_score": 1.0, "region": "us"}
    predictions, timed, untimed = batches(config(), PREDICTION, ACTUAL, late, PREDICTION)
    assert predictions[0] == [PREDICTION] * 2
    assert (predictions[1].features, predictions[1].tags) == (("age",), ("region",))
    assert predictions[1].actual_label is None
    assert timed[0] == [late]
    assert (timed[1].timestamp, timed[1].features, timed[1].tags) == ("prediction_ts", (), ("region",))
    assert timed[1].actual_score == "actual_score"
    assert untimed[0] == [ACTUAL]
    assert (untimed[1].timestamp, untimed[1].features, untimed[1].tags) == (None, (), ())
    assert (untimed[1].prediction_id, untimed[1].actual_label) == ("prediction_id", "actual_label")
    for _, meant in (timed, untimed):
        assert (meant.prediction_label, meant.prediction_score) == (None, None)


def test_a_prediction_with_its_actual_is_a_prediction() -> None:
    ((rows, meant),) = batches(config(), PREDICTION, {**PREDICTION, **ACTUAL}, {**PREDICTION, "age": None})
    assert len(rows) == 3
    assert (meant.prediction_label, meant.actual_label, meant.features) == (
        "prediction_label",
        "actual_label",
        ("age",),
    )


def test_features_that_an_actual_brings_are_sent() -> None:
    _, (rows, meant) = batches(config(), PREDICTION, {**ACTUAL, "age": 3, "height": None})
    assert (rows, meant.features) == ([{**ACTUAL, "age": 3}], ("age",))


def test_shap_values_alone_are_apart_from_predictions_too() -> None:
    _, (rows, meant) = batches(
        config(shap={"age": "age_effect"}), PREDICTION, {"prediction_id": "1", "age_effect": 0.5}
    )
    assert rows == [{"prediction_id": "1", "age_effect": 0.5}]
    assert (dict(meant.shap), meant.features, meant.timestamp) == ({"age": "age_effect"}, (), None)


@pytest.mark.parametrize(
    ("model_type", "schema", "prediction", "actual"),
    [
        ("regression", {}, {"prediction_score": 0.5}, {"actual_score": 1.5}),
        ("ranking", {"ranking": {"group": "g", "rank": "r", "relevance_score": "s"}}, {"g": "q", "r": 1}, {"s": 0.5}),
        (
            "multi_class",
            {},
            {"prediction_score": [{"class_name": "a", "score": 0.5}]},
            {"actual_score": [{"class_name": "a", "score": 1}]},
        ),
    ],
)
def test_so_it_is_with_other_models(
    model_type: str, schema: dict[str, Any], prediction: dict[str, Any], actual: dict[str, Any]
) -> None:
    first = {"prediction_id": "1", "prediction_ts": NOW_S, "age": 3, **prediction}
    then = {"prediction_id": "1", **actual}
    one, other = batches(config(model_type, **schema), first, then)
    assert one[0] == [first]
    assert other[0] == [then]
    assert (other[1].features, other[1].timestamp) == ((), None)


def test_a_prediction_without_a_timestamp_is_still_a_dead_letter() -> None:
    rows = [{**PREDICTION, "prediction_ts": None}, {**PREDICTION, **ACTUAL, "prediction_ts": None}, ACTUAL]
    decoded = RowProcessor(config(), lambda: NOW_S).judge(json_messages(*rows))
    assert [(fault.index, fault.reason.code) for fault in decoded.rejected] == [
        (0, "missing_column"),
        (1, "missing_column"),
    ]


def test_no_timestamp_is_needed_in_a_topic_of_actuals() -> None:
    settings = config(prediction_id="order", actual_label="outcome", unknown="ignore", tags=[])
    ((rows, meant),) = batches(settings, {"order": "1", "outcome": "paid", "clerk": "x", "at": "soon"})
    assert rows == [{"order": "1", "outcome": "paid"}]
    assert (meant.prediction_id, meant.actual_label, meant.features, meant.tags) == ("order", "outcome", (), ())


@pytest.mark.parametrize(
    "spelled", [float, int, lambda at: int(at * 10**3), lambda at: int(at) * 10**9], ids=["float", "s", "ms", "ns"]
)
def test_actuals_past_the_window_are_counted_and_sent(spelled: Callable[[float], float]) -> None:
    inside, past = NOW_S - 14 * DAY_S + 60, NOW_S - 14 * DAY_S - 60
    rows = [{**ACTUAL, "prediction_ts": spelled(at)} for at in (inside, past, past, NOW_S)]
    rows.append({**PREDICTION, "prediction_ts": spelled(past)})
    decoded = RowProcessor(config(), lambda: NOW_S).judge(json_messages(*rows))
    assert not decoded.rejected
    assert decoded.late == 2
    assert RowProcessor(config(), lambda: NOW_S).judge(json_messages(ACTUAL, ACTUAL)).late == 0
