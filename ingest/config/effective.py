"""The effective values of a configuration, key by key, with the place of each; secrets are replaced.

Rules
1. Every key of every section has a row, in the order of the sections; a key of [topics.*] and [routes.*] only if set.
2. `***` stands for a secret and for the value of an option that holds one, for what a variable with the name of a
   secret filled in, and for a login in an address. A file's name is no secret.
3. A key of [arize] that is not set and that a variable of the SDK sets names that variable; the Arize key never stands
   here.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from ingest.config.credentials import Scrubber, is_secret, without_logins
from ingest.config.load import Loaded
from ingest.config.sources import Sources

DEFAULT = "default"
HIDDEN = "***"

_TABLES = {("topics",), ("routes",)}
_SDK: dict[tuple[str, ...], str] = {
    ("arize", "space_id"): "ARIZE_SPACE_ID",
    ("arize", "host"): "ARIZE_API_HOST",
    ("arize", "port"): "ARIZE_API_PORT",
    ("arize", "scheme"): "ARIZE_API_SCHEME",
    ("arize", "region"): "ARIZE_REGION",
}


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One key: the names that lead to it, its value as TOML and JSON have it, where it comes from, and if it is hidden.

    `source` is `default`, `FILE:LINE`, the name of a variable, or a flag.
    """

    path: tuple[str, ...]
    value: Any
    source: str
    hidden: bool = False


def effective(loaded: Loaded) -> Iterator[EffectiveValue]:
    """All effective values: rules 1 to 3."""
    yield from _of_model(loaded.config, (), loaded.sources, Scrubber(loaded.sources.secrets()), only_set=False)


def _of_model(
    model: BaseModel, path: tuple[str, ...], sources: Sources, scrub: Scrubber, *, only_set: bool
) -> Iterator[EffectiveValue]:
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        here = (*path, info.alias or name)
        if (only_set and name not in model.model_fields_set) or (here in _TABLES and not value):
            continue
        if isinstance(value, BaseModel):
            yield from _of_model(value, here, sources, scrub, only_set=only_set)
        elif isinstance(value, Mapping) and value:
            for key, inner in value.items():
                if isinstance(inner, BaseModel):
                    below = here[0] in {"topics", "routes"}
                    yield from _of_model(inner, (*here, key), sources, scrub, only_set=below)
                else:
                    yield _row((*here, key), inner, sources, scrub)
        else:
            yield _row(here, value, sources, scrub)


def _row(path: tuple[str, ...], value: Any, sources: Sources, scrub: Scrubber) -> EffectiveValue:
    place = sources.place(path) if sources.has(path) else _given_otherwise(path, sources)
    variable = _SDK.get(path, "")
    if not place and variable and os.environ.get(variable) and not value:
        value, place = os.environ[variable].strip(), variable
    if isinstance(value, SecretStr):
        value, secret = value.get_secret_value(), True
    else:
        secret = _is_hidden(path, sources)
    hidden = bool(value) and secret
    return EffectiveValue(path, HIDDEN if hidden else _shown(value, scrub), place or DEFAULT, hidden)


def _given_otherwise(path: tuple[str, ...], sources: Sources) -> str:
    """The place of a value that was written elsewhere: topics that [kafka] topic lists, partitions of a flag."""
    if path[0] != "topics":
        return ""
    return sources.place(("supervisor", "partitions")) if path[-1] == "partitions" else ""


def _is_hidden(path: tuple[str, ...], sources: Sources) -> bool:
    if path[:2] == ("kafka", "options") and is_secret(path[-1]):
        return True
    owner = sources.owner(path)
    named = () if owner is None else owner.from_variables.get(path, ())
    return any(is_secret(name.lower()) for name in named)


def _shown(value: Any, scrub: Scrubber) -> Any:
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        return scrub(without_logins(value)) if "@" in value else scrub(value)
    if isinstance(value, tuple):
        return [_shown(each, scrub) for each in value]
    if isinstance(value, Mapping):
        return {key: _shown(each, scrub) for key, each in value.items()}
    return value
