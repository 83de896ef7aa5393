"""Validation by row: where the arize SDK would refuse a whole upload, one row is rejected.

Rules (the SDK's validator, arize 8.61, ml/batch_validation/validator.py, applied to one row)
1. An id, of a prediction or of a ranking group, has 1-512 characters; a timestamp lies within `max_past_years` back and
   1 year ahead (if it would in another unit than the one that is set, the reason names that one); a string tag has at
   most 20,000 characters.
2. A production row has a prediction, which needs a timestamp, or an actual; SHAP values alone will do but for
   multi_class and object_detection. A row of training or validation has both. What has no prediction needs an id to be
   joined by.
3. A prediction is whole: a ranking one has a group and a rank, an image's coordinates have categories, thresholds have
   scores.
4. An embedding's vector has 2-20,000 finite numbers; its text, which needs a vector, 2,000,000 characters.
5. Ranking: a rank is 1-100; relevance labels are neither empty nor hold an empty string.
6. multi_class: 1-500 classes of 1-100 characters; scores and thresholds 0-1, of the same classes; actuals 0 or 1.
7. object_detection: see geometry; no category is null, scores are 0-1.
8. A column that is no SHAP column must not end in _shap; a model type without labels or scores must get none.
9. Of two columns that mean the same to Arize, the SDK sends one and drops the other in silence: they must not differ.
   The SDK does not have this rule.

Types are not checked here: columns have those of their rules (`decoding.rules`). Nor are the rules that only a batch
can break: see `batch_groups` in `roles`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.config.schema import misplaced
from ingest.pipeline.arize.column_view import ColumnView, Fault, ValidationLimits, outside, where
from ingest.pipeline.arize.geometry import Ints, Mask, numpy_of, parents_of
from ingest.pipeline.arize.roles import outcome_columns, roles, shadowed
from ingest.pipeline.arize.validate_models import CHECKS, id_length
from ingest.pipeline.decoding.look_alikes import LookAlikes
from ingest.pipeline.decoding.result import Decoded
from ingest.reasons import Reason
from ingest.records import Rejected

YEAR_S = 365 * 86_400
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
OLDEST_S = -9_000_000_000  # 1684: nanoseconds of 64 bits don't reach far beyond
MAX_TAG_CHARACTERS = 20_000
MAX_DIMENSIONS = 20_000
MAX_TEXT_CHARACTERS = 2_000_000


def validated(decoded: Decoded, limits: ValidationLimits, now_epoch_s: float) -> Decoded:
    """`decoded` with the rows that Arize would refuse among the rejected ones. `now_epoch_s`: seconds since 1970."""
    return decoded.without(rows_refused(decoded.table, limits, now_epoch_s))


def rows_refused(table: pa.RecordBatch, limits: ValidationLimits, now_epoch_s: float) -> list[Rejected]:
    """The rows of `table` that Arize would refuse, each with the first thing that is wrong with it."""
    found: dict[int, Rejected] = {}
    if table.num_rows:
        for rows, reason in _faults(ColumnView(table, limits), now_epoch_s):
            for row in rows.tolist():
                found.setdefault(row, Rejected(row, reason))
    return [found[row] for row in sorted(found)]


def _faults(view: ColumnView, now_epoch_s: float) -> Iterator[Fault]:
    schema, model_type = view.limits.schema, view.limits.model_type
    roles_found = roles(schema, model_type, list(view.columns))
    yield from _names(view, (*roles_found.features, *roles_found.tags))
    predicted = view.any(outcome_columns(schema, model_type)[0])
    for key, needed in (("prediction_id", np.ones(view.rows, dtype=np.bool_)), ("timestamp", predicted)):
        if name := getattr(schema, key):
            detail = f'no value in "{name}", which [schema] {key} names'
            yield from _with_look_alikes(
                view, needed & ~view.valid(name), Reason("missing_column", detail), [name], settings=[key]
            )
    yield from id_length(view, schema.prediction_id, "prediction_id")
    yield from _timestamp(view, schema.timestamp, now_epoch_s)
    for tag in roles_found.tags:
        detail = f'the tag "{tag}" has more than {MAX_TAG_CHARACTERS} characters'
        yield _rows_longer_than(view, tag, MAX_TAG_CHARACTERS), Reason("tag_length", detail)
    yield from _outcomes(view, list(roles_found.shap.values()))
    for name, one in schema.embeddings.items():
        yield from _vector(view, one.vector, f"[schema] embeddings.{name}.vector")
        yield from _text(view, one.data, f"[schema] embeddings.{name}.data")
        lost = view.any([one.data, one.link]) & ~view.valid(one.vector)
        detail = f'[schema] embeddings.{name} has no "{one.vector}", without which Arize takes nothing of an embedding'
        yield np.flatnonzero(lost), Reason("embedding_without_vector", detail)
    if (checks := CHECKS.get(model_type)) is not None:
        yield from checks(view)


def _names(view: ColumnView, features_and_tags: tuple[str, ...]) -> Iterator[Fault]:
    """Rules 8 and 9."""
    schema, model_type = view.limits.schema, view.limits.model_type
    for name in features_and_tags:
        if name.endswith("_shap"):
            detail = f'"{name}" ends in _shap, which Arize takes for SHAP columns only; name it in [schema.shap]'
            yield np.flatnonzero(view.valid(name)), Reason("reserved_name", detail)
    for key in misplaced(model_type):
        name = getattr(schema, key)
        detail = f'"{name}": a model of type {model_type} has no {key}; exclude it, or set [schema] {key} = ""'
        yield np.flatnonzero(view.valid(name)), Reason("misplaced_column", detail)
    for one, other in shadowed(schema, model_type):
        both = np.flatnonzero(view.valid(one) & view.valid(other))
        differ = [row for row in both.tolist() if view.value(one, row) != view.value(other, row)]
        detail = f'"{one}" and "{other}" differ, and Arize takes them for one; exclude one of them'
        yield np.asarray(differ, dtype=np.int64), Reason("two_values", detail)


def _timestamp(view: ColumnView, name: str, now_epoch_s: float) -> Iterator[Fault]:
    if (column := view.columns.get(name)) is None:
        return
    # Whole seconds, so that the limit is the same in every unit.
    now_s, scale = math.floor(now_epoch_s), 1
    if pa.types.is_temporal(column.type):
        if pa.types.is_date(column.type):
            column = column.cast(pa.timestamp("ms"))
        scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
        column = column.cast(pa.int64())
    years = view.limits.max_past_years
    low, high = max(now_s - years * YEAR_S, OLDEST_S) * scale, (now_s + YEAR_S) * scale
    rows = outside(column, low, high)
    detail = f'"{name}" ([schema] timestamp) must lie within {years} years back and 1 year ahead'
    if len(rows):
        seconds = np.asarray(numpy_of(column.cast(pa.float64(), safe=False)), dtype=np.float64)[rows] / scale
        for meant, fitting in _meant_units(seconds, view.limits.schema.timestamp_unit, low / scale, high / scale):
            hint = (
                f'[schema] timestamp_unit is "{view.limits.schema.timestamp_unit}", and the value looks like "{meant}"'
            )
            yield rows[fitting], Reason("timestamp_range", f"{detail}; {hint}")
    yield rows, Reason("timestamp_range", detail)


def _meant_units(seconds: Any, unit: str, low_s: float, high_s: float) -> Iterator[tuple[str, Mask]]:
    """The units in which values that were read as `unit` would lie within the limits, and which values those are."""
    for meant, nanoseconds in _NANOSECONDS.items() if unit in _NANOSECONDS else ():
        instants = seconds * (nanoseconds / _NANOSECONDS[unit])
        if (fitting := (low_s <= instants) & (instants <= high_s)).any():
            yield meant, fitting


def _rows_longer_than(view: ColumnView, name: str, limit: int) -> Ints:
    """The rows whose text has more than `limit` characters; it never has more of them than bytes."""
    column = view.columns.get(name)
    if column is None or not pa.types.is_string(column.type) or pc.max(pc.binary_length(column)).as_py() <= limit:
        return np.empty(0, dtype=np.int64)
    return where(pc.greater(pc.utf8_length(column), limit))


def _outcomes(view: ColumnView, shap: list[str]) -> Iterator[Fault]:
    """Rule 2."""
    environment = view.limits.environment
    predictions, actuals = outcome_columns(view.limits.schema, view.limits.model_type)
    predicted, actual, explained = view.any(predictions), view.any(actuals), view.any(shap)
    columns = f"none of {', '.join(predictions)}; {', '.join(actuals)}"
    if environment == "production":
        # The SDK finds these models incomplete without their own columns.
        alone = view.limits.model_type not in {"multi_class", "object_detection"}
        something = predicted | actual | (explained & alone)
        detail = f"it has no prediction, actual or SHAP value ({columns})"
        yield from _with_look_alikes(view, ~something, Reason("no_prediction", detail), [*predictions, *actuals])
    else:
        needs = f"which environment {environment} needs"
        detail = f"it has no prediction, {needs} ({columns})"
        yield from _with_look_alikes(view, ~predicted, Reason("no_prediction", detail), predictions)
        detail = f"it has no actual, {needs} ({columns})"
        yield from _with_look_alikes(view, ~actual, Reason("no_actual", detail), actuals)
    if not view.limits.schema.prediction_id:
        detail = "without a prediction it is joined by its id; name the column in [schema] prediction_id"
        yield np.flatnonzero(~predicted & (actual | explained)), Reason("no_id", detail)


def _with_look_alikes(
    view: ColumnView, lacking: Mask, reason: Reason, wanted: Sequence[str], *, settings: Sequence[str] = ()
) -> Iterator[Fault]:
    """The rows that lack the wanted columns, each with a reason that says where they may be."""
    if (rows := np.flatnonzero(lacking)).size:
        for words, own in LookAlikes(view.columns, wanted, settings).reasons(rows.tolist()):
            yield np.asarray(own, dtype=np.int64), replace(reason, detail=reason.detail + words)


def _vector(view: ColumnView, name: str, setting: str) -> Iterator[Fault]:
    if (column := view.columns.get(name)) is None:
        return
    rows = outside(pc.list_value_length(column), 2, MAX_DIMENSIONS)
    yield rows, Reason("embedding_dimensions", f'"{name}" ({setting}) must have 2-{MAX_DIMENSIONS} numbers')
    finite = pc.fill_null(pc.is_finite(pc.list_flatten(column)), fill_value=False)
    if not pc.all(finite, min_count=0).as_py():
        rows = parents_of(column)[where(pc.invert(finite))]
        yield rows, Reason("embedding_values", f'"{name}" ({setting}) must hold finite numbers only')


def _text(view: ColumnView, name: str, setting: str) -> Iterator[Fault]:
    too_long = Reason("embedding_text_length", f'"{name}" ({setting}) has more than {MAX_TEXT_CHARACTERS} characters')
    yield _rows_longer_than(view, name, MAX_TEXT_CHARACTERS), too_long
    tokens = view.columns.get(name)
    if tokens is None or not pa.types.is_list(tokens.type):
        return
    flat, parents = pc.list_flatten(tokens), parents_of(tokens)
    yield parents[where(flat.is_null())], Reason("embedding_text", f'"{name}" ({setting}) holds a null')
    lengths = np.asarray(numpy_of(pc.fill_null(pc.utf8_length(flat), 0)), dtype=np.int64)
    long = np.flatnonzero(np.bincount(parents, lengths, minlength=view.rows) > MAX_TEXT_CHARACTERS)
    yield long, too_long
