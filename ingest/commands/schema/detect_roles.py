"""Detects which column is the id, the timestamp, a label or a score, by its name and its values.

Rules
1. If the sample has the column that the configuration names, it has the role.
2. Otherwise a column with a known name (`prediction.id` and `predictionId` are read as `prediction_id`) has the role,
   the likeliest name first, if its values fit: an id and a timestamp are present in at least 99% of the messages, ids
   are unique, timestamps are in the range that Arize accepts, scores are numbers.
3. Otherwise the last part of a path is compared (`event.created_at`), for an id only below an object that means the
   message itself (`event.id`, not `user.id`).
4. Otherwise the timestamp is the only column whose values are times: among those with a word of time in their names, or
   else among all that hold ISO 8601 texts. Numbers alone aren't taken for times: they may be anything.
5. A column gets one role. Roles that aren't detected are left to the person who reads the file.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from ingest.commands.schema.column_statistics import MOST_DISTINCT, ColumnStatistics, SampleStatistics
from ingest.config.schema import Schema
from ingest.pipeline.decoding.timestamp_text import instant_ns

YEAR_S = 365 * 86_400
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Objects whose id is that of the message.
_MESSAGE_ITSELF = {
    "after", "body", "data", "event", "header", "headers", "inference", "message", "meta", "metadata", "payload",
    "prediction", "record", "request", "value",
}  # fmt: skip
_TIME_WORDS = {
    "at", "clock", "created", "date", "datetime", "epoch", "ms", "nanos", "ns", "occurred", "received", "sent", "time",
    "timestamp", "ts", "us", "utc", "when",
}  # fmt: skip
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (float("inf"), 1e9))

NAMES: Mapping[str, tuple[str, ...]] = {
    "prediction_id": (
        "prediction_id", "pred_id", "inference_id", "prediction_uuid", "event_id", "request_id", "message_id", "uuid",
        "id",
    ),
    "timestamp": (
        "prediction_ts", "prediction_timestamp", "prediction_time", "predicted_at", "event_timestamp", "event_time",
        "event_ts", "timestamp", "ts", "created_at", "time",
    ),
    "prediction_label": (
        "prediction_label", "predicted_label", "prediction_class", "predicted_class", "prediction_value", "prediction",
        "predicted",
    ),
    "prediction_score": (
        "prediction_score", "predicted_score", "prediction_probability", "score", "probability", "confidence",
    ),
    "actual_label": ("actual_label", "actual_class", "actual_value", "actual", "ground_truth", "true_label"),
    "actual_score": ("actual_score",),
}  # fmt: skip


def detect_roles(sample: SampleStatistics, schema: Schema, model_type: str, now_epoch_s: float) -> dict[str, str]:
    """The detected column of each [schema] key in `NAMES`. `now_epoch_s`: seconds since 1970."""
    fits = _checks(sample, model_type, now_epoch_s)
    found: dict[str, str] = {}
    taken = {getattr(schema, key) for key in NAMES} & sample.columns.keys()
    for key, names in NAMES.items():
        configured = getattr(schema, key)
        if configured in sample.columns or (not configured and key in schema.model_fields_set):
            if configured:
                found[key] = configured
            continue
        fitting = [name for name, seen in sample.columns.items() if name not in taken and fits[key](seen)]
        likely = _named(key, names, fitting) or (_only_time(sample, fitting) if key == "timestamp" else None)
        if likely is not None:
            found[key] = likely
            taken.add(likely)
    return found


def is_named(key: str, column: str) -> bool:
    """Whether the column was detected by its name too, not by its values alone."""
    return _named(key, NAMES[key], [column]) is not None


def _named(key: str, names: Sequence[str], columns: Sequence[str]) -> str | None:
    """The first of `columns` that is called as one of `names`, the whole path before the last part of it."""
    for wanted in names:
        for column in columns:
            if snake_case(column) == wanted:
                return column
    for wanted in names:
        for column in columns:
            parent, dot, last = column.rpartition(".")
            own = key != "prediction_id" or snake_case(parent.rpartition(".")[2]) in _MESSAGE_ITSELF
            if dot and own and snake_case(last) == wanted:
                return column
    return None


def _only_time(sample: SampleStatistics, columns: Sequence[str]) -> str | None:
    """Rule 4; `columns` are those whose values are times."""
    named = [name for name in columns if _TIME_WORDS & set(snake_case(name).split("_"))]
    texts = [name for name in columns if set(sample.columns[name].type_counts) == {"string"}]
    return next((only[0] for only in (named, texts) if len(only) == 1), None)


def snake_case(name: str) -> str:
    """The name in one spelling: `prediction.id` and `predictionId` are `prediction_id`."""
    return re.sub(r"\W+", "_", _HUMP.sub("_", name)).lower()


def _checks(
    sample: SampleStatistics, model_type: str, now_epoch_s: float
) -> Mapping[str, Callable[[ColumnStatistics], bool]]:
    numeric = model_type in {"regression", "numeric"}

    def everywhere(seen: ColumnStatistics) -> bool:
        return bool(seen.values) and seen.values >= sample.rows * 0.99

    def is_id(seen: ColumnStatistics) -> bool:
        unique = len(seen.distinct) >= min(seen.values, MOST_DISTINCT)
        return everywhere(seen) and unique and set(seen.type_counts) <= {"string", "integer"}

    def is_time(seen: ColumnStatistics) -> bool:
        return everywhere(seen) and all(_within(value, now_epoch_s) for value in seen.examples())

    def is_label(seen: ColumnStatistics) -> bool:
        allowed = {"integer", "float"} if numeric else {"string", "boolean", "integer", "float"}
        return bool(seen.values) and set(seen.type_counts) <= allowed

    def is_score(seen: ColumnStatistics) -> bool:
        return bool(seen.values) and set(seen.type_counts) <= {"integer", "float"}

    return {
        "prediction_id": is_id,
        "timestamp": is_time,
        "prediction_label": is_label,
        "prediction_score": is_score,
        "actual_label": is_label,
        "actual_score": is_score,
    }


def _within(value: object, now_epoch_s: float) -> bool:
    """Whether the value is a time from 5 years ago to a year ahead; the unit follows from its magnitude."""
    if isinstance(value, str):
        ns = instant_ns(value)
        if ns is None:
            return False
        seconds = ns / 1e9
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / next(scale for limit, scale in _UNITS if abs(value) <= limit)
    else:
        return False
    return now_epoch_s - 5 * YEAR_S <= seconds <= now_epoch_s + YEAR_S
