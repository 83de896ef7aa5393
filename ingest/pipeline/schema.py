"""Schema rules: which column means what to Arize, and what Arize takes in it.

Rules
1. The reserved columns are those of Arize's Kafka page (prediction_id, prediction_ts, prediction_label,
   prediction_score) unless [schema] renames them; an empty name switches one off.
2. A column is a tag if [schema] tags names it, else a feature; with [schema] features set, only those are features.
3. prediction_id and timestamp must have a value in every row: Arize refuses a whole upload for one null in them.
   A row without one becomes a dead letter, whatever its neighbours have.
4. Kinds are those the SDK's validator takes (arize 8.61, batch_validation/validator.py): timestamps are numbers of
   seconds, scores numbers, labels of numeric models numbers, a tag no list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.config import Schema
from ingest.pipeline.kinds import Rule

_NUMBERS = frozenset({"integer", "float"})
_SCALARS = frozenset({"boolean", "integer", "float", "string"})
_NUMERIC_MODELS = frozenset({"regression", "numeric"})


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of one batch by what they mean; None where the batch has no such column."""

    prediction_id: str | None
    timestamp: str | None
    prediction_label: str | None
    prediction_score: str | None
    actual_label: str | None
    actual_score: str | None
    features: tuple[str, ...]
    tags: tuple[str, ...]


def rules(schema: Schema, model_type: str) -> dict[str, Rule]:
    """What may stand in the columns that `schema` gives a meaning, by column name."""
    labels = _NUMBERS if model_type in _NUMERIC_MODELS else _SCALARS
    found = {tag: Rule("tags", _SCALARS) for tag in schema.tags}
    for setting, column, kinds, required in (
        ("prediction_id", schema.prediction_id, frozenset({"string", "integer"}), True),
        ("timestamp", schema.timestamp, _NUMBERS, True),
        ("prediction_label", schema.prediction_label, labels, False),
        ("prediction_score", schema.prediction_score, _NUMBERS, False),
        ("actual_label", schema.actual_label, labels, False),
        ("actual_score", schema.actual_score, _NUMBERS, False),
    ):
        if column:
            found[column] = Rule(setting, kinds, required)
    return found


def roles(schema: Schema, columns: Sequence[str], empty: frozenset[str] = frozenset()) -> Roles:
    """Give each of `columns` its meaning.

    A reserved column in `empty` (nulls only) has nothing to say and gets none.
    """
    present = set(columns)

    def reserved(name: str) -> str | None:
        return name if name in present and name not in empty else None

    claimed = {
        schema.prediction_id,
        schema.timestamp,
        schema.prediction_label,
        schema.prediction_score,
        schema.actual_label,
        schema.actual_score,
        *schema.tags,
    }
    chosen = set(schema.features)
    return Roles(
        prediction_id=reserved(schema.prediction_id),
        timestamp=reserved(schema.timestamp),
        prediction_label=reserved(schema.prediction_label),
        prediction_score=reserved(schema.prediction_score),
        actual_label=reserved(schema.actual_label),
        actual_score=reserved(schema.actual_score),
        features=tuple(name for name in columns if name not in claimed and (not chosen or name in chosen)),
        tags=tuple(tag for tag in schema.tags if tag in present),
    )
