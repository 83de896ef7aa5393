"""The table [schema.convert]: which conversion holds for a path, and conversions that can't act.

Rules
1. A path is that of a message after [format] and before [schema] rename. An exact path takes precedence over wildcards,
   and of several wildcards the first wins.
2. A wildcard reaches features and tags, as a wildcard in [schema] types does; `class_scores` reaches the columns of
   class scores only.
3. What [schema] exclude or hash covers is not converted: it is not sent, or only as the hash of what was written.
4. An exact path whose conversion can't act is a fault: by rule 3, because a path above it becomes one value, because
   the model has no class scores, or because its column takes nothing that the conversion makes.
5. A path that exclude or hash names may not vanish within a conversion: the dead letters, which hold the message as it
   came, would keep what it names. json leaves excluded keys out of its text, and so conflicts with hash only.
"""

from collections.abc import Iterator, Mapping

from ingest.config.column_types import Named
from ingest.config.patterns import matcher, overlap
from ingest.config.schema import CLASS_SCORES, COORDINATES, NUMBERS, VECTOR, Conversion, Schema, column_roles

SCORE_KEYS = ("prediction_score", "actual_score", "threshold_scores")

_MAKES: Mapping[Conversion, frozenset[str]] = {
    "number": NUMBERS | VECTOR | COORDINATES,
    "columns": frozenset(),
    "json": frozenset({"string"}),
    "class_scores": CLASS_SCORES,
}


class Conversions:
    """Looks up the conversion of a path: rules 1 to 3."""

    def __init__(self, schema: Schema, model_type: str) -> None:
        self._table = Named(schema.convert)
        self._rename = schema.rename
        self._untouched = matcher((*schema.exclude, *schema.hash))
        self._own = {role.column for role in column_roles(schema, model_type) if role.setting != "tags"}
        self._scores = _score_columns(schema, model_type)

    def of(self, path: str) -> Conversion | None:
        """The conversion of the values under `path`, None without one."""
        conversion, exact = self._table.of(path)
        if conversion is None or self._untouched.fullmatch(path):
            return None
        column = self._rename.get(path, path)
        if conversion == "class_scores":
            return conversion if column in self._scores else None
        return conversion if exact or column not in self._own else None


def faults(schema: Schema, model_type: str) -> Iterator[str]:
    """Conversions that can't act (rule 4), or that hide a path (rule 5), each with its key."""
    excluded, hashed = matcher(schema.exclude), matcher(schema.hash)
    roles = {role.column: role for role in column_roles(schema, model_type)}
    scores = _score_columns(schema, model_type)
    for path, conversion in schema.convert.items():
        entry = f'[schema] convert: "{path}" = "{conversion}"'
        if conversion == "class_scores" and model_type != "multi_class":
            yield f"{entry} belongs to model type multi_class, not to {model_type}"
            continue
        if excluded.fullmatch(path):
            yield f"{entry}, but exclude drops it: remove one of the two"
        elif hashed.fullmatch(path):
            yield f"{entry}, but hash makes a string of what is written there: remove one of the two"
        yield from (f"{entry}, but {fault}" for fault in _hidden(schema, path, conversion))
        if "*" in path:
            continue
        for above, other in schema.convert.items():
            if other in {"json", "class_scores"} and path.startswith(f"{above}."):
                yield f'{entry}, but "{above}" = "{other}" makes one value of everything in it: remove one of the two'
        column = schema.rename.get(path, path)
        role = roles.get(column)
        if conversion == "class_scores" and column not in scores:
            yield f"{entry}, but class scores are in {', '.join(SCORE_KEYS)}; name the path of one of them"
        elif role is not None and role.setting != "tags" and not role.kinds & _MAKES[conversion]:
            wanted = " or ".join(sorted(role.kinds))
            yield f"{entry}, but [schema] {role.setting} takes {wanted} there"
        yield from (f"{entry}, but {fault}" for fault in _against_pins(schema, column, conversion))


def _hidden(schema: Schema, path: str, conversion: Conversion) -> Iterator[str]:
    """Rule 5."""
    if conversion == "number":
        return
    keys = ("hash",) if conversion == "json" else ("exclude", "hash")
    # A list has no paths within it, so only those of its items are new ones.
    within = [f"{path}.{digit}*" for digit in "0123456789"] if conversion == "columns" else [f"{path}.*"]
    for key in keys:
        for pattern in getattr(schema, key):
            if not matcher([pattern]).fullmatch(path) and any(overlap(pattern, inner) for inner in within):
                yield (
                    f'{key} "{pattern}" may name something within it, which dead letters would keep as it came: name '
                    f"the whole path in {key}, or remove one of the two"
                )


def _against_pins(schema: Schema, column: str, conversion: Conversion) -> Iterator[str]:
    pin, conflict = schema.types.get(column), schema.conflicts.get(column)
    if conversion in {"number", "json"} and pin is not None and pin not in _MAKES[conversion]:
        yield f'types pins "{column}" to {pin}'
    if conversion == "number" and conflict == "text":
        yield f'conflicts makes text of "{column}": remove one of the two'


def _score_columns(schema: Schema, model_type: str) -> frozenset[str]:
    if model_type != "multi_class":
        return frozenset()
    return frozenset({getattr(schema, key) for key in SCORE_KEYS} - {""})
