"""An upload is accepted or rejected as Arize would do it, and a rejection names the column."""

import base64
from typing import Any

import pyarrow as pa
import pytest

from ingest.sandbox.arize_schema import _PB2, METADATA_KEY, RefusedError, check_columns, check_rows, decode

NOW_S = 1_800_000_000.0


def message_of(**columns: str) -> Any:
    message = _PB2.Schema()
    message.constants.model_id = "churn"
    message.constants.environment = _PB2.Schema.Environment.PRODUCTION
    message.constants.model_type = _PB2.Schema.ModelType.SCORE_CATEGORICAL
    named = {
        "prediction_id_column_name": "id",
        "timestamp_column_name": "ts",
        "prediction_label_column_name": "label",
        **columns,
    }
    for name, column in named.items():
        setattr(message.arrow_schema, name, column)
    message.arrow_schema.feature_column_names.extend(["x"])
    message.arrow_schema.tag_column_names.extend(["tag"])
    return message


def batch_of(**columns: Any) -> pa.RecordBatch:
    given = {
        "id": pa.array(["a", "b"]),
        "ts": pa.array([NOW_S, NOW_S - 1]),
        "label": pa.array(["yes", None]),
        "x": pa.array([1, 2]),
        "tag": pa.array(["t", None]),
        **columns,
    }
    return pa.RecordBatch.from_pydict({name: value for name, value in given.items() if value is not None})


def check(batch: pa.RecordBatch, message: Any | None = None) -> None:
    told = message_of(actual_label_column_name="label") if message is None else message
    check_columns(told, batch.schema)
    check_rows(told, batch, NOW_S)


def test_a_good_batch_passes() -> None:
    check(batch_of(label=pa.array(["yes", "no"])))


@pytest.mark.parametrize(
    "kind",
    [pa.int8(), pa.int64(), pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.null(), pa.list_(pa.string())],
)
def test_features_of_every_type_that_arize_takes(kind: pa.DataType) -> None:
    check(batch_of(label=pa.array(["yes", "no"]), x=pa.nulls(2, kind)))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("x", pa.array([1, 2], pa.uint64())),
        ("x", pa.array(["a", "b"], pa.large_string())),
        ("x", pa.array([{"a": 1}, None])),
        ("x", pa.array([[1], [2]])),
        ("tag", pa.array([["a"], ["b"]])),
        ("tag", pa.array(["a" * 20_001, None])),
        ("label", pa.array([["a"], ["b"]])),
        ("id", pa.array([1.5, 2.5])),
        ("id", pa.array(["a", None])),
        ("id", pa.array(["a", ""])),
        ("id", pa.array(["a", "é" * 513])),
        ("ts", pa.array(["now", "then"])),
        ("ts", pa.array([NOW_S, None])),
        ("ts", pa.array([NOW_S, NOW_S * 1000])),
        ("ts", pa.array([0, int(NOW_S)])),
        ("ts", pa.array([NOW_S, float("nan")]).cast(pa.float32())),
        ("x", None),
        ("id", None),
    ],
)
def test_a_refusal_names_the_column(column: str, values: pa.Array | None) -> None:
    with pytest.raises(RefusedError, match=f"'{column}'"):
        check(
            batch_of(label=pa.array(["yes", "no"])).drop_columns([column])
            if values is None
            else batch_of(**{column: values})
        )


def test_timestamps_of_the_timestamp_type_are_taken() -> None:
    check(batch_of(label=pa.array(["yes", "no"]), ts=pa.array([int(NOW_S)] * 2).cast(pa.timestamp("s"))))


def test_a_column_that_is_there_twice_is_refused() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(["a"])] * 2, ["id", "id"])
    with pytest.raises(RefusedError, match="2 times"):
        check_columns(message_of(), batch.schema)


def test_a_production_row_without_prediction_and_actual_is_refused() -> None:
    with pytest.raises(RefusedError, match="neither"):
        check(batch_of(), message_of())


def test_numeric_models_take_no_string_labels() -> None:
    message = message_of()
    message.constants.model_type = _PB2.Schema.ModelType.NUMERIC
    with pytest.raises(RefusedError, match="'label'"):
        check(batch_of(label=pa.array(["1", "2"])), message)


@pytest.mark.parametrize(
    "metadata", [None, {}, {METADATA_KEY: b"!"}, {METADATA_KEY: base64.b64encode(b"\xff\xff")}, {METADATA_KEY: b""}]
)
def test_a_stream_without_a_usable_schema_is_refused(metadata: dict[bytes, bytes] | None) -> None:
    with pytest.raises(RefusedError, match="arize-schema"):
        decode(pa.schema([], metadata=metadata))
