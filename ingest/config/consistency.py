"""What [schema] and [arize] can't say together: the SDK would refuse every batch, so it is a fault at start.

Rules (arize 8.61, `validate_params` in ml/batch_validation/validator.py)
1. A key that belongs to another model type is a fault. Defaults are not said: a column called `prediction_label` is
   only a fault of a multi_class model when the configuration names it.
2. What a model type can't do without must have a column, in training and validation for predictions and actuals.
3. A column has no two meanings that no value can serve both.
4. Names that end in _shap are Arize's.
5. What no message brings (values from Kafka, constants) has a column of its own. A hash needs its key.
6. A column that [schema] types or conflicts names can be what they say: Arize takes that type there, and goes without a
   value where one becomes null. What wildcards say reaches only what it can (`pins`), so that is no fault.
"""

from collections.abc import Iterator

from ingest.config.patterns import matcher
from ingest.config.schema import MAX_EMBEDDINGS, SCALARS, ColumnRole, Schema, column_roles, misplaced
from ingest.config.sections import Arize
from ingest.config.templates import has_placeholders


def faults(schema: Schema, arize: Arize) -> list[str]:
    """What can't work together: the SDK would refuse every batch. Each with its section and key."""
    model_type, environment, batch_id = arize.model_type, arize.environment, arize.batch_id
    if has_placeholders(environment):
        # Each message says its own: only what holds of all of them can be judged here.
        environment, batch_id = "production", ""
    found = [*_names(schema), *_meanings(schema, model_type), *_of_other_models(schema, model_type)]
    found += [*_added(schema, model_type), *_pins(schema, model_type), *_conflicts(schema)]
    if environment == "validation" and not batch_id.strip():
        found.append("[arize] batch_id is missing: environment validation needs the name of its batch")
    if environment != "validation" and batch_id:
        found.append(f"[arize] batch_id belongs to environment validation, not to {environment}")
    required = {
        "ranking": _ranking,
        "object_detection": _object_detection,
        "multi_class": _multi_class,
    }.get(model_type, _labels_and_scores)
    return [*found, *required(schema, environment)]


def _names(schema: Schema) -> Iterator[str]:
    """Names that the SDK keeps for itself."""
    named = [("tags", tag) for tag in schema.tags]
    named += [("features", feature) for feature in schema.features]
    named += [("shap", feature) for feature in schema.shap]
    for name, embedding in schema.embeddings.items():
        named += [(f"embeddings.{name}.{key}", column) for key, column in embedding]
    for key, name in named:
        if name.endswith("_shap"):
            yield f'[schema] {key}: "{name}" ends in _shap, which Arize takes for SHAP columns only ([schema.shap])'
    if len(schema.embeddings) > MAX_EMBEDDINGS:
        yield f"[schema] embeddings: {len(schema.embeddings)} of them; Arize takes {MAX_EMBEDDINGS} at most"
    if "" in schema.embeddings:
        yield "[schema] embeddings: one of them has no name"


def _meanings(schema: Schema, model_type: str) -> Iterator[str]:
    """Columns with two meanings that no value can serve both."""
    first: dict[str, ColumnRole] = {}
    for claim in column_roles(schema, model_type):
        other = first.setdefault(claim.column, claim)
        if not other.kinds & claim.kinds:
            wanted = f"{' or '.join(sorted(other.kinds))}; {' or '.join(sorted(claim.kinds))}"
            yield f'[schema] {claim.setting}: "{claim.column}" is {other.setting} too; no value is both ({wanted})'


def _added(schema: Schema, model_type: str) -> Iterator[str]:
    """Columns that no message brings, and keys that need each other."""
    taken = {claim.column: claim.setting for claim in column_roles(schema, model_type)}
    for key, names in (("kafka", schema.kafka.values()), ("constants", schema.constants.keys())):
        for name in names:
            if (other := taken.setdefault(name, key)) != key:
                yield f'[schema] {key}: "{name}" is {other} too; give it another name'
    if len(set(schema.kafka.values())) < len(schema.kafka):
        yield "[schema] kafka: two of its columns have the same name"
    if schema.timestamp_from_kafka and not schema.timestamp:
        yield "[schema] timestamp_from_kafka needs timestamp, the name of the column"
    if schema.hash and schema.hash_key_file is None:
        yield "[schema] hash needs hash_key_file: without a secret key anybody could try values against the hashes"


def _pins(schema: Schema, model_type: str) -> Iterator[str]:
    """Names in types and conflicts that can't have the type they say."""
    taken: dict[str, tuple[str, frozenset[str]]] = {}
    for claim in column_roles(schema, model_type):
        setting, kinds = taken.get(claim.column, (claim.setting, claim.kinds))
        taken[claim.column] = setting, kinds & claim.kinds
    tags = matcher(schema.tags)
    said: list[tuple[str, str, str, str]] = [("types", name, kind, kind) for name, kind in schema.types.items()]
    said += [("conflicts", name, "text", "string") for name, word in schema.conflicts.items() if word == "text"]
    for key, name, word, kind in said:
        setting, kinds = taken.get(name, ("tags", SCALARS if tags.fullmatch(name) else frozenset({kind})))
        if "*" not in name and kind not in kinds:
            wanted = " or ".join(sorted(kinds))
            yield f'[schema] {key}: "{name}" = "{word}", but [schema] {setting} takes {wanted} there'
        if name in schema.added():
            yield f'[schema] {key}: "{name}" comes from [schema] kafka or constants, and has its type from there'
    hashed = matcher(schema.hash)
    for name, kind in schema.types.items():
        if kind != "string" and hashed.fullmatch(name) and name not in schema.rename.values():
            yield f'[schema] types: "{name}" = "{kind}", but [schema] hash makes strings of its values'


def _conflicts(schema: Schema) -> Iterator[str]:
    """What a conflict can't do."""
    for name, word in schema.conflicts.items():
        if word == "text" and name == schema.timestamp:
            yield f'[schema] conflicts: "{name}" = "text", but timestamp_unit says how it is read'
        elif word == "text" and "*" not in name and (kind := schema.types.get(name, "string")) != "string":
            yield f'[schema] conflicts: "{name}" = "text" makes strings of it, but types says {kind}'
        elif word == "null" and name in {schema.prediction_id, schema.timestamp}:
            yield f'[schema] conflicts: "{name}" = "null", but Arize takes no row without it: leave it "dead_letter"'


def _of_other_models(schema: Schema, model_type: str) -> Iterator[str]:
    """Keys that belong to another model type."""
    said = schema.model_fields_set
    only = {"ranking": ("ranking",), "threshold_scores": ("multi_class",)}
    only |= dict.fromkeys(("object_detection", "semantic_segmentation", "instance_segmentation"), ("object_detection",))
    for key, owners in only.items():
        value = getattr(schema, key)
        if model_type not in owners and (value if isinstance(value, str) else any(part for _, part in value)):
            yield f"[schema] {key} belongs to model type {owners[0]}, not to {model_type}"
    for key in misplaced(model_type):
        if key in said and getattr(schema, key):
            yield f'[schema] {key}: a model of type {model_type} has none; remove it, or set it to ""'
    if schema.ranking.relevance_labels and schema.ranking.attributions:
        yield "[schema] ranking.attributions: Arize takes relevance_labels or attributions, not both"


def _ranking(schema: Schema, environment: str) -> Iterator[str]:
    ranking = schema.ranking
    if bool(ranking.group) != bool(ranking.rank):
        missing = "rank" if ranking.group else "group"
        yield f"[schema] ranking.{missing} is missing: a prediction has a group and a rank"
    elif not ranking.group and (schema.prediction_label or schema.prediction_score or environment != "production"):
        yield "[schema] ranking.group and ranking.rank are missing: name the columns of a ranking model's predictions"
    elif not ranking.group and not any((*_actuals(schema), schema.shap)):
        yield "[schema] ranking: nothing is left to send; name group and rank, or the relevance of delayed actuals"


def _object_detection(schema: Schema, environment: str) -> Iterator[str]:
    sections = {setting.split(".")[0] for setting in schema.images()}
    if len(sections) != 1:
        yield (
            "[schema] a model of type object_detection needs exactly one of object_detection, semantic_segmentation "
            f"and instance_segmentation, with prediction or actual; it has {len(sections)}"
        )
    elif environment != "production" and len(schema.images()) != 2:
        yield f"[schema] {sections.pop()}: environment {environment} needs both prediction and actual"


def _multi_class(schema: Schema, environment: str) -> Iterator[str]:
    if schema.threshold_scores and not schema.prediction_score:
        yield "[schema] threshold_scores needs prediction_score, whose classes it names"
    if not schema.prediction_score and not schema.actual_score:
        yield "[schema] a model of type multi_class needs prediction_score or actual_score"
    elif environment != "production" and not (schema.prediction_score and schema.actual_score):
        yield f"[schema] environment {environment} needs both prediction_score and actual_score"


def _labels_and_scores(schema: Schema, environment: str) -> Iterator[str]:
    predictions = schema.prediction_label or schema.prediction_score
    actuals = schema.actual_label or schema.actual_score
    if environment != "production" and not (predictions and actuals):
        yield f"[schema] environment {environment} needs a prediction's and an actual's label or score"
    if not predictions and not actuals and not schema.shap:
        yield "[schema] no prediction, actual or SHAP column is left to send"
    if not schema.prediction_id and not predictions:
        yield "[schema] prediction_id is missing: actuals without predictions are joined by it"


def _actuals(schema: Schema) -> tuple[str, ...]:
    ranking = schema.ranking
    return (schema.actual_label, schema.actual_score, ranking.relevance_labels, ranking.relevance_score)
