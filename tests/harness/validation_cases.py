"""Models of every type, a good row of each, and what one change to it is worth."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingest.config.schema import (
    ActualInstances,
    Boxes,
    Embedding,
    Environment,
    Instances,
    InstanceSegmentation,
    ModelType,
    ObjectDetection,
    Polygons,
    Ranking,
    Schema,
    SemanticSegmentation,
)

Row = dict[str, Any]

NOW_S = time.time()
EDGE_S = 6 * 3_600  # from a limit of time: the cases are made when tests are collected, and run much later
YEAR_S = 365 * 86_400
BOX = [1, 2, 3.5, 4]
TRIANGLE = [0, 0, 4, 0, 4, 4.5]


def scores(**classes: float | None) -> list[Row]:
    return [{"class_name": name, "score": score} for name, score in classes.items()]


@dataclass(frozen=True)
class Model:
    """A configuration and one row that is good under it."""

    model_type: ModelType
    schema: Schema
    good: Row
    environments: tuple[Environment, ...] = ("production", "training", "validation")

    @property
    def whole(self) -> Row:
        return {"prediction_id": "p1", "prediction_ts": NOW_S, "x": 1.5, **self.good}


EMBEDDINGS = {"text": Embedding(vector="v", data="words", link="url"), "tokens": Embedding(vector="w", data="list")}
PLAIN = Schema(tags=("region", "tag_*"), shap={"x": "x_effect"}, embeddings=EMBEDDINGS)
RANKED = Schema(
    prediction_label="label",
    ranking=Ranking(group="g", rank="r", relevance_score="rs", relevance_labels="rl"),
)
ATTRIBUTED = Schema(actual_label="", ranking=Ranking(group="g", rank="r", attributions="at"))
CLASSES = Schema(threshold_scores="limits", tags=("region",))
FOUND = Schema(
    object_detection=ObjectDetection(
        prediction=Boxes(boxes="pb", categories="pc", scores="ps"), actual=Boxes(boxes="ab", categories="ac")
    )
)
SEGMENTS = Schema(
    semantic_segmentation=SemanticSegmentation(
        prediction=Polygons(polygons="pp", categories="pc"), actual=Polygons(polygons="ap", categories="ac")
    )
)
INSTANCES = Schema(
    instance_segmentation=InstanceSegmentation(
        prediction=Instances(polygons="pp", categories="pc", scores="ps", boxes="pb"),
        actual=ActualInstances(polygons="ap", categories="ac", boxes="ab"),
    )
)
BINARY_ROW: Row = {"prediction_label": "yes", "prediction_score": 0.5, "actual_label": "no", "actual_score": 1}
MODELS = {
    "binary": Model("binary_classification", PLAIN, BINARY_ROW),
    "categorical": Model("score_categorical", PLAIN, BINARY_ROW),
    "regression": Model("regression", PLAIN, {"prediction_label": 2.5, "actual_label": 3}),
    "numeric": Model("numeric", PLAIN, {"prediction_score": 2.5, "actual_score": 3}),
    "multi_class": Model(
        "multi_class",
        CLASSES,
        {
            "prediction_score": scores(a=0.25, b=1),
            "limits": scores(b=0.5, a=0.5),
            "actual_score": scores(a=0, b=1),
        },
    ),
    "ranking": Model(
        "ranking", RANKED, {"g": "q1", "r": 1, "rs": 0.5, "rl": ["click"], "label": "l", "prediction_score": 0.5}
    ),
    "attributions": Model("ranking", ATTRIBUTED, {"g": 5, "r": 100, "at": "buy", "actual_score": 2}),
    "boxes": Model(
        "object_detection",
        FOUND,
        {"pb": [BOX, BOX], "pc": ["cat", ""], "ps": [0.5, 1], "ab": [BOX], "ac": ["cat"]},
    ),
    "segments": Model("object_detection", SEGMENTS, {"pp": [TRIANGLE], "pc": ["cat"], "ap": [TRIANGLE], "ac": ["cat"]}),
    "instances": Model(
        "object_detection",
        INSTANCES,
        {
            "pp": [TRIANGLE],
            "pc": ["cat"],
            "ps": [0.5],
            "pb": [BOX],
            "ap": [TRIANGLE],
            "ac": ["cat"],
            "ab": [BOX],
        },
    ),
}


@dataclass(frozen=True)
class Case:
    """One change to a good row of `model`, and the code we refuse it with, None if it is still good."""

    model: str
    change: Row
    code: str | None = None
    environment: Environment = "production"
    # Without good neighbours: their types, or what they have, would hide the fault or be another one to the SDK.
    alone: bool = False

    def __str__(self) -> str:
        return f"{self.model}-{self.environment}-{'+'.join(self.change) or 'unchanged'}-{self.code or 'good'}"


def none(*names: str) -> Row:
    return dict.fromkeys(names)


def cases() -> Iterator[Case]:
    for name, model in MODELS.items():
        for environment in model.environments:
            yield Case(name, {}, environment=environment)
        yield Case(name, {"prediction_id": "x" * 512, "prediction_ts": int(NOW_S)})
        yield Case(name, {"prediction_id": "ü" * 512, "prediction_ts": NOW_S - 5 * YEAR_S + EDGE_S})
        yield Case(name, {"prediction_id": "x" * 513}, "id_length")
        yield Case(name, {"prediction_id": ""}, "id_length")
        yield Case(name, {"prediction_id": None}, "missing_column")
        yield Case(name, {"prediction_id": 1.5}, "wrong_type", alone=True)
        yield Case(name, {"prediction_ts": None}, "missing_column")
        yield Case(name, {"prediction_ts": NOW_S - 5 * YEAR_S - EDGE_S}, "timestamp_range")
        yield Case(name, {"prediction_ts": NOW_S + YEAR_S + EDGE_S}, "timestamp_range")
        yield Case(name, {"prediction_ts": NOW_S + YEAR_S - EDGE_S})
        yield Case(name, {"prediction_ts": NOW_S * 1000}, "timestamp_range")
        yield Case(name, {"prediction_ts": "today"}, "wrong_type", alone=True)
        yield Case(name, {"some_shap": 0.5}, "reserved_name")
        yield Case(name, {"x": "long" * 100_000, "list_feature": ["a", None, ""], "flag": True}, alone=True)
    for name in ("binary", "categorical", "regression", "numeric"):
        yield from plain_cases(name)
    yield from ranking_cases()
    yield from multi_class_cases()
    yield from image_cases()


def plain_cases(name: str) -> Iterator[Case]:
    outcomes = ("prediction_label", "prediction_score", "actual_label", "actual_score")
    predictions, actuals = none(*outcomes[:2]), none(*outcomes[2:])
    yield Case(name, {"region": "ü" * 20_000, "tag_a": 1, "tag_b": True})
    yield Case(name, {"region": "x" * 20_001}, "tag_length")
    yield Case(name, {"tag_a": "x" * 20_001}, "tag_length")
    yield Case(name, {"region": ["x"]}, "wrong_type", alone=True)
    yield Case(name, none(*outcomes), "no_prediction")
    yield Case(name, {**none(*outcomes), "x_effect": 0.5})
    yield Case(name, {"x_effect": "high"}, "wrong_type", alone=True)
    yield Case(name, predictions)
    yield Case(name, actuals)
    environment: Environment
    for environment in ("training", "validation"):
        yield Case(name, predictions, "no_prediction", environment)
        yield Case(name, actuals, "no_actual", environment)
        yield Case(name, {**none(*outcomes), "x_effect": 0.5}, "no_prediction", environment)
    numeric = name in {"regression", "numeric"}
    if not numeric:
        yield Case(name, {"prediction_label": 5, "actual_label": 5.5}, alone=True)
        yield Case(name, {"prediction_label": True, "actual_label": False}, alone=True)
        yield Case(name, {"prediction_score": "high"}, "wrong_type", alone=True)
        yield Case(name, {"actual_score": True}, "wrong_type", alone=True)
    else:
        yield Case(name, {"prediction_label": "high", "prediction_score": None}, "wrong_type", alone=True)
        yield Case(name, {"actual_label": True, "actual_score": None}, "wrong_type", alone=True)
    yield Case(name, {"prediction_label": ["yes"], "prediction_score": None}, "wrong_type", alone=True)
    yield Case(name, {"v": [0.5, 2], "words": "ü" * 2_000_000, "url": "https://x"})
    yield Case(name, {"v": [0.5] * 20_000, "w": [1, 2], "list": ["a", ""]})
    yield Case(name, {"v": [0.5] * 20_001}, "embedding_dimensions")
    yield Case(name, {"v": [0.5]}, "embedding_dimensions")
    yield Case(name, {"v": []}, "embedding_dimensions")
    yield Case(name, {"v": [0.5, None]}, "wrong_type", alone=True)
    yield Case(name, {"v": "0.5"}, "wrong_type", alone=True)
    yield Case(name, {"v": [0.5, 1], "words": "x" * 2_000_001}, "embedding_text_length")
    yield Case(name, {"w": [0.5, 1], "list": ["x" * 1_000_000, "y" * 1_000_001]}, "embedding_text_length")
    yield Case(name, {"w": [0.5, 1], "list": ["x", None]}, "embedding_text")
    yield Case(name, {"w": [0.5, 1], "list": 5}, "wrong_type", alone=True)
    yield Case(name, {"v": [0.5, 1], "url": 5}, "wrong_type", alone=True)
    yield Case(name, {"v": None, "words": "text"}, "embedding_without_vector", alone=True)


def ranking_cases() -> Iterator[Case]:
    for name in ("ranking", "attributions"):
        yield Case(name, {"r": 0}, "rank_range")
        yield Case(name, {"r": 101}, "rank_range")
        yield Case(name, {"r": 100})
        yield Case(name, {"r": None}, "incomplete_prediction")
        yield Case(name, {"g": None}, "incomplete_prediction")
        yield Case(name, {"r": 1.5}, "wrong_type", alone=True)
        yield Case(name, {"g": 1.5}, "wrong_type", alone=True)
        yield Case(name, {"g": ""}, "id_length", alone=True)
        yield Case(name, {"g": "x" * 513}, "id_length", alone=True)
        yield Case(name, {"g": "x" * 512}, alone=True)
    yield Case("ranking", {"rl": []}, "relevance_label")
    yield Case("ranking", {"rl": [""]}, "relevance_label")
    yield Case("ranking", {"rl": ["a", None]}, "relevance_label")
    yield Case("ranking", {"rl": ["a", "b"]})
    yield Case("ranking", {"rl": "a"}, alone=True)
    yield Case("ranking", {"rl": 5}, "wrong_type", alone=True)
    yield Case("ranking", {"rs": "high"}, "wrong_type", alone=True)
    yield Case("ranking", {"prediction_score": "high"}, "wrong_type", alone=True)
    yield Case("attributions", {"at": ""}, "relevance_label")
    yield Case("attributions", {"at": ["a"]}, alone=True)
    yield Case("attributions", {"actual_score": "high"}, "wrong_type", alone=True)
    predicted = none("g", "r", "label", "prediction_score")
    yield Case("ranking", predicted, alone=True)
    yield Case("ranking", none("rl", "rs"), alone=True)
    yield Case("ranking", {**predicted, **none("rl", "rs")}, "no_prediction", alone=True)
    yield Case("ranking", {**predicted, "prediction_score": 0.5}, "incomplete_prediction", alone=True)
    environment: Environment
    for environment in ("training", "validation"):
        yield Case("ranking", none("rl", "rs"), "no_actual", environment)
        yield Case("ranking", predicted, "no_prediction", environment)


def multi_class_cases() -> Iterator[Case]:
    many = [{"class_name": f"c{number}", "score": 0.5} for number in range(501)]
    for name in ("prediction_score", "limits"):
        yield Case("multi_class", {name: scores(a=1.001, b=0)}, "class_score_range")
        yield Case("multi_class", {name: scores(a=-0.001, b=0)}, "class_score_range")
        yield Case("multi_class", {name: scores(a=None, b=0)}, "wrong_type", alone=True)
        yield Case("multi_class", {name: scores(a=0.5, c=0.5)}, "threshold_classes")
        yield Case("multi_class", {name: scores(a=0.5)}, "threshold_classes")
    for name in ("prediction_score", "limits", "actual_score"):
        yield Case("multi_class", {name: []}, "class_count")
        yield Case("multi_class", {name: 0.5}, "wrong_type", alone=True)
        yield Case("multi_class", {name: [{"class_name": "a", "score": 1, "more": 1}]}, "wrong_type", alone=True)
        yield Case("multi_class", {name: [{"class_name": 5, "score": 1}]}, "wrong_type", alone=True)
    yield Case("multi_class", {"prediction_score": many[:500], "limits": many[:500]})
    yield Case("multi_class", {"prediction_score": many, "limits": many}, "class_count")
    for character in ("x", "ü"):
        good, bad = scores(**{character * 100: 1}), scores(**{character * 101: 1})
        yield Case("multi_class", {"actual_score": good})
        yield Case("multi_class", {"actual_score": bad}, "class_name_length")
        yield Case("multi_class", {"prediction_score": bad, "limits": bad}, "class_name_length")
    yield Case("multi_class", {"actual_score": scores(**{"": 1})}, "class_name_length")
    yield Case("multi_class", {"actual_score": scores(a=0.5)}, "class_score_range")
    yield Case("multi_class", {"prediction_label": "a"}, "misplaced_column")
    yield Case("multi_class", {"actual_label": "a"}, "misplaced_column")
    yield Case("multi_class", none("limits"), alone=True)
    yield Case("multi_class", none("actual_score"), alone=True)
    yield Case("multi_class", none("prediction_score", "limits"), alone=True)
    yield Case("multi_class", none("prediction_score"), "incomplete_prediction", alone=True)
    yield Case("multi_class", none("prediction_score", "limits", "actual_score"), "no_prediction", alone=True)
    yield Case("multi_class", none("actual_score"), "no_actual", "training", alone=True)
    yield Case("multi_class", none("prediction_score", "limits"), "no_prediction", "validation", alone=True)


BAD_BOXES: tuple[list[float], ...] = ([1, 2, 3], [], [1, 2, 3, 4, 5], [3, 2, 3, 4], [1, 4, 3, 4], [-0.5, 2, 3, 4])
BAD_POLYGONS: tuple[list[float], ...] = (
    [],
    [0, 0, 1, 0],
    [0, 0, 4, 0, 4, 4, 5],
    [-1, 0, 4, 0, 4, 4],
    [0, 0, 4, 0, 0, 0],
    [0, 0, 4, 4, 4, 0, 0, 4],  # crosses itself
    [0, 0, 4, 0, 4, 4, 2, 0, 0, 4],  # touches its first edge
)
SQUARE = [0, 0, 4, 0, 4, 4, 0, 4]
COMB = [0, 0, 9, 0, 9, 9, 8, 9, 8, 1, 7, 1, 7, 9, 6, 9, 6, 1, 5, 1, 5, 9, 0, 9]


def image_cases() -> Iterator[Case]:
    for name in ("boxes", "instances"):
        for column in ("pb", "ab"):
            for box in BAD_BOXES:
                yield Case(name, {column: [BOX, box]}, "box_coordinates")
            yield Case(name, {column: [[0, 0, 1e-9, 1e9]]})
            yield Case(name, {column: 5}, "wrong_type", alone=True)
            yield Case(name, {column: [[1, 2, 3, "4"]]}, "wrong_type", alone=True)
        for score in (1.001, -0.001):
            yield Case(name, {"ps": [0.5, score]}, "score_range")
        yield Case(name, {"ps": ["high"]}, "wrong_type", alone=True)
        yield Case(name, none("ps"), alone=True)
    for name in ("segments", "instances"):
        for column in ("pp", "ap"):
            for polygon in BAD_POLYGONS:
                yield Case(name, {column: [TRIANGLE, polygon]}, "polygon_coordinates")
            yield Case(name, {column: [SQUARE, COMB, TRIANGLE]})
            yield Case(name, {column: [["0"]]}, "wrong_type", alone=True)
    for name, columns in (("boxes", ("pb", "ab")), ("segments", ("pp", "ap")), ("instances", ("pp", "ap"))):
        predicted, actual = MODELS[name].good, MODELS[name].good
        prediction = none(*(key for key in predicted if key.startswith("p")))
        actuals = none(*(key for key in actual if key.startswith("a")))
        yield Case(name, {"pc": [None]}, "null_category")
        yield Case(name, {"ac": ["a", None]}, "null_category")
        yield Case(name, {"pc": [5]}, "unsupported_list", alone=True)
        yield Case(name, {column: [] for column in MODELS[name].good})
        yield Case(name, {"pc": None}, "incomplete_prediction")
        yield Case(name, {columns[0]: None}, "incomplete_prediction")
        yield Case(name, {columns[1]: None}, "incomplete_prediction")
        yield Case(name, prediction, alone=True)
        yield Case(name, actuals, alone=True)
        yield Case(name, {**prediction, **actuals}, "no_prediction", alone=True)
        yield Case(name, actuals, "no_actual", "training", alone=True)
        yield Case(name, prediction, "no_prediction", "validation", alone=True)
        yield Case(name, {"prediction_label": "cat"}, "misplaced_column")
        yield Case(name, {"actual_score": 0.5}, "misplaced_column")
