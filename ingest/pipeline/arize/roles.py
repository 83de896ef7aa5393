"""Column roles: what each column is to Arize, and which rows may share a batch.

Rules
1. The reserved columns are those of Arize's Kafka page (prediction_id, prediction_ts, prediction_label,
   prediction_score) unless [schema] renames them; an empty name switches one off.
2. A column that [schema] gives a role of its own (SHAP, embeddings, ranking, boxes, ...) is not a feature. A column
   is a tag if [schema] tags names it, else a feature; with [schema] features set, only those are features. A `*` in a
   name stands for any characters. The timestamp is no tag: its type is none that Arize takes there.
3. prediction_id must have a value in every row, timestamp in every row with a prediction: Arize refuses a whole upload
   for one null in them. A row without one becomes a dead letter by itself.
4. Types are those that the SDK's validator takes (arize 8.61, batch_validation/validator.py): timestamps the types of
   their unit, scores numbers, labels of numeric models numbers, a tag no list. The SDK does not check the scores of
   numeric models, but sends them in the label's place.
5. A column of nothing but nulls has no role in its batch: it holds no value, and the SDK refuses some of them.
6. Some columns must be whole in a batch that has them at all: the SDK refuses the batch for one null in a ranking
   model's rank, a multi_class model's scores, an object_detection model's boxes; and where two columns mean the same,
   it sends one of them and drops the other in silence. Rows whose `batch_groups` differ never share a batch.
7. A row without a prediction is delayed: an actual, or SHAP values, that Arize joins to an earlier prediction by its
   id. The SDK calls a whole batch delayed, or none of it, by the columns that it names (arize 8.61, `is_delayed` in
   ml/types.py), so these rows have batches of their own, which name no column without a value: Arize must not take the
   nulls of features for the features' values. They need no timestamp; those without one are apart again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.config.patterns import matcher
from ingest.config.schema import (
    NUMERIC,
    Boxes,
    Embedding,
    Images,
    Ranking,
    Schema,
    column_roles,
    misplaced,
)


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of one batch by their role; None or absent where the batch has no such column.

    `shap` maps a feature to its column; `images` has the columns of an object_detection model by section and part, as
    in "object_detection.prediction". Names within `embeddings`, `ranking` and `images` are empty where there is none.
    """

    prediction_id: str | None
    timestamp: str | None
    prediction_label: str | None
    prediction_score: str | None
    actual_label: str | None
    actual_score: str | None
    features: tuple[str, ...]
    tags: tuple[str, ...]
    threshold_scores: str | None = None
    shap: Mapping[str, str] = field(default_factory=dict)
    embeddings: Mapping[str, Embedding] = field(default_factory=dict)
    ranking: Ranking = field(default_factory=Ranking)
    images: Mapping[str, Images] = field(default_factory=dict)

    def of(self, column: str) -> str:
        """The role of `column` in words: "prediction id", "feature", "embedding vector"; "" without one."""
        for reserved in RESERVED:
            if getattr(self, reserved) == column:
                return reserved.replace("_", " ")
        if column in self.shap.values():
            return "SHAP value"
        parts = [(f"embedding {key}", name) for columns in self.embeddings.values() for key, name in columns]
        parts += [(f"ranking {key}", name) for key, name in self.ranking]
        parts += [(f"{part} {key}", name) for part, columns in self.images.items() for key, name in columns]
        for role, name in parts:
            if name == column:
                return role.replace("_", " ").replace(".", " ")
        if column in self.features:
            return "feature"
        return "tag" if column in self.tags else ""


RESERVED = (
    "prediction_id",
    "timestamp",
    "prediction_label",
    "prediction_score",
    "actual_label",
    "actual_score",
    "threshold_scores",
)


def roles(schema: Schema, model_type: str, columns: Sequence[str], empty: frozenset[str] = frozenset()) -> Roles:
    """The role of each of `columns`. One in `empty` (nulls only) can only be a feature or a tag."""
    present = set(columns) - empty
    foreign = misplaced(model_type)

    def there(name: str) -> str:
        return name if name in present else ""

    reserved = {key: there(getattr(schema, key)) or None for key in RESERVED if key not in foreign}
    shap = shap_columns(schema, columns)
    taken = {role.column for role in column_roles(schema, model_type) if role.setting != "tags"} | set(shap.values())
    tag, feature = matcher(schema.tags), matcher(schema.features)
    added = schema.added()
    # One of nulls only may still be called like a SHAP column, which the SDK refuses a whole batch for.
    columns = [name for name in columns if name in present or not name.endswith("_shap")]
    if not present.intersection(outcome_columns(schema, model_type)[0]):
        columns = [name for name in columns if name in present]
    tags = tuple(
        name for name in columns if (tag.fullmatch(name) and name != reserved.get("timestamp")) or name in added
    )
    return Roles(
        **{key: reserved.get(key) for key in RESERVED},
        shap={feature: column for feature, column in shap.items() if column in present},
        embeddings={
            name: Embedding(vector=one.vector, data=there(one.data), link=there(one.link))
            for name, one in schema.embeddings.items()
            if one.vector in present
        },
        ranking=Ranking(**{key: there(name) for key, name in schema.ranking}),
        images={part: one.only(present) for part, one in schema.images().items() if first_column(one) in present},
        features=tuple(
            name
            for name in columns
            if name not in taken and name not in tags and (not schema.features or feature.fullmatch(name))
        ),
        tags=tags,
    )


def first_column(images: Images) -> str:
    """The coordinates' column."""
    return images.boxes if isinstance(images, Boxes) else images.polygons


def shap_columns(schema: Schema, columns: Sequence[str]) -> dict[str, str]:
    """The SHAP column of each feature.

    One that is named goes before a wildcard's, and the first wildcard before the others, whether or not its column is
    there: which role a column has does not depend on its neighbours.
    """
    present = set(columns)
    found = {feature: name for feature, name in schema.shap.items() if "*" not in name and name in present}
    named = {name for name in schema.shap.values() if "*" not in name}
    taken = {feature for feature, name in schema.shap.items() if "*" not in name}
    earlier: list[str] = []
    for feature, pattern in schema.shap.items():
        head, star, tail = pattern.partition("*")
        for name in columns if star else ():
            inner = name.removeprefix(head).removesuffix(tail)
            if not inner or name != f"{head}{inner}{tail}" or name in named:
                continue
            explained = feature.replace("*", inner)
            if explained not in taken and not any(_is_like(explained, other) for other in earlier):
                found[explained] = name
        if star:
            earlier.append(feature)
    return found


def _is_like(feature: str, pattern: str) -> bool:
    head, _, tail = pattern.partition("*")
    return len(feature) > len(head) + len(tail) and feature.startswith(head) and feature.endswith(tail)


def shadowed(schema: Schema, model_type: str) -> list[tuple[str, str]]:
    """Pairs of columns that mean the same: if both have a value, the SDK sends the second (ml/client.py)."""
    ranking = schema.ranking
    pairs: list[tuple[str, str]] = []
    if model_type in NUMERIC:
        pairs = [(schema.prediction_label, schema.prediction_score), (schema.actual_label, schema.actual_score)]
    if model_type == "ranking":
        pairs = [
            (schema.actual_label, ranking.relevance_labels or ranking.attributions),
            (schema.actual_score, ranking.relevance_score),
        ]
    return [(one, other) for one, other in pairs if one and other]


def batch_groups(table: pa.RecordBatch, schema: Schema, model_type: str) -> npt.NDArray[np.int64]:
    """The batch group of each row; rows of different groups never share a batch (rule 6). Mostly all are 0."""
    found = np.zeros(table.num_rows, dtype=np.int64)
    bit = 1
    for names in _whole(schema, model_type, table.schema.names):
        found[_any(table, names)] |= bit
        bit <<= 1
    for one, other in shadowed(schema, model_type):
        ours, theirs = _any(table, (one,)), _any(table, (other,))
        # Rows with neither fit in any group: they join the others.
        found[ours | ~theirs if (theirs <= ours).all() and ours.any() else ours] |= bit
        found[ours & theirs] |= bit << 1
        bit <<= 2
    alone = delayed(table, schema, model_type)
    if alone.any():
        found[alone] |= bit
        found[alone & ~_valid(table, schema.timestamp)] |= bit << 1
    return found


def delayed(table: pa.RecordBatch, schema: Schema, model_type: str) -> npt.NDArray[np.bool_]:
    """The rows without a prediction (rule 7)."""
    return ~_any(table, outcome_columns(schema, model_type)[0])


def outcome_columns(schema: Schema, model_type: str) -> tuple[list[str], list[str]]:
    """The columns of which one makes a prediction, and those of which one makes an actual."""
    predictions = [schema.prediction_label, schema.prediction_score]
    actuals = [schema.actual_label, schema.actual_score]
    if model_type == "ranking":
        predictions += [schema.ranking.group, schema.ranking.rank]
        actuals += [schema.ranking.relevance_score, schema.ranking.relevance_labels]
    elif model_type == "multi_class":
        predictions, actuals = [schema.prediction_score], [schema.actual_score]
    elif model_type == "object_detection":
        images = schema.images()
        predictions = [first_column(one) for part, one in images.items() if part.endswith(".prediction")]
        actuals = [first_column(one) for part, one in images.items() if part.endswith(".actual")]
    return [name for name in predictions if name], [name for name in actuals if name]


def _whole(schema: Schema, model_type: str, columns: Sequence[str]) -> Iterator[Sequence[str]]:
    """Groups of columns of which a batch has a value in every row, or in none."""
    if model_type == "ranking":
        yield schema.ranking.group, schema.ranking.rank
    elif model_type == "multi_class":
        yield from ((schema.prediction_score,), (schema.threshold_scores,), (schema.actual_score,))
    elif model_type == "object_detection":
        yield from ((name,) for images in schema.images().values() for _, name in images)
    if model_type in {"multi_class", "object_detection"}:
        # The SDK wants a SHAP value in every row of these models as soon as its schema names SHAP columns.
        yield tuple(shap_columns(schema, columns).values())


def _any(table: pa.RecordBatch, names: Sequence[str]) -> npt.NDArray[np.bool_]:
    found = np.zeros(table.num_rows, dtype=np.bool_)
    for name in names:
        found |= _valid(table, name)
    return found


def _valid(table: pa.RecordBatch, name: str) -> npt.NDArray[np.bool_]:
    position = table.schema.get_field_index(name) if name else -1
    if position < 0:
        return np.zeros(table.num_rows, dtype=np.bool_)
    return np.asarray(table.column(position).is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
