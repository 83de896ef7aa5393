"""Faults of a configuration as sentences: they name sections and keys as the file does, and never quote a value.

Rules
1. A fault names its section in brackets as TOML does, and the key after it.
2. An unknown key is answered with the nearest known one of its section, or with all of them.
3. A variable with our prefix that is not a setting is a fault: pydantic-settings ignores it silently.
4. A fault of several merged results is reported once, with the section that they share.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

_BARE = re.compile(r"[A-Za-z0-9_-]+")

# Variables that have our prefix and are not settings: those of tests and sandbox, and those that Kubernetes sets for a
# service called ingest or ingest-*.
_FOREIGN_VARIABLE = re.compile(
    r"INGEST_REQUIRE_REAL|INGEST_SANDBOX_\w+|"
    r"INGEST(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)"
)

# pydantic's words for some types of faults are Python's, not TOML's.
_EXPECTED = {
    "string_type": "a text in quotes is expected",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "bool_type": "true or false is expected",
    "bool_parsing": "true or false is expected",
    "tuple_type": 'a list is expected, as in ["region"]',
    "dict_type": "a table is expected",
    "model_type": "a table is expected",
    "model_attributes_type": "a table is expected",
    "path_type": "a path in quotes is expected",
    "string_too_short": "it is empty",
    "finite_number": "a finite number is expected",
}
_SCALARS = ("str", "bool", "int", "float")

# Former names of keys, by section: the new name need not look like the old one.
_RENAMED = {("supervisor", "period_s"): "crash_window_s", ("dead_letters", "share_events"): "window_events"}


def toml_key(name: str) -> str:
    """`name` as a part of a TOML key: in quotes where it needs them."""
    # JSON's escapes are TOML's, but TOML also wants DEL escaped.
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def sentences(error: ValidationError, path: Path, model: type[BaseModel]) -> list[str]:
    """Every fault that pydantic found in `model`'s values, some of which come from the file at `path`."""
    return list(dict.fromkeys(_sentence(fault, path, model) for fault in error.errors()))


def unknown_variables(environment: Mapping[str, str], model: type[BaseModel]) -> Iterator[str]:
    """Faults of variables with our prefix: not a setting of `model`, or not the JSON that the setting needs.

    pydantic-settings ignores the former silently, and its exception for the latter names no variable.
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
            yield f"{name}: {section} can't be set in parts; give all of it as JSON in {section}"
        elif settings.get(upper) and not _is_json(value):
            yield f"{name}: not the JSON that a list or a table needs, as in INGEST_SCHEMA__TAGS='[\"region\"]'"


def locate(found: Sequence[tuple[str, str, Iterable[str]]]) -> list[str]:
    """The faults of merged configurations, each once, with its section.

    `found` has, for each route of each topic, the section of the topic ("" if there is only one), the section of the
    route (or "") and the faults. A fault that all have is the base's own. A fault that all of a topic have, or a route
    has in all topics, is that section's.
    """
    every = [(topic, route) for topic, route, _ in found]
    having: dict[str, list[tuple[str, str]]] = {}
    for topic, route, faults in found:
        for fault in faults:
            having.setdefault(fault, []).append((topic, route))
    groups = {section: [each for each in every if section in each] for each in every for section in each[::-1]}
    groups.pop("", None)
    located = []
    for fault, sections in having.items():
        if len(sections) == len(every):
            located.append(fault)
            continue
        rest = sections
        for section, group in sorted(groups.items(), key=lambda item: -len(item[1])):
            if all(each in rest for each in group):
                located.append(f"{section}: {fault}")
                rest = [each for each in rest if each not in group]
        located += [f"{topic} with {route}: {fault}" for topic, route in rest]
    return located


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
    if where[-1] in _SCALARS and fault["type"] in _EXPECTED:  # of a value that may have one of these types
        return f"{name.removesuffix(f'.{where[-1]}')}: a text, a number, true or false is expected"
    expected = _EXPECTED.get(fault["type"])
    return f"{name}: {expected or fault['msg'].removeprefix('Value error, ')}"


def _depth(where: list[str]) -> int:
    """How many parts of `where` name the section: [kafka], [topics.NAME], [topics.NAME.routes.NAME.schema]."""
    depth = 0
    while len(where) > depth + 1 and where[depth] in {"topics", "routes"}:
        depth += 2
    if depth == 0 or (len(where) > depth + 1 and where[depth] in {"schema", "arize", "batch", "format"}):
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
