"""The arize SDK's own validator, asked about rows."""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
from arize.ml.batch_validation.validator import Validator
from arize.ml.client import _get_pb_schema
from arize.ml.types import Environments, ModelTypes
from arize.ml.types import Schema as ArizeSchema

from ingest.config.resolve import RouteConfig
from ingest.config.schema import Environment, misplaced
from ingest.config.sections import Arize
from ingest.config.settings import Config
from ingest.pipeline.arize.roles import shapes
from ingest.pipeline.arize.uploader import arize_schema, meanings
from ingest.pipeline.decoding.result import Decoded
from ingest.pipeline.rows import RowProcessor
from tests.harness.messages import FakeMessage
from tests.harness.validation_cases import NOW_S, Model, Row


def configured(model: Model, environment: Environment) -> RouteConfig:
    arize = Arize(model_type=model.model_type, environment=environment, batch_id="b" * (environment == "validation"))
    # The SDK knows no other unit of numbers.
    schema = model.schema.with_columns({"timestamp_unit": "s"})
    return Config(arize=arize, schema=schema).topics[0].routes[0]


def judged(config: RouteConfig, rows: list[Row]) -> Decoded:
    return RowProcessor(config, lambda: NOW_S).judge(
        [FakeMessage(json.dumps(row).encode(), timestamp=(1, int(NOW_S * 1000))) for row in rows]
    )


def sent(config: RouteConfig, decoded: Decoded) -> Iterator[pa.Table]:
    """The accepted rows as they are sent, shape by shape."""
    bits = shapes(decoded.table, config.schema, config.arize.model_type)
    for bit in sorted(set(bits.tolist())):
        yield pa.Table.from_batches([decoded.table.filter(pa.array(bits == bit))])


def oracle(config: RouteConfig, table: pa.Table, schema: ArizeSchema) -> list[str]:
    """What the SDK says against these rows. Lists and strings as numpy has them: it can't take all that Arrow has."""
    kind, environment = ModelTypes[config.arize.model_type.upper()], Environments[config.arize.environment.upper()]
    plain = {pa.int64(), pa.float64(), pa.bool_()}
    frame = table.to_pandas(types_mapper=lambda kind: pd.ArrowDtype(kind) if kind in plain else None)
    told: Any = {"dataframe": frame, "environment": environment, "schema": schema}
    named: Any = {"model_id": "m", "model_version": "1", "batch_id": config.arize.batch_id}
    try:
        errors: list[Any] = (
            [*Validator.validate_required_checks(**told, **named)]
            or [*Validator.validate_params(**told, **named, model_type=kind)]
            or [*Validator.validate_types(model_type=kind, schema=schema, pyarrow_schema=table.schema)]
            or [*Validator.validate_values(**told, model_type=kind, max_past_years=5)]
        )
    except (TypeError, KeyError, ValueError, AttributeError) as crash:
        return [f"crash: {type(crash).__name__}"]
    return [type(error).__name__ for error in errors]


def raw_table(rows: list[Row]) -> pa.Table:
    """The rows as a user of the SDK would have them, without any of our rules."""
    columns: dict[str, pa.Array] = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[name] = pa.array(list(map(str, values)))  # a column of objects, to pandas
        kind = columns[name].type
        if pa.types.is_null(kind) and name in {"v", "w"}:
            columns[name] = columns[name].cast(pa.list_(pa.float64()))
        if pa.types.is_list(kind) and pa.types.is_integer(kind.value_type):
            columns[name] = columns[name].cast(pa.list_(pa.float64()))
        if pa.types.is_list(kind) and pa.types.is_null(kind.value_type):
            columns[name] = pa.array(
                values, pa.list_(pa.list_(pa.float64()) if name.endswith(("b", "p")) else pa.string())
            )
    return pa.table(columns)


def named_schema(config: RouteConfig, table: pa.Table) -> ArizeSchema:
    """The SDK's schema for the columns that the configuration names and the table has, those of nulls included."""
    named = arize_schema(meanings(config, pa.table({name: [1] for name in table.column_names})))
    foreign = [key for key in misplaced(config.arize.model_type) if key in table.column_names]
    shap = [name for name in table.column_names if name.endswith("_shap")]
    features: Any = named.feature_column_names
    return named.replace(feature_column_names=[*features, *shap], **{f"{key}_column_name": key for key in foreign})


def wire(config: RouteConfig, schema: ArizeSchema) -> Any:
    """What the SDK tells the server of the columns."""
    arize = config.arize
    told = _get_pb_schema(
        schema=schema,
        model_id="m",
        model_version="1",
        model_type=ModelTypes[arize.model_type.upper()],
        environment=Environments[arize.environment.upper()],
        batch_id="",
    )
    return told.arrow_schema  # type: ignore[attr-defined]
