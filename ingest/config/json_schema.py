"""The JSON schema of the configuration file, from the models: what editors complete, and check as people write it.

Rules
1. The schema takes every spelling that loading takes (`ingest.config.spellings`), and a variable, `${NAME}`, where a
   number or a word stands.
2. What only a merged configuration shows, such as keys that exclude each other, is not in it: `ingest lint` finds that.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel

from ingest.config import spellings
from ingest.config.settings import Config
from ingest.config.spellings import Spelling

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_TEXT = {"type": "string"}
_TEXTS: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}}
_OPTION = {"type": ["string", "number", "boolean"]}


def json_schema() -> dict[str, Any]:
    """The schema, as JSON Schema 2020-12."""
    found = Config.model_json_schema(by_alias=True, mode="validation")
    models = {model.__name__: model for model in _models(Config)}
    for name, definition in found["$defs"].items():
        model = models[name]
        for field, info in model.model_fields.items():
            key = info.alias or field
            definition["properties"][key] = _loosened(model, field, definition["properties"][key])
    kafka = found["$defs"]["Kafka"]["properties"]
    kafka["options"]["additionalProperties"] = {"anyOf": [_OPTION, {"$ref": "#/$defs/NestedOptions"}]}
    kafka["topic"] = _with(kafka["topic"], _TEXTS)
    scalar = {"type": ["string", "boolean", "number"]}
    when = found["$defs"]["RouteOverlay"]["properties"]["when"]
    when["additionalProperties"] = {"anyOf": [scalar, {"type": "array", "items": scalar}]}
    found["$defs"]["Schema"]["properties"]["shap"] = _with(found["$defs"]["Schema"]["properties"]["shap"], _TEXT)
    found["$defs"]["NestedOptions"] = {
        "description": "Unquoted option names, such as security.protocol, are tables to TOML",
        "type": "object",
        "additionalProperties": {"anyOf": [_OPTION, {"$ref": "#/$defs/NestedOptions"}]},
    }
    return {"$schema": DIALECT, **cast("dict[str, Any]", _without_defaults(found)), "title": "ingest.toml"}


def as_text() -> str:
    """The schema as a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    for info in model.model_fields.values():
        for inner in _inner(info.annotation):
            found |= _models(inner)
    return found


def _inner(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _inner(argument)] + (
        _inner(annotation.__origin__) if hasattr(annotation, "__metadata__") else []
    )


def _loosened(  # noqa: PLR0911  one for each spelling
    model: type[BaseModel], field: str, schema: dict[str, Any]
) -> dict[str, Any]:
    """Rule 1 for one key."""
    info = model.model_fields[field]
    name = info.alias or field
    kind = spellings.spelling(name, info)
    if kind is Spelling.DURATION:
        return _with(schema, {"type": "string", "pattern": spellings.DURATION_PATTERN}, _VARIABLE)
    if kind is Spelling.SIZE:
        return _with(schema, {"type": "string", "pattern": spellings.SIZE_PATTERN}, _VARIABLE)
    if kind is Spelling.WORD:
        known = spellings.words(info.annotation)
        also = [*(word.upper() for word in known), *spellings.also_called(name)]
        return _with(schema, {"enum": [word for word in also if word not in known]}, _VARIABLE)
    if kind is Spelling.LIST:
        return _with(schema, {"type": "string"})
    if name == "brokers":
        return _with(schema, _TEXTS)
    if kind is Spelling.JOINED:
        return _with(schema, {"type": "array", "items": {"type": ["string", "integer"]}}, {"type": "integer"})
    if kind is Spelling.NUMBER_AS_TEXT:
        return _with(schema, {"type": "number"})
    if any(part in (int, float, bool) for part in spellings.members(info.annotation)):
        return _with(schema, _VARIABLE)
    if field in {"types", "convert", "conflicts"}:
        inner = schema["additionalProperties"]
        inner["enum"] = [*inner["enum"], *(word.upper() for word in inner["enum"])]
    return schema


def _with(schema: dict[str, Any], *others: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` or one of the others, under the same description."""
    kept: dict[str, Any] = {key: schema.pop(key) for key in ("title", "description", "default") if key in schema}
    alternatives = schema.pop("anyOf", None) or [schema]
    return {**kept, "anyOf": [*alternatives, *map(dict, others)]}


def _without_defaults(schema: Any) -> Any:
    """Without the titles that pydantic makes of names, and without defaults of whole sections."""
    if isinstance(schema, dict):
        return {
            key: _without_defaults(value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str)) and not (key == "default" and isinstance(value, dict))
        }
    if isinstance(schema, list):
        return [_without_defaults(each) for each in schema]
    return schema
