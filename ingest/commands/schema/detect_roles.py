"""Which column is the id, the timestamp, a label, a score: told by names, and by values that could be it.

Rules
1. The column that the configuration names is taken if the sample has it.
2. Else one whose name says it (`prediction.id` and `predictionId` are read as `prediction_id`), the likeliest name
   first; and its values must bear it out: an id and a timestamp are there in 99% of the messages or more, an id never
   comes twice, a timestamp lies within what Arize takes, a score is a number.
3. A column has one meaning here. What isn't recognised is left to the person who reads the file.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ingest.commands.schema.column_statistics import MOST_DISTINCT, ColumnStatistics, SampleStatistics
from ingest.config.schema import Schema

YEAR_S = 365 * 86_400
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
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


def detect_roles(observed: SampleStatistics, schema: Schema, model_type: str, now_epoch_s: float) -> dict[str, str]:
    """The column of each reserved key that the sample seems to have. `now_epoch_s`: seconds since 1970."""
    bears_out = _checks(observed, model_type, now_epoch_s)
    found: dict[str, str] = {}
    taken = {getattr(schema, key) for key in NAMES} & observed.columns.keys()
    for key, names in NAMES.items():
        said = getattr(schema, key)
        if said in observed.columns or (not said and key in schema.model_fields_set):
            if said:
                found[key] = said
            continue
        for wanted in names:
            fitting = [
                name
                for name, seen in observed.columns.items()
                if name not in taken and _plain(name) == wanted and bears_out[key](seen)
            ]
            if fitting:
                found[key] = fitting[0]
                taken.add(fitting[0])
                break
    return found


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", _HUMP.sub("_", name)).lower()


def _checks(
    observed: SampleStatistics, model_type: str, now_epoch_s: float
) -> Mapping[str, Callable[[ColumnStatistics], bool]]:
    numeric = model_type in {"regression", "numeric"}

    def everywhere(seen: ColumnStatistics) -> bool:
        return bool(seen.values) and seen.values >= observed.rows * 0.99

    def is_id(seen: ColumnStatistics) -> bool:
        unique = len(seen.distinct) >= min(seen.values, MOST_DISTINCT)
        return everywhere(seen) and unique and set(seen.votes) <= {"string", "integer"}

    def is_time(seen: ColumnStatistics) -> bool:
        return everywhere(seen) and all(_within(value, now_epoch_s) for value in seen.examples())

    def is_label(seen: ColumnStatistics) -> bool:
        kinds = {"integer", "float"} if numeric else {"string", "boolean", "integer", "float"}
        return bool(seen.values) and set(seen.votes) <= kinds

    def is_score(seen: ColumnStatistics) -> bool:
        return bool(seen.values) and set(seen.votes) <= {"integer", "float"}

    return {
        "prediction_id": is_id,
        "timestamp": is_time,
        "prediction_label": is_label,
        "prediction_score": is_score,
        "actual_label": is_label,
        "actual_score": is_score,
    }


def _within(value: object, now_epoch_s: float) -> bool:
    """The value is a time within 5 years back and a year ahead, in a unit that its size tells."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return False
        seconds = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / next(scale for limit, scale in _UNITS if abs(value) <= limit)
    else:
        return False
    return now_epoch_s - 5 * YEAR_S <= seconds <= now_epoch_s + YEAR_S
