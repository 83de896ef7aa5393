"""Contradictions within [schema] and [arize]: the SDK would refuse every batch, so they are faults at start.

Rules (arize 8.61, `validate_params` in ml/batch_validation/validator.py)
1. A key that belongs to another model type is a fault. Defaults don't count: a column called `prediction_label` is a
   fault of a multi_class model only if the configuration names it.
2. A column that a model type requires must be named, in training and validation for predictions and for actuals.
3. A column can't have two roles that no kind of value serves.
4. Names that end in _shap are reserved for Arize's SHAP columns.
5. A column that no message brings (values from Kafka, constants) has a name that no other role uses. A hash needs its
   key.
6. A column that [schema] types or conflicts names must be able to have that type, or to be null. Wildcards reach only
   the columns that can (`ingest.config.column_types`), so they are never a fault.
7. The zone of timestamps in text is one that this machine knows.
8. An id from Kafka needs a column, and one that is not hashed: the key or header would be sent as it is.
9. A sample is drawn by the prediction id, so there must be one.
"""

from collections.abc import Iterator

from ingest.config import conversions
from ingest.config.patterns import matcher
from ingest.config.renames import Renames
from ingest.config.schema import MAX_EMBEDDINGS, SCALARS, ColumnRole, Schema, column_roles, misplaced
from ingest.config.sections import Arize, DeadLetters
from ingest.config.settings import Config
from ingest.config.templates import has_placeholders
from ingest.config.zones import zone


def faults(schema: Schema, arize: Arize) -> list[str]:
    """The contradictions, each with its section and key."""
    model_type, environment, batch_id = arize.model_type, arize.environment, arize.batch_id
    if has_placeholders(environment):
        # Each message names its own environment: only rules that hold in all of them are checked here.
        environment, batch_id = "production", ""
    found = [*_reserved_names(schema), *_clashing_roles(schema, model_type), *_of_other_models(schema, model_type)]
    found += [
        *_added_columns(schema, model_type),
        *_column_types(schema, model_type),
        *_conflicts(schema),
        *_zone(schema),
    ]
    found += [*conversions.faults(schema, model_type), *_ids(schema, arize)]
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


def _reserved_names(schema: Schema) -> Iterator[str]:
    """Rule 4, and the limits of embeddings."""
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


def _clashing_roles(schema: Schema, model_type: str) -> Iterator[str]:
    """Rule 3."""
    first: dict[str, ColumnRole] = {}
    for role in column_roles(schema, model_type):
        other = first.setdefault(role.column, role)
        if not other.kinds & role.kinds:
            wanted = f"{' or '.join(sorted(other.kinds))}; {' or '.join(sorted(role.kinds))}"
            yield f'[schema] {role.setting}: "{role.column}" is {other.setting} too; no value is both ({wanted})'


def _added_columns(schema: Schema, model_type: str) -> Iterator[str]:
    """Rule 5, and keys that need each other."""
    taken = {role.column: role.setting for role in column_roles(schema, model_type)}
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


def _column_types(schema: Schema, model_type: str) -> Iterator[str]:
    """Rule 6: exact names in types and conflicts."""
    taken: dict[str, tuple[str, frozenset[str]]] = {}
    for role in column_roles(schema, model_type):
        setting, kinds = taken.get(role.column, (role.setting, role.kinds))
        taken[role.column] = setting, kinds & role.kinds
    tags = matcher(schema.tags)
    entries: list[tuple[str, str, str, str]] = [("types", name, kind, kind) for name, kind in schema.types.items()]
    entries += [("conflicts", name, "text", "string") for name, word in schema.conflicts.items() if word == "text"]
    for key, name, word, kind in entries:
        setting, kinds = taken.get(name, ("tags", SCALARS if tags.fullmatch(name) else frozenset({kind})))
        if "*" not in name and kind not in kinds:
            wanted = " or ".join(sorted(kinds))
            yield f'[schema] {key}: "{name}" = "{word}", but [schema] {setting} takes {wanted} there'
        if name in schema.added():
            yield f'[schema] {key}: "{name}" comes from [schema] kafka or constants, and has its type from there'
    hashed, renames = matcher(schema.hash), Renames(schema.rename)
    for name, kind in schema.types.items():
        keys = renames.keys_of(name) if "*" not in name else [name]
        if kind != "string" and keys and all(map(hashed.fullmatch, keys)):
            yield f'[schema] types: "{name}" = "{kind}", but [schema] hash makes strings of its values'


def _conflicts(schema: Schema) -> Iterator[str]:
    """Rule 6: conflicts that can't be handled as configured."""
    for name, word in schema.conflicts.items():
        if word == "text" and name == schema.timestamp:
            yield f'[schema] conflicts: "{name}" = "text", but timestamp_unit sets how it is read'
        elif word == "text" and "*" not in name and (kind := schema.types.get(name, "string")) != "string":
            yield f'[schema] conflicts: "{name}" = "text" makes strings of it, but types pins it to {kind}'
        elif word == "null" and name in {schema.prediction_id, schema.timestamp}:
            yield f'[schema] conflicts: "{name}" = "null", but Arize takes no row without it: leave it "dead_letter"'


def _zone(schema: Schema) -> Iterator[str]:
    """Rule 7."""
    try:
        zone(schema.timestamp_zone)
    except ValueError as fault:
        yield f"[schema] timestamp_zone: {fault}"


def _ids(schema: Schema, arize: Arize) -> Iterator[str]:
    """Rules 8 and 9."""
    if schema.prediction_id_from and not schema.prediction_id:
        yield "[schema] prediction_id_from needs prediction_id, the name of the column"
    hashed = matcher(schema.hash)
    paths = [schema.prediction_id, *(path for path, name in schema.rename.items() if name == schema.prediction_id)]
    if schema.prediction_id_from not in {"", "offset"} and any(map(hashed.fullmatch, paths)):
        yield (
            f'[schema] prediction_id_from = "{schema.prediction_id_from}" would be sent as it is, but hash covers '
            "prediction_id: remove one of the two"
        )
    if arize.sample < 1 and not schema.prediction_id:
        yield "[arize] sample needs [schema] prediction_id: the id decides which predictions are sent"


def _of_other_models(schema: Schema, model_type: str) -> Iterator[str]:
    """Rule 1."""
    named = schema.model_fields_set
    only = {"ranking": ("ranking",), "threshold_scores": ("multi_class",)}
    only |= dict.fromkeys(("object_detection", "semantic_segmentation", "instance_segmentation"), ("object_detection",))
    for key, owners in only.items():
        value = getattr(schema, key)
        if model_type not in owners and (value if isinstance(value, str) else any(part for _, part in value)):
            yield f"[schema] {key} belongs to model type {owners[0]}, not to {model_type}"
    for key in misplaced(model_type):
        if key in named and getattr(schema, key):
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


def limits_without_effect(config: Config) -> Iterator[str]:
    """Limits and delays that another one makes void, of those that are set."""
    for name, section in (("delivery", config.delivery), ("supervisor", config.supervisor)):
        if "base_backoff_s" in section.model_fields_set and section.base_backoff_s > section.max_backoff_s:
            yield (
                f"[{name}] base_backoff_s = {section.base_backoff_s:g} never acts: max_backoff_s = "
                f"{section.max_backoff_s:g} is less, and limits every wait"
            )
    letters = config.dead_letters
    if letters.max_share == 1 and "window_events" in letters.model_fields_set:
        yield "[dead_letters] window_events never acts: with max_share = 1 no share stops a worker; remove it"
    yield from _consecutive(letters, max(topic.batch.max_events for topic in config.topics))
    options = config.kafka.options
    both = {"queued.max.messages.kbytes", "fetch.message.max.bytes"} <= options.keys()
    if both and "queue_bytes" in config.kafka.model_fields_set:
        yield "[kafka] queue_bytes never acts: [kafka.options] set both limits that are computed from it"


def _consecutive(letters: DeadLetters, largest_group: int) -> Iterator[str]:
    """`max_share` stops a worker first if a window holds nothing but dead letters before the run is long enough.

    A window is made of whole groups: those of a chunk or of a batch, neither larger than a batch may be.
    """
    longest_window = letters.window_events + largest_group
    explicit = "max_consecutive" in letters.model_fields_set and letters.max_share < 1
    if explicit and letters.max_consecutive > longest_window:
        yield (
            f"[dead_letters] max_consecutive = {letters.max_consecutive:,} never acts: max_share stops a worker "
            f"within window_events = {letters.window_events:,}; lower it, or set it to 0"
        )
