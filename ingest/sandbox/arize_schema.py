"""Decodes the protobuf schema in an upload's Arrow stream, and checks whether Arize would accept the upload.

Rules; a violation is a rejection that names the column:

1. The stream's metadata holds `arize-schema`, a base64 protobuf `public.Schema` (arize SDK, utils/arrow.py).
2. Every column that the schema names is in the stream, once.
3. Column types are those the SDK's own validator mirrors from the server (ml/batch_validation/validator.py).
4. A prediction id is 1-512 characters and never null; a timestamp is never null, within 5 years back and
   1 year ahead; a string tag is at most 20,000 characters long.
5. A production row has a prediction or an actual.
6. Columns that the SDK only accepts without nulls: a ranking model's group and rank (1-100), a multi_class model's
   scores, an object_detection model's coordinates, categories and scores.
"""

import base64
import binascii
import importlib.util
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

METADATA_KEY = b"arize-schema"

_INTS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
_NUMBERS = (*_INTS, pa.float32(), pa.float64(), pa.null())
_VALUES = (*_NUMBERS, pa.bool_(), pa.string())
_STRINGS = pa.list_(pa.string())
_COORDINATES = tuple(pa.list_(pa.list_(kind)) for kind in (*_INTS, pa.float32(), pa.float64()))
_SCORES = tuple(pa.list_(kind) for kind in (*_INTS, pa.float32(), pa.float64()))
_CLASS_SCORES = tuple(
    pa.list_(pa.struct([("class_name", pa.string()), ("score", kind)]))
    for kind in (*_INTS, pa.float16(), pa.float32(), pa.float64())
)
_TIMESTAMPS = (pa.int64(), pa.float64(), pa.date32(), pa.date64())

YEAR_S = 365 * 86_400
MAX_ID_CHARACTERS = 512
MAX_TAG_CHARACTERS = 20_000
MAX_RANK = 100


class RefusedError(Exception):
    """Arize would answer `status` (400 by default) with this text."""

    def __init__(self, text: str, status: int = 400) -> None:
        self.status = status
        super().__init__(text)


def _public_pb2() -> ModuleType:
    # The SDK's generated module is loaded from its file: importing it by name would import all of arize.
    package = importlib.util.find_spec("arize")
    if package is None or package.origin is None:
        raise ImportError("the arize package is missing; install the project's dependencies")
    file = Path(package.origin).parent / "_generated" / "protocol" / "rec" / "public_pb2.py"
    spec = importlib.util.spec_from_file_location("arize_public_pb2", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} does not exist; this endpoint supports arize 8.61")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_PB2 = _public_pb2()


def decode(schema: pa.Schema) -> Any:
    """The `public.Schema` protobuf message in an Arrow schema's metadata. Raises `RefusedError` (rule 1)."""
    encoded = (schema.metadata or {}).get(METADATA_KEY)
    if encoded is None:
        raise RefusedError("the Arrow schema's metadata has no arize-schema")
    try:
        message = _PB2.Schema.FromString(base64.b64decode(encoded, validate=True))
    except (binascii.Error, _PB2._message.DecodeError):  # noqa: SLF001  protobuf's own module ships no types
        raise RefusedError("arize-schema is not the base64 of a public.Schema protobuf message") from None
    if not message.HasField("constants") or not message.HasField("arrow_schema"):
        raise RefusedError("arize-schema lacks constants or arrow_schema")
    if not message.constants.model_id:
        raise RefusedError("arize-schema names no model")
    return message


def environment(message: Any) -> str:
    """The environment's name of a decoded schema: PRODUCTION, TRAINING, VALIDATION."""
    return str(_PB2.Schema.Environment.Name(message.constants.environment))


def check_columns(message: Any, schema: pa.Schema) -> None:
    """Rules 2 and 3, on the schema alone. Raises `RefusedError`."""
    for role, column, allowed in _roles(message):
        indices = schema.get_all_field_indices(column)
        if len(indices) != 1:
            seen = "isn't in the stream" if not indices else f"is in the stream {len(indices)} times"
            raise RefusedError(f"column {column!r} ({role}) {seen}")
        kind = schema.field(indices[0]).type
        if kind not in allowed and not (role == "timestamp" and pa.types.is_timestamp(kind)):
            raise RefusedError(f"column {column!r} ({role}) has type {kind}, which Arize doesn't take")


def check_rows(message: Any, batch: pa.RecordBatch, now_s: float) -> None:
    """Rules 4 to 6, on the values. `now_s` is seconds since the epoch. Raises `RefusedError`."""
    columns = message.arrow_schema
    if name := columns.prediction_id_column_name:
        _check_ids(name, batch.column(name))
    if name := columns.timestamp_column_name:
        _check_timestamps(name, batch.column(name), now_s)
    for name in columns.tag_column_names:
        if pa.types.is_string(batch.schema.field(name).type):
            longest = pc.max(pc.utf8_length(batch.column(name))).as_py()
            if longest is not None and longest > MAX_TAG_CHARACTERS:
                raise RefusedError(f"column {name!r} (tag) holds {longest} characters; {MAX_TAG_CHARACTERS} at most")
    _check_whole(message, batch)
    outcomes = [batch.column(name) for name in _outcomes(message)]
    if environment(message) != "PRODUCTION" or columns.shap_values_column_names:
        return
    # In the usual case a column has no nulls, and the rows need not be checked.
    if not batch.num_rows or any(column.null_count == 0 for column in outcomes):
        return
    if not outcomes or pc.any(reduce(pc.and_, (column.is_null() for column in outcomes))).as_py():
        raise RefusedError("a production row has neither a prediction nor an actual")


def _check_whole(message: Any, batch: pa.RecordBatch) -> None:
    for role, name in _whole(message):
        if nulls := batch.column(name).null_count:
            raise RefusedError(f"column {name!r} ({role}) has {nulls} nulls")
    if (name := message.arrow_schema.rank_column_name) and batch.num_rows:
        bounds = pc.min_max(batch.column(name)).as_py()
        if bounds["min"] < 1 or bounds["max"] > MAX_RANK:
            raise RefusedError(f"column {name!r} (rank) must lie within 1-{MAX_RANK}")


def _check_ids(name: str, ids: pa.Array) -> None:
    if ids.null_count:
        raise RefusedError(f"column {name!r} (prediction id) has {ids.null_count} nulls")
    if pa.types.is_string(ids.type) and len(ids):
        bounds = pc.min_max(pc.utf8_length(ids)).as_py()
        if bounds["min"] < 1 or bounds["max"] > MAX_ID_CHARACTERS:
            raise RefusedError(f"column {name!r} (prediction id) must have 1-{MAX_ID_CHARACTERS} characters")


def _check_timestamps(name: str, times: pa.Array, now_s: float) -> None:
    if times.null_count:
        raise RefusedError(f"column {name!r} (timestamp) has {times.null_count} nulls")
    if not len(times):
        return
    if pa.types.is_temporal(times.type):
        times = times.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    bounds = pc.min_max(times).as_py()
    if not (now_s - 5 * YEAR_S <= bounds["min"] and bounds["max"] <= now_s + YEAR_S):
        raise RefusedError(f"column {name!r} (timestamp) must lie within 5 years back and 1 year ahead, in seconds")


def _outcomes(message: Any) -> Iterator[str]:
    columns = message.arrow_schema
    for name in (
        columns.prediction_label_column_name,
        columns.prediction_score_column_name,
        columns.actual_label_column_name,
        columns.actual_score_column_name,
        columns.rank_column_name,
    ):
        if name:
            yield name
    yield from (name for role, name, _ in _image_columns(columns) if role.endswith("coordinates"))


def _whole(message: Any) -> Iterator[tuple[str, str]]:
    """(role, column) of the columns that must have a value in every row."""
    columns, kinds = message.arrow_schema, _PB2.Schema.ModelType
    named: list[tuple[str, str]] = []
    if message.constants.model_type == kinds.RANKING:
        named = [("group", columns.prediction_group_id_column_name), ("rank", columns.rank_column_name)]
    elif message.constants.model_type == kinds.MULTI_CLASS:
        named = [
            ("prediction score", columns.prediction_score_column_name),
            ("threshold score", columns.multi_class_threshold_scores_column_name),
            ("actual score", columns.actual_score_column_name),
        ]
    elif message.constants.model_type == kinds.OBJECT_DETECTION:
        named = [(role, name) for role, name, _ in _image_columns(columns)]
    return ((role, name) for role, name in named if name)


def _image_columns(columns: Any) -> Iterator[tuple[str, str, Sequence[pa.DataType]]]:
    """(role, column, types taken) of an object_detection model's own columns."""
    taken = {
        "bboxes_coordinates": _COORDINATES,
        "polygons_coordinates": _COORDINATES,
        "bboxes_categories": (_STRINGS,),
        "polygons_categories": (_STRINGS,),
        "bboxes_scores": _SCORES,
        "polygons_scores": _SCORES,
    }
    for part in ("prediction", "actual"):
        for family in ("object_detection", "semantic_segmentation", "instance_segmentation"):
            names = getattr(columns, f"{part}_{family}_label_column_names")
            for field, name in names.ListFields():
                key = field.name.removesuffix("_column_name")
                yield f"{part} {key.replace('_', ' ')}", name, taken[key]


def _roles(message: Any) -> Iterator[tuple[str, str, Sequence[pa.DataType]]]:
    """(role, column, types taken) of every column that the schema names."""
    columns = message.arrow_schema
    kinds, kind = _PB2.Schema.ModelType, message.constants.model_type
    labels = _NUMBERS if kind == kinds.NUMERIC else _VALUES
    relevance = (pa.string(), _STRINGS, pa.null()) if kind == kinds.RANKING else labels
    scores = _CLASS_SCORES if kind == kinds.MULTI_CLASS else _NUMBERS
    single = (
        ("prediction id", columns.prediction_id_column_name, (pa.string(), *_INTS)),
        ("timestamp", columns.timestamp_column_name, _TIMESTAMPS),
        ("prediction label", columns.prediction_label_column_name, labels),
        ("prediction score", columns.prediction_score_column_name, scores),
        ("actual label", columns.actual_label_column_name, relevance),
        ("actual score", columns.actual_score_column_name, scores),
        ("threshold score", columns.multi_class_threshold_scores_column_name, _CLASS_SCORES),
        ("group", columns.prediction_group_id_column_name, (pa.string(), *_INTS)),
        ("rank", columns.rank_column_name, _INTS),
    )
    yield from _image_columns(columns)
    yield from (entry for entry in single if entry[1])
    yield from (("feature", name, (*_VALUES, _STRINGS)) for name in columns.feature_column_names)
    yield from (("tag", name, _VALUES) for name in columns.tag_column_names)
    numbers = (pa.int32(), pa.int64(), pa.float32(), pa.float64())
    yield from (("shap value", name, numbers) for name in columns.shap_values_column_names.values())
    vectors = (pa.list_(pa.float32()), pa.list_(pa.float64()))
    for names in columns.embedding_feature_column_names_map.values():
        yield "embedding vector", names.vector_column_name, vectors
        if names.data_column_name:
            yield "embedding data", names.data_column_name, (pa.string(), _STRINGS)
        if names.link_to_data_column_name:
            yield "embedding link", names.link_to_data_column_name, (pa.string(),)
