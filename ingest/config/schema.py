"""The [schema] section: the role of each column in Arize, and the kinds of values it may hold.

Rules
1. Each field of the SDK's `Schema` has a key here, and a model type takes only its own (arize 8.61,
   ml/batch_validation/validator.py): a key that the SDK would refuse in every batch is a fault at start.
2. A column may have several roles if one kind of value serves them all.
3. The corpus environment is left out: it takes documents for generative models, not predictions, and `ml.log` takes no
   generative model any more. `ml.log` doesn't take tracing either.
"""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ingest.config import column_types, renames, spellings
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
ID_SOURCES = ("key", "offset")

Conversion = Literal["number", "columns", "json", "class_scores"]
CONVERSIONS: tuple[Conversion, ...] = get_args(Conversion)

Column = Annotated[str, Field(min_length=1)]


_BOOLEAN = TypeAdapter(bool)


def _is_header(source: str) -> bool:
    return re.fullmatch(r"headers\..+", source) is not None


class Section(BaseModel):
    """A section of the configuration: frozen, an unknown key is an error, and values are taken as people write them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, info: ValidationInfo) -> Any:
        return value if info.field_name is None else spellings.as_written(cls, info.field_name, value)


class Embedding(Section):
    """One embedding feature: its vector, and the data it was made of."""

    vector: Column = Field(description="Column with the vector, a list of numbers")
    data: str = Field(default="", description="Column with the raw text, or with its tokens")
    link: str = Field(default="", description="Column with the address of the raw data, such as an image's URL")


class Ranking(Section):
    """Columns of ranking models."""

    group: str = Field(default="", description="Column with the id of the group that is ranked")
    rank: str = Field(default="", description="Column with the rank within the group, an integer from 1 to 100")
    relevance_score: str = Field(default="", description="Column with the relevance as a number")
    relevance_labels: str = Field(default="", description="Column with the relevance as a string or a list of strings")
    attributions: str = Field(
        default="", description="Column with the attributions, a string or a list of strings; not with relevance_labels"
    )


class ImageColumns(Section):
    """Columns that describe the objects in images."""

    def only(self, present: Container[str]) -> Self:
        """The same with an empty name for each column that is not `present`."""
        return self.model_copy(update={key: name if name in present else "" for key, name in self})


class Boxes(ImageColumns):
    """Detected objects: a list of boxes, with a category and a score for each."""

    boxes: Column = Field(description="Column with a list of boxes [x1, y1, x2, y2]")
    categories: Column = Field(description="Column with a list of strings, a category for each box")
    scores: str = Field(default="", description="Column with a list of numbers, a score for each box")


class Polygons(ImageColumns):
    """Segments: a list of polygons, with a category for each."""

    polygons: Column = Field(description="Column with a list of polygons [x1, y1, x2, y2, x3, y3, ...]")
    categories: Column = Field(description="Column with a list of strings, a category for each polygon")


class Instances(Polygons):
    """Predicted segments of single objects, with a score and a box for each."""

    scores: str = Field(default="", description="Column with a list of numbers, a score for each polygon")
    boxes: str = Field(default="", description="Column with a list of boxes [x1, y1, x2, y2], one for each polygon")


class ActualInstances(Polygons):
    """Actual segments of single objects, with a box for each."""

    boxes: str = Field(default="", description="Column with a list of boxes [x1, y1, x2, y2], one for each polygon")


class ObjectDetection(Section):
    """Columns of an object_detection model that finds boxes."""

    prediction: Boxes | None = Field(default=None, description="Columns of the predicted boxes")
    actual: Boxes | None = Field(default=None, description="Columns of the actual boxes")


class SemanticSegmentation(Section):
    """Columns of an object_detection model that finds segments."""

    prediction: Polygons | None = Field(default=None, description="Columns of the predicted segments")
    actual: Polygons | None = Field(default=None, description="Columns of the actual segments")


class InstanceSegmentation(Section):
    """Columns of an object_detection model that finds segments of single objects."""

    prediction: Instances | None = Field(default=None, description="Columns of the predicted segments")
    actual: ActualInstances | None = Field(default=None, description="Columns of the actual segments")


class Schema(Section):
    """The role of each column. An empty name switches a reserved column off; `*` in a name matches any characters."""

    prediction_id: str = Field(
        default="prediction_id",
        description=(
            "Column with the id of the prediction, required in every message unless prediction_id_from fills it; "
            '"" switches it off'
        ),
    )
    prediction_id_from: str = Field(
        default="",
        description=(
            'Where the id of a message without one comes from: "key", "offset" (TOPIC-PARTITION-OFFSET) or '
            '"headers.NAME". All ids are text then'
        ),
    )
    timestamp: str = Field(
        default="prediction_ts",
        description=(
            "Column with the time of the prediction, required in every message with a prediction unless "
            "timestamp_from_kafka fills it"
        ),
    )
    prediction_label: str = Field(
        default="prediction_label", description='Column with the predicted label; "" switches it off'
    )
    prediction_score: str = Field(
        default="prediction_score",
        description='Column with the predicted score, in multi_class models of each class; "" switches it off',
    )
    actual_label: str = Field(default="actual_label", description='Column with the actual label; "" switches it off')
    actual_score: str = Field(
        default="actual_score",
        description='Column with the actual score, in multi_class models of each class; "" switches it off',
    )
    threshold_scores: str = Field(
        default="", description="Column with the threshold of each class, of multi_class models"
    )
    tags: tuple[str, ...] = Field(default=(), description='Columns that are tags, such as ["meta.*", "region"]')
    features: tuple[str, ...] = Field(
        default=(), description="Columns that are features; if empty, every column without another role"
    )
    shap: dict[str, str] = Field(
        default_factory=dict,
        description='Columns with SHAP values by feature, {age = "age_shap_value"}, or "shap_*" for all features',
    )
    embeddings: dict[str, Embedding] = Field(
        default_factory=dict, description="Embedding features by name, 30 at most, each with its columns"
    )
    ranking: Ranking = Field(default=Ranking(), description="Columns of ranking models")
    object_detection: ObjectDetection = Field(
        default=ObjectDetection(), description="Columns of an object_detection model that finds boxes"
    )
    semantic_segmentation: SemanticSegmentation = Field(
        default=SemanticSegmentation(), description="Columns of an object_detection model that finds segments"
    )
    instance_segmentation: InstanceSegmentation = Field(
        default=InstanceSegmentation(),
        description="Columns of an object_detection model that finds segments of single objects",
    )
    timestamp_unit: Unit = Field(
        default="auto",
        description=(
            "Unit of the timestamps: numbers of s, ms, us or ns since 1970, or iso8601 strings (without a zone they "
            "are UTC, or as timestamp_zone says); auto takes both, detects the unit of each number by its size, and "
            "logs it. Nothing is rounded but to the nanosecond"
        ),
    )
    timestamp_zone: str = Field(
        default="UTC",
        description=(
            'Zone of timestamps in text that name none: "UTC", an IANA name such as "Europe/Berlin", or an offset such '
            'as "+02:00". Of a time that comes twice when clocks are set back it takes the first; one that clocks skip '
            "is a dead letter"
        ),
    )
    timestamp_from_kafka: bool | str = Field(
        default=False,
        description=(
            "Whether a message without a timestamp gets its timestamp in Kafka (true), or that of a header "
            '("headers.NAME": ISO 8601, or a number of s, ms, us or ns since 1970, detected by its size)'
        ),
    )
    rename: dict[str, Column] = Field(
        default_factory=dict,
        description=(
            'New name of a column by its path, {"features.age" = "age"}, or of many with one * in both: "payload.*" = '
            '"*" strips a prefix, "*" = "features.*" adds one. An exact path takes precedence, then the first pattern; '
            "all other keys use the new name"
        ),
    )
    exclude: tuple[str, ...] = Field(
        default=(), description="Paths that are never sent nor written to dead letters; * matches any characters"
    )
    hash: tuple[str, ...] = Field(
        default=(),
        description=(
            "Paths whose values are sent, and written to dead letters, only as a keyed, stable hash; * matches any "
            "characters"
        ),
    )
    hash_key_file: Path | None = Field(default=None, description="File with the secret key of the hashes")
    kafka: dict[str, Column] = Field(
        default_factory=dict,
        description=(
            'Tags with values from Kafka, {partition = "kafka_partition", "headers.trace" = "trace"}: partition, '
            "offset, timestamp, key or headers.NAME, and the name of the column"
        ),
    )
    tombstones: Literal["dead_letter", "ignore"] = Field(
        default="dead_letter",
        description="What happens to a message without a value: a dead letter, or it is skipped and counted",
    )
    convert: dict[str, Conversion] = Field(
        default_factory=dict,
        description=(
            "Conversion of the values under a path before they become columns: number (a number written as text), "
            "columns (a list as the columns PATH.0, PATH.1, ...), json (an object or a list as JSON text) or "
            "class_scores (an object of class = score as a list of classes and scores, for multi_class models). Paths "
            "are those before rename; * matches any characters and reaches features and tags, an exact path takes "
            "precedence"
        ),
    )
    constants: dict[str, str | bool | int | float] = Field(
        default_factory=dict, description='Tags with the same value in every message, {pipeline = "v3"}'
    )
    types: dict[str, Type] = Field(
        default_factory=dict,
        description=(
            "Pinned type of a column from the first message on; other types are learned and then kept. * pins features "
            "and tags, an exact name takes precedence"
        ),
    )
    conflicts: dict[str, OnConflict] = Field(
        default_factory=dict,
        description=(
            "What happens to a value that doesn't fit its column: dead_letter (as without an entry); null, which is "
            "counted; or text, a string column from the first message on, with numbers and lists as they are written. "
            "* matches any characters; the id and the timestamp never become null"
        ),
    )
    unknown: Unknown = Field(
        default="send",
        description=(
            "What happens to columns without a role, a pinned type, or an entry in tags or features: sent, dropped and "
            "counted (ignore), or the message is a dead letter"
        ),
    )

    @field_validator("kafka")
    @classmethod
    def _known_sources(cls, kafka: dict[str, str]) -> dict[str, str]:
        for source in kafka:
            if source not in KAFKA_SOURCES and not _is_header(source):
                raise ValueError(f'"{source}" is none of {", ".join(KAFKA_SOURCES)} and headers.NAME')
        return kafka

    @field_validator("rename")
    @classmethod
    def _usable_renames(cls, rename: dict[str, str]) -> dict[str, str]:
        if found := [fault for path, name in rename.items() if (fault := renames.fault(path, name))]:
            raise ValueError("; ".join(found))
        return rename

    @field_validator("prediction_id_from")
    @classmethod
    def _known_id(cls, source: str) -> str:
        if source and source not in ID_SOURCES and not _is_header(source):
            raise ValueError(f'"{source}" is none of {", ".join(ID_SOURCES)} and headers.NAME')
        return source

    @field_validator("timestamp_from_kafka", mode="before")
    @classmethod
    def _known_time(cls, source: object) -> object:
        if isinstance(source, str) and _is_header(source):
            return source
        try:
            return _BOOLEAN.validate_python(source)
        except ValidationError:
            raise ValueError('true, false or "headers.NAME" is expected') from None

    @field_validator("convert", mode="before")
    @classmethod
    def _known_conversions(cls, convert: object) -> object:
        convert = column_types.in_any_case(convert, CONVERSIONS)
        if found := column_types.faults("convert", convert, CONVERSIONS):
            raise ValueError("; ".join(found))
        return convert

    @field_validator("types", mode="before")
    @classmethod
    def _known_types(cls, types: object) -> object:
        types = column_types.in_any_case(types, column_types.TYPES)
        if found := column_types.faults("types", types, column_types.TYPES):
            raise ValueError("; ".join(found))
        return types

    @field_validator("conflicts", mode="before")
    @classmethod
    def _known_conflicts(cls, conflicts: object) -> object:
        conflicts = column_types.in_any_case(conflicts, column_types.ON_CONFLICT)
        if found := column_types.faults("conflicts", conflicts, column_types.ON_CONFLICT):
            raise ValueError("; ".join(found))
        return conflicts

    def added(self) -> tuple[str, ...]:
        """The columns that are not in the messages: tags from Kafka and constants."""
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
        """The configured columns of an object_detection model, by section and part."""
        found: dict[str, Images] = {}
        for section in ("object_detection", "semantic_segmentation", "instance_segmentation"):
            for part in ("prediction", "actual"):
                if (columns := getattr(getattr(self, section), part)) is not None:
                    found[f"{section}.{part}"] = columns
        return found


Images = Boxes | Polygons | Instances | ActualInstances


@dataclass(frozen=True, slots=True)
class ColumnRole:
    """One role of one column: the key that gives it, and the kinds of values that Arize takes there."""

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
    """Every role that `schema` gives a column by its exact name."""
    for role in _column_roles(schema, model_type):
        if role.column:
            yield role


def _column_roles(schema: Schema, model_type: str) -> Iterator[ColumnRole]:
    labels = NUMBERS if model_type in NUMERIC else SCALARS
    scores = CLASS_SCORES if model_type == "multi_class" else NUMBERS
    ranking = schema.ranking
    yield ColumnRole("prediction_id", schema.prediction_id, IDS, required=not schema.prediction_id_from)
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
    """The reserved columns that models of this type don't have."""
    if model_type == "multi_class":
        return ("prediction_label", "actual_label")
    if model_type == "object_detection":
        return ("prediction_label", "prediction_score", "actual_label", "actual_score")
    return ()
