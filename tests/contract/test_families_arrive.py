"""Every family of the SDK's schema, from JSON to the endpoint: meant as configured, value for value."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import requests

from ingest.config.resolve import RouteConfig
from ingest.config.schema import Embedding, Environment, Schema
from ingest.errors import RejectedError
from ingest.pipeline.arize import transport
from ingest.pipeline.arize.uploader import ArizeUploader
from ingest.sandbox.arize import ArizeEndpoint
from ingest.sandbox.journal import StoredRequest
from tests.harness.sdk_oracle import configured, judged, sent
from tests.harness.validation_cases import BOX, MODELS, NOW_S, SQUARE, Model, Row, scores

Deliver = Callable[[RouteConfig, list[Row]], list[StoredRequest]]


@pytest.fixture
def deliver(arize_endpoint: ArizeEndpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deliver]:
    """Judge rows, all of them good, send them shape by shape, and give back what the endpoint has stored."""
    for name, value in arize_endpoint.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(requests, "post", requests.post)  # put back what ArizeLog replaces
    level = logging.getLogger("arize").level

    def send(config: RouteConfig, rows: list[Row]) -> list[StoredRequest]:
        named = replace(config, arize=config.arize.filled({"model_name": "m"}))
        decoded = judged(named, rows)
        assert decoded.rejected == []
        log = ArizeUploader(named)
        for table in sent(named, decoded):
            log.send(table, transport.Attempt())
        return list(arize_endpoint.journal.requests())

    yield send
    logging.getLogger("arize").setLevel(level)
    if (session := transport._current.session) is not None:
        session.close()
        transport._current.session = None


def stored_rows(stored: list[StoredRequest]) -> dict[str, Row]:
    """The rows by their id, nulls left out."""
    rows = [row for request in stored for row in request.table.to_pylist()]
    return {row["prediction_id"]: {key: value for key, value in row.items() if value is not None} for row in rows}


def numbered(rows: list[Row]) -> list[Row]:
    return [{**row, "prediction_id": f"p{number}"} for number, row in enumerate(rows)]


def meant(stored: StoredRequest) -> dict[str, Any]:
    """What the upload says of its columns, protobuf names cut short."""
    found: dict[str, Any] = {}
    for field, value in stored.schema.arrow_schema.ListFields():
        name = field.name.removesuffix("_column_names").removesuffix("_column_name")
        if isinstance(value, str):
            found[name] = value
        elif hasattr(value, "items"):
            found[name] = {key: inner if isinstance(inner, str) else _set(inner) for key, inner in value.items()}
        elif hasattr(value, "ListFields"):
            found[name] = _set(value)
        else:
            found[name] = sorted(value)
    return found


def _set(message: Any) -> dict[str, str]:
    return {field.name.removesuffix("_column_name"): value for field, value in message.ListFields()}


@pytest.mark.parametrize("environment", ["production", "training", "validation"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_good_row_of_every_model_arrives_in_every_environment(
    deliver: Deliver, name: str, environment: Environment
) -> None:
    rows = numbered([MODELS[name].whole] * 3)
    (stored,) = deliver(configured(MODELS[name], environment), rows)
    constants = stored.schema.constants
    kinds = {"regression": "NUMERIC", "binary_classification": "SCORE_CATEGORICAL"}
    kind = MODELS[name].model_type
    assert stored.schema.Constants.DESCRIPTOR.fields_by_name["model_type"].enum_type.values_by_number[
        constants.model_type
    ].name == kinds.get(kind, kind.upper())
    assert (stored.environment, constants.batch_id) == (environment.upper(), "b" * (environment == "validation"))
    assert stored_rows([stored]) == {row["prediction_id"]: row for row in rows}


def test_embeddings(deliver: Deliver) -> None:
    good = MODELS["binary"].whole
    rows = numbered(
        [
            {**good, "v": [0.1, -2], "words": "text", "url": "https://x"},
            {**good, "v": [1e300, 5e-324, 2**53], "w": [1, 2], "list": ["a", "ü"]},
            good,
        ]
    )
    (stored,) = deliver(configured(MODELS["binary"], "production"), rows)
    assert meant(stored)["embedding_feature_column_names_map"] == {
        "text": {"vector": "v", "data": "words", "link_to_data": "url"},
        "tokens": {"vector": "w", "data": "list"},
    }
    assert meant(stored)["feature"] == ["x"]
    assert stored_rows([stored]) == {row["prediction_id"]: row for row in rows}
    assert stored.table.schema.field("v").type == pa.list_(pa.float64())


def test_shap_values_by_wildcard(deliver: Deliver) -> None:
    model = Model("regression", Schema(shap={"*": "*_shap", "height": "h_effect"}), {"prediction_label": 1.5})
    rows = numbered(
        [
            {**model.whole, "x_shap": 0.25, "h_effect": -3},
            {"prediction_ts": NOW_S, "x_shap": 0.5},
        ]
    )
    stored, alone = deliver(configured(model, "production"), rows)
    assert meant(stored)["shap_values"] == {"x": "x_shap", "height": "h_effect"}
    assert meant(stored)["feature"] == ["x"]
    assert meant(alone)["shap_values"] == {"x": "x_shap"}
    assert "feature" not in meant(alone) or meant(alone)["feature"] == []
    assert stored_rows([stored, alone]) == {row["prediction_id"]: row for row in rows}


def test_rankings_and_their_relevance_later(deliver: Deliver) -> None:
    good = MODELS["ranking"].whole
    prediction = {key: value for key, value in good.items() if key not in {"rs", "rl"}}
    later = {"prediction_ts": NOW_S, "rs": 0.75, "rl": ["click", "buy"]}
    rows = numbered([prediction, later, {**prediction, "r": 100}, later])
    predicted, actual = deliver(configured(MODELS["ranking"], "production"), rows)
    assert (actual.table.num_rows, predicted.table.num_rows) == (2, 2)
    assert {key: meant(actual).get(key) for key in ("actual_label", "actual_score", "rank", "prediction_group_id")} == {
        "actual_label": "rl",
        "actual_score": "rs",
        "rank": None,
        "prediction_group_id": None,
    }
    assert (meant(predicted)["rank"], meant(predicted)["prediction_group_id"]) == ("r", "g")
    assert "actual_label" not in meant(predicted)
    assert stored_rows([actual, predicted]) == {row["prediction_id"]: row for row in rows}


def test_multi_class_with_and_without_thresholds(deliver: Deliver) -> None:
    base = {"prediction_ts": NOW_S}
    rows = numbered(
        [
            {**base, "prediction_score": scores(a=0.25, b=1)},
            {**base, "prediction_score": scores(a=0.25, b=1), "limits": scores(a=0.5, b=0.5)},
            {**base, "actual_score": scores(a=0, b=1)},
        ]
    )
    stored = deliver(configured(MODELS["multi_class"], "production"), rows)
    assert [sorted(meant(one).keys() - {"prediction_id", "timestamp"}) for one in stored] == [
        ["prediction_score"],
        ["multi_class_threshold_scores", "prediction_score"],
        ["actual_score"],
    ]
    assert stored_rows(stored) == {row["prediction_id"]: row for row in rows}


def test_boxes_and_segments(deliver: Deliver) -> None:
    base = {"prediction_ts": NOW_S}
    rows = numbered(
        [
            {**base, "pp": [SQUARE], "pc": ["cat"], "ps": [1], "pb": [BOX]},
            {**base, "pp": [], "pc": [], "ps": [], "pb": []},
            {**base, "ap": [SQUARE, SQUARE], "ac": ["cat", ""]},
        ]
    )
    predicted, actual = deliver(configured(MODELS["instances"], "production"), rows)
    assert meant(predicted)["prediction_instance_segmentation_label"] == {
        "polygons_coordinates": "pp",
        "polygons_categories": "pc",
        "polygons_scores": "ps",
        "bboxes_coordinates": "pb",
    }
    assert meant(actual)["actual_instance_segmentation_label"] == {
        "polygons_coordinates": "ap",
        "polygons_categories": "ac",
    }
    assert stored_rows([predicted, actual]) == {row["prediction_id"]: row for row in rows}


@pytest.mark.usefixtures("deliver")  # its environment, and what it puts back
def test_the_endpoint_refuses_shapes_that_share_a_batch() -> None:
    config = configured(MODELS["boxes"], "production")
    good = MODELS["boxes"].good
    base = {"prediction_ts": NOW_S}
    rows = numbered([{**base, "pb": good["pb"], "pc": good["pc"]}, {**base, "ab": good["ab"], "ac": good["ac"]}])
    named = replace(config, arize=config.arize.filled({"model_name": "m"}))
    table = pa.Table.from_batches([judged(named, rows).table])
    with pytest.raises(RejectedError, match="has 1 nulls"):
        ArizeUploader(named).send(table, transport.Attempt())


def test_an_embedding_needs_a_vector_in_its_batch(deliver: Deliver) -> None:
    schema = Schema(embeddings={"text": Embedding(vector="v", data="words")})
    model = Model("binary_classification", schema, {"prediction_label": "a"})
    (stored,) = deliver(configured(model, "production"), numbered([model.whole, model.whole]))
    assert "embedding_feature_column_names_map" not in meant(stored)
