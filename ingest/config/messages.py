"""What is wrong with a configuration, as sentences: sections and keys by their names in the file, never a value.

1. A fault names its section in brackets as TOML does, and the key after it.
2. An unknown key names the nearest known one of its section, or all of them.
3. A variable with our prefix that is no setting is a fault: pydantic-settings passes over it in silence.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ingest.config.overlays import toml_key

# No settings though they have our prefix: those of tests and sandbox, and what Kubernetes sets for a service called
# ingest or ingest-*.
_FOREIGN_VARIABLE = re.compile(
    r"INGEST_REQUIRE_REAL|INGEST_SANDBOX_\w+|"
    r"INGEST(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)"
)

# Former names of keys, by section: the new name need not look like the old one.
_RENAMED = {("supervisor", "period_s"): "crash_window_s", ("dead_letters", "share_events"): "window_events"}


def sentences(error: ValidationError, path: Path, model: type[BaseModel]) -> list[str]:
    """Every fault that pydantic found in `model`'s values, some of which come from the file at `path`."""
    return [_sentence(fault, path, model) for fault in error.errors()]


def strange_variables(environment: Mapping[str, str], model: type[BaseModel]) -> Iterator[str]:
    """Variables with our prefix that are no setting of `model`, or not the JSON that theirs needs.

    pydantic-settings passes over the first in silence; its exception at the second names no variable.
    """
    settings: dict[str, bool] = {}  # name of the variable -> it holds JSON
    tables = []
    for name, info in model.model_fields.items():
        section = f"INGEST_{info.alias or name}".upper()
        settings[section] = True
        if isinstance(info.default, BaseModel):
            keys = type(info.default).model_fields.items()
            settings |= {f"{section}__{key}".upper(): get_origin(i.annotation) in (tuple, dict) for key, i in keys}
        else:
            tables.append(section)
    for name, value in environment.items():
        upper = name.upper()
        if not upper.startswith("INGEST_") or _FOREIGN_VARIABLE.fullmatch(upper):
            continue
        section, *parts = upper.split("__")
        if section not in settings:
            near = difflib.get_close_matches(upper, [key for key in settings if "__" in key], n=1)
            yield f"{name}: no such setting; did you mean one like {(near or ['INGEST_KAFKA__BROKERS'])[0]}?"
        elif section in tables and parts:
            # A variable's name has no case, a topic's and a route's have one; and routes have an order.
            yield f"{name}: {section} can't be said in parts; give all of it as JSON in {section}"
        elif settings.get(upper) and not _is_json(value):
            yield f"{name}: not the JSON that a list or a table needs, as in INGEST_SCHEMA__TAGS='[\"region\"]'"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _sentence(fault: Any, path: Path, model: type[BaseModel]) -> str:
    where = [str(part) for part in fault["loc"]]
    depth = _depth(where)
    section = f"[{'.'.join(toml_key(part) for part in where[:depth])}]"
    name = f"{section} {'.'.join(where[depth:])}".rstrip()
    if fault["type"] == "extra_forbidden":
        known = _known_keys(where[:-1], model)
        renamed = _RENAMED.get((where[0], where[-1]))
        near = [renamed] if renamed else difflib.get_close_matches(where[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        if where[0] == "topics" and len(where) == 3 and isinstance(fault["input"], dict):
            hint += f'; or, if that is a topic\'s name, in quotes: [topics."{where[1]}.{where[2]}"]'
        return f"{name}: unknown key ({path} or INGEST_* in the environment); {hint}"
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}"


def _depth(where: list[str]) -> int:
    """How many parts of `where` name the section: [kafka], [topics.NAME], [topics.NAME.routes.NAME.schema]."""
    depth = 0
    while len(where) > depth + 1 and where[depth] in {"topics", "routes"}:
        depth += 2
    if depth == 0 or (len(where) > depth + 1 and where[depth] in {"schema", "arize", "batch"}):
        depth += 1
    return depth


def _known_keys(where: list[str], model: type[BaseModel]) -> list[str]:
    known = _sections(model)
    for part in where:
        known = _sections(known.get(part, known.get("*")))
    return [key for key in known if key != "*"]


def _sections(annotation: Any) -> dict[str, Any]:
    """The keys of a section by name, or of each section of a table of sections by "*"."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {info.alias or name: info.annotation for name, info in annotation.model_fields.items()}
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return {"*": arguments[1]}
    return next((keys for argument in arguments if (keys := _sections(argument))), {})
