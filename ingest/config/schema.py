"""The [schema] section: which column means what to Arize, and what may stand in it.

Rules
1. Everything of the SDK's `Schema` has its key here, and a model type takes only its own (arize 8.61,
   ml/batch_validation/validator.py): a key that the SDK would refuse in every batch is a fault at start.
2. A column may have several meanings if one kind of value serves them all.
3. The corpus environment is left out: it takes documents for generative models, not predictions, and `ml.log` takes no
   generative model any more. Tracing isn't taken by `ml.log` either.
"""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ingest.config import column_types
from ingest.config.column_types import OnConflict, Type, Unknown

ModelType = Literal[
    "binary_classification",
    "score_categorical",
    "regression",
    "numeric",
    "multi_class",
    "ranking",
    "object_detection",
]
Environment = Literal["production", "training", "validation"]

MAX_EMBEDDINGS = 30
NUMERIC = frozenset({"regression", "numeric"})
SCALARS = frozenset({"boolean", "integer", "float", "string"})
NUMBERS = frozenset({"integer", "float"})
IDS = frozenset({"string", "integer"})
STRINGS = frozenset({"list of strings"})
TEXT = frozenset({"string", "list of strings"})
VECTOR = frozenset({"list of numbers"})
COORDINATES = frozenset({"list of lists of numbers"})
CLASS_SCORES = frozenset({"list of class scores"})

Unit = Literal["auto", "s", "ms", "us", "ns", "iso8601"]
KAFKA_SOURCES = ("partition", "offset", "timestamp", "key")

Column = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A section of the configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Embedding(Section):
    """One embedding feature: its vector, and what it was made of."""

    vector: Column
    data: str = Field(default="", description="raw text, or its tokens")
    link: str = Field(default="", description="where the raw data lies, such as an image's URL")


class Ranking(Section):
    """What only ranking models have."""

    group: str = ""
    rank: str = ""
    relevance_score: str = ""
    relevance_labels: str = ""
    attributions: str = ""


class ImageColumns(Section):
    """Columns that describe the objects in images."""

    def only(self, present: Container[str]) -> Self:
        """The same with an empty name for each column that is not `present`."""
        return self.model_copy(update={key: name if name in present else "" for key, name in self})


class Boxes(ImageColumns):
    """Detected objects: lists of boxes [x1, y1, x2, y2] with one category, and one score, a box."""

    boxes: Column
    categories: Column
    scores: str = ""


class Polygons(ImageColumns):
    """Segments: lists of polygons [x1, y1, x2, y2, x3, y3, ...] with one category a polygon."""

    polygons: Column
    categories: Column


class Instances(Polygons):
    """Segments of single objects, with a box, and for a prediction a score, each."""

    scores: str = ""
    boxes: str = ""


class ActualInstances(Polygons):
    """Segments of single objects as they are."""

    boxes: str = ""


class ObjectDetection(Section):
    """Columns of an object_detection model that finds boxes."""

    prediction: Boxes | None = None
    actual: Boxes | None = None


class SemanticSegmentation(Section):
    """Columns of an object_detection model that finds segments."""

    prediction: Polygons | None = None
    actual: Polygons | None = None


class InstanceSegmentation(Section):
    """Columns of an object_detection model that finds segments of single objects."""

    prediction: Instances | None = None
    actual: ActualInstances | None = None


class Schema(Section):
    """Which columns mean what. An empty name switches a reserved column off; `*` in tags and features is a wildcard."""

    prediction_id: str = "prediction_id"
    timestamp: str = "prediction_ts"
    prediction_label: str = "prediction_label"
    prediction_score: str = "prediction_score"
    actual_label: str = "actual_label"
    actual_score: str = "actual_score"
    threshold_scores: str = Field(default="", description="multi_class: the threshold of each class")
    tags: tuple[str, ...] = ()
    features: tuple[str, ...] = Field(default=(), description="empty: every column that nothing else claims")
    shap: dict[str, str] = Field(default_factory=dict, description='feature -> column; "shap_*" for all at once')
    embeddings: dict[str, Embedding] = Field(default_factory=dict)
    ranking: Ranking = Ranking()
    object_detection: ObjectDetection = ObjectDetection()
    semantic_segmentation: SemanticSegmentation = SemanticSegmentation()
    instance_segmentation: InstanceSegmentation = InstanceSegmentation()
    timestamp_unit: Unit = Field(default="auto", description="auto tells it by the size of the numbers")
    timestamp_from_kafka: bool = Field(default=False, description="where a message has no timestamp, take Kafka's")
    rename: dict[str, Column] = Field(default_factory=dict, description="path -> name of the column")
    exclude: tuple[str, ...] = Field(default=(), description="paths that must not leave; * is a wildcard")
    hash: tuple[str, ...] = Field(default=(), description="paths of which only a keyed hash may leave")
    hash_key_file: Path | None = Field(default=None, description="the secret key of the hashes")
    kafka: dict[str, Column] = Field(default_factory=dict, description='"partition", "headers.NAME", ... -> tag')
    tombstones: Literal["dead_letter", "ignore"] = Field(
        default="dead_letter", description="messages without a value; ignore: passed over, and counted"
    )
    constants: dict[str, str | bool | int | float] = Field(default_factory=dict, description="tags of every message")
    types: dict[str, Type] = Field(default_factory=dict, description="column -> its type, for good; * is a wildcard")
    conflicts: dict[str, OnConflict] = Field(default_factory=dict, description='column -> what a conflict does; "*"')
    unknown: Unknown = Field(default="send", description="columns that nothing here names")

    @field_validator("kafka")
    @classmethod
    def _known_sources(cls, kafka: dict[str, str]) -> dict[str, str]:
        for source in kafka:
            if source not in KAFKA_SOURCES and not re.fullmatch(r"headers\..+", source):
                raise ValueError(f'"{source}" is none of {", ".join(KAFKA_SOURCES)} and headers.NAME')
        return kafka

    @field_validator("types", mode="before")
    @classmethod
    def _known_types(cls, types: object) -> object:
        if found := column_types.faults("types", types, column_types.TYPES):
            raise ValueError("; ".join(found))
        return types

    @field_validator("conflicts", mode="before")
    @classmethod
    def _known_conflicts(cls, conflicts: object) -> object:
        if found := column_types.faults("conflicts", conflicts, column_types.ON_CONFLICT):
            raise ValueError("; ".join(found))
        return conflicts

    def added(self) -> tuple[str, ...]:
        """The columns that no message brings: tags from Kafka and constants."""
        return (*self.kafka.values(), *self.constants)

    @field_validator("shap", mode="before")
    @classmethod
    def _one_pattern_for_all(cls, shap: object) -> object:
        return {"*": shap} if isinstance(shap, str) else shap

    @field_validator("shap")
    @classmethod
    def _stars_in_pairs(cls, shap: dict[str, str]) -> dict[str, str]:
        for feature, column in shap.items():
            stars = feature.count("*"), column.count("*")
            if not feature or not column or stars not in ((0, 0), (1, 1)):
                raise ValueError(f'"{feature}" = "{column}": a feature and its column, or one * in each')
        return shap

    def with_columns(self, columns: Mapping[str, str]) -> Self:
        """The same with these columns, by key."""
        return self.model_copy(update=dict(columns))

    def images(self) -> Mapping[str, "Images"]:
        """The columns of an object_detection model by section and part, those that are said."""
        found: dict[str, Images] = {}
        for section in ("object_detection", "semantic_segmentation", "instance_segmentation"):
            for part in ("prediction", "actual"):
                if (columns := getattr(getattr(self, section), part)) is not None:
                    found[f"{section}.{part}"] = columns
        return found


Images = Boxes | Polygons | Instances | ActualInstances


@dataclass(frozen=True, slots=True)
class ColumnRole:
    """One meaning of one column: which key gives it, and the kinds of values that Arize takes there."""

    setting: str
    column: str
    kinds: frozenset[str]
    required: bool = False


_TIMES: Mapping[Unit, frozenset[str]] = {
    "auto": NUMBERS | {"string"},
    "s": NUMBERS,
    "ms": NUMBERS,
    "us": NUMBERS,
    "ns": NUMBERS,
    "iso8601": frozenset({"string"}),
}


def column_roles(schema: Schema, model_type: str) -> Iterator[ColumnRole]:
    """Every meaning that `schema` gives a column by its name, those of wildcards aside."""
    for claim in _column_roles(schema, model_type):
        if claim.column:
            yield claim


def _column_roles(schema: Schema, model_type: str) -> Iterator[ColumnRole]:
    labels = NUMBERS if model_type in NUMERIC else SCALARS
    scores = CLASS_SCORES if model_type == "multi_class" else NUMBERS
    ranking = schema.ranking
    yield ColumnRole("prediction_id", schema.prediction_id, IDS, required=True)
    # Not required here: a delayed actual needs none, and only a whole row shows what it is.
    yield ColumnRole("timestamp", schema.timestamp, _TIMES[schema.timestamp_unit])
    yield ColumnRole("prediction_label", schema.prediction_label, labels)
    yield ColumnRole("prediction_score", schema.prediction_score, scores)
    # A ranking model's actual label is its relevance labels' fallback.
    yield ColumnRole("actual_label", schema.actual_label, TEXT if model_type == "ranking" else labels)
    yield ColumnRole("actual_score", schema.actual_score, scores)
    yield ColumnRole("threshold_scores", schema.threshold_scores, CLASS_SCORES)
    yield ColumnRole("ranking.group", ranking.group, IDS)
    yield ColumnRole("ranking.rank", ranking.rank, frozenset({"integer"}))
    yield ColumnRole("ranking.relevance_score", ranking.relevance_score, NUMBERS)
    yield ColumnRole("ranking.relevance_labels", ranking.relevance_labels, TEXT)
    yield ColumnRole("ranking.attributions", ranking.attributions, TEXT)
    for feature, column in schema.shap.items():
        if "*" not in column:
            yield ColumnRole(f"shap.{feature}", column, NUMBERS)
    for name, embedding in schema.embeddings.items():
        yield ColumnRole(f"embeddings.{name}.vector", embedding.vector, VECTOR)
        yield ColumnRole(f"embeddings.{name}.data", embedding.data, TEXT)
        yield ColumnRole(f"embeddings.{name}.link", embedding.link, frozenset({"string"}))
    image_kinds = {"boxes": COORDINATES, "polygons": COORDINATES, "categories": STRINGS, "scores": VECTOR}
    for setting, images in schema.images().items():
        for key, column in images:
            yield ColumnRole(f"{setting}.{key}", column, image_kinds[key])
    for tag in schema.tags:
        if "*" not in tag:
            yield ColumnRole("tags", tag, SCALARS)


def misplaced(model_type: str) -> tuple[str, ...]:
    """The reserved columns that a model of this type doesn't have."""
    if model_type == "multi_class":
        return ("prediction_label", "actual_label")
    if model_type == "object_detection":
        return ("prediction_label", "prediction_score", "actual_label", "actual_score")
    return ()
