"""Faults of a configuration as sentences: they name sections and keys as the file does, and never quote a value.

Rules
1. A fault names its section in brackets as TOML does, and the key after it.
2. An unknown key is answered with the one that is meant: the nearest of its section, else the section that has it, else
   the nearest of all, else all keys of its section.
3. A variable with our prefix that is not a setting is a fault: pydantic-settings ignores it silently.
4. A fault of several merged results is reported once, with the section that they share.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ingest.config.near_names import near, one_of

_BARE = re.compile(r"[A-Za-z0-9_-]+")
# How a fault names its section and key: `[topics.a] with [routes.b]: [schema] tags ...`.
_MENTION = re.compile(
    r"(?:(?P<topic>\[topics\.[^\]]+\]|\[routes\.[^\]]+\])(?: with (?P<route>\[routes\.[^\]]+\]))?:? )?"
    r"(?:\[(?P<section>[a-z_.]+)\])? ?(?P<key>[a-z_]+)?"
)

# Variables that have our prefix and are not settings: those of scripts, tests and sandbox, and those that Kubernetes
# sets for a service called ingest or ingest-*.
_FOREIGN_VARIABLE = re.compile(
    r"INGEST_CONFIG|INGEST_FASTLANE|INGEST_REQUIRE_REAL|INGEST_SANDBOX_\w+|"
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
    "missing": "it is missing",
}
_LIMITS = {
    "greater_than_equal": "{ge} or more is expected",
    "greater_than": "a number above {gt} is expected",
    "less_than_equal": "at most {le} is expected",
    "less_than": "a number below {lt} is expected",
}
_SCALARS = ("str", "bool", "int", "float")

# What keys are also called, and former names, by section: the right name need not look like them.
_ALSO_CALLED = {
    ("supervisor", "period_s"): "crash_window_s",
    ("dead_letters", "share_events"): "window_events",
    ("arize", "model_id"): "model_name",
    ("arize", "model"): "model_name",
    ("arize", "version"): "model_version",
    ("arize", "type"): "model_type",
    ("arize", "space"): "space_id",
    ("arize", "space_key"): "space_id",
    ("arize", "api_host"): "host",
    ("arize", "url"): "endpoint",
    ("kafka", "bootstrap_servers"): "brokers",
    ("kafka", "bootstrap.servers"): "brokers",
    ("kafka", "servers"): "brokers",
    ("kafka", "group_id"): "group",
    ("kafka", "consumer_group"): "group",
    ("kafka", "auto_offset_reset"): "start",
    ("batch", "size"): "max_events",
    ("schema", "id"): "prediction_id",
    ("schema", "timestamp_column"): "timestamp",
    ("schema", "prediction_ts"): "timestamp",
}
_SECRETS = {
    ("arize", "api_key"): "a secret stands in no configuration: set ARIZE_API_KEY in the environment, or api_key_file",
}
_SURE = 0.75  # how alike names must be to be the same one with a slip


def toml_key(name: str) -> str:
    """`name` as a part of a TOML key: in quotes where it needs them."""
    # JSON's escapes are TOML's, but TOML also wants DEL escaped.
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


class Places(Protocol):
    """Where values were written, by their path."""

    def place(self, path: tuple[str, ...]) -> str:
        """The place of the value, or of the longest part of its path that was written; "" without one."""

    def has(self, path: tuple[str, ...]) -> bool:
        """Exactly this path was written."""


def sentences(error: ValidationError, places: Places, model: type[BaseModel]) -> list[str]:
    """Every fault that pydantic found in `model`'s values, with the place where each was written."""
    return list(dict.fromkeys(_sentence(fault, places, model) for fault in error.errors()))


def with_place(fault: str, places: Places) -> str:
    """A fault that begins with a section and its key, with the place where that key was written, if it was."""
    found = _MENTION.match(fault)
    if found is None:
        return fault
    own = [_parts(part) for part in (found["topic"], found["route"]) if part]
    inner = (*_parts(found["section"] or ""), *([found["key"]] if found["section"] and found["key"] else []))
    for outer in (*([own[0] + own[1]] if len(own) > 1 else []), *reversed(own), ()):
        path = (*outer, *inner)
        if path and places.has(path):
            return f"{fault} ({places.place(path)})"
    return fault


def _parts(section: str) -> tuple[str, ...]:
    """The parts of a section's name, of which some may be in quotes."""
    return tuple(
        json.loads(part) if part.startswith('"') else part
        for part in re.findall(r'"(?:[^"\\]|\\.)*"|[^."]+', section.strip("[]"))
    )


def unknown_variables(environment: Mapping[str, str], model: type[BaseModel]) -> Iterator[str]:
    """Faults of variables with our prefix: not a setting of `model`, or not the JSON that the setting needs.

    pydantic-settings ignores the former silently, and its exception for the latter names no variable.
    """
    settings: dict[str, str] = {}  # name of the variable -> what it holds: "table", "list" or ""
    tables = []
    for name, info in model.model_fields.items():
        section = f"INGEST_{info.alias or name}".upper()
        settings[section] = "table"
        if isinstance(info.default, BaseModel):
            keys = type(info.default).model_fields.items()
            settings |= {f"{section}__{key}".upper(): _holds(i.annotation) for key, i in keys}
        else:
            tables.append(section)
    for name, value in environment.items():
        upper = name.upper()
        if not upper.startswith("INGEST_") or _FOREIGN_VARIABLE.fullmatch(upper):
            continue
        section, *parts = upper.split("__")
        if section not in settings:
            guess = near(upper, [key for key in settings if "__" in key]) or "INGEST_KAFKA__BROKERS"
            yield f"{name}: no such setting; did you mean one like {guess}?"
        elif section in tables and parts:
            # A variable's name has no case, a topic's and a route's have one; and routes have an order.
            yield f"{name}: {section} can't be set in parts; give all of it as JSON in {section}"
        elif upper in settings and not _usable(value, settings[upper]):
            yield f"{name}: not the JSON that {_NEEDS_JSON[settings[upper]]}"


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


_NEEDS_JSON = {
    "table": 'a table needs, as in INGEST_KAFKA__OPTIONS=\'{"security.protocol": "SSL"}\'',
    "list": "a list needs; write INGEST_SCHEMA__TAGS='[\"region\"]', or names with commas",
}


def _holds(annotation: Any) -> str:
    return {tuple: "list", dict: "table"}.get(get_origin(annotation) or annotation, "")


def _usable(text: str, holds: str) -> bool:
    """Whether a variable holds what its setting needs. A list may be names with commas, which never begin with [."""
    if not holds or (holds == "list" and not text.lstrip().startswith(("[", "{"))):
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _sentence(fault: Any, places: Places, model: type[BaseModel]) -> str:
    where = [str(part) for part in fault["loc"]]
    place = places.place(_with_option(where, fault))
    if where[-1] in _SCALARS and fault["type"] in _EXPECTED:  # of a value that may have one of these types
        text = f"{_name(where[:-1])}: a text, a number, true or false is expected"
    elif fault["type"] == "extra_forbidden":
        text = f"{_name(where)}: unknown key; {_hint(where, fault['input'], model)}"
    elif fault["type"] == "literal_error":
        text = f"{_name(where)}: {one_of(_words(fault), fault['input'])}"
    else:
        text = f"{_name(where)}: {expectation(fault)}"
    return f"{text} ({place})" if place else text


def expectation(fault: Mapping[str, Any]) -> str:
    """What a fault of pydantic's says about the value, in the words of this module; the value isn't quoted."""
    if fault["type"] in _LIMITS:
        limits = {name: f"{limit:,}".removesuffix(".0") for name, limit in fault["ctx"].items()}
        return _LIMITS[fault["type"]].format(**limits)
    return _EXPECTED.get(fault["type"]) or str(fault["msg"]).removeprefix("Value error, ")


def _with_option(where: list[str], fault: Any) -> tuple[str, ...]:
    """The path of a fault, with the option that a fault of [kafka.options] begins with."""
    named = re.match(r'Value error, ("(?:[^"\\]|\\.)*")', fault["msg"]) if where == ["kafka", "options"] else None
    return (*where, json.loads(named[1])) if named else tuple(where)


def _name(where: list[str]) -> str:
    """Section and key as the file has them: `[kafka] brokers`, `[schema] ranking.rank`."""
    depth = _depth(where)
    section = f"[{'.'.join(toml_key(part) for part in where[:depth])}]"
    return f"{section} {'.'.join(where[depth:])}".rstrip()


def _words(fault: Any) -> list[str]:
    """The words of a fixed set, which pydantic gives as "'earliest' or 'latest'"."""
    return re.findall(r"'([^']*)'", fault["ctx"]["expected"])


def _hint(where: list[str], given: object, model: type[BaseModel]) -> str:
    """What to do about an unknown key: rule 2."""
    *section, key = where
    known = _known_keys(section, model)
    kind = section[-1] if section else ""
    elsewhere = _owners(key, model, section)
    if (secret := _SECRETS.get((kind, key))) is not None:
        hint = secret
    elif (called := _ALSO_CALLED.get((kind, key))) in known:
        hint = f"did you mean {called}?"
    elif (guess := near(key, known, cutoff=_SURE)) != "":
        hint = f"did you mean {guess}?"
    elif elsewhere:
        hint = f"it belongs to {' or '.join(elsewhere)}"
    elif (guess := near(key, known, cutoff=0.5)) != "":
        hint = f"did you mean {guess}?"
    elif (other := _near_elsewhere(key, model)) != "":
        hint = f"did you mean {other}?"
    else:
        hint = f"known: {', '.join(known)}"
    if where[0] == "topics" and len(where) == 3 and isinstance(given, dict):
        hint += f'; or, if that is a topic\'s name, in quotes: [topics."{where[1]}.{where[2]}"]'
    return hint


def _owners(key: str, model: type[BaseModel], section: list[str]) -> list[str]:
    """The sections that have a key of this name, or one that is called so there."""
    names = [name for name in _sections(model) if [name] != section]
    owners = [f"[{name}]" for name in names if key in _known_keys([name], model)]
    called = [(name, new) for (name, old), new in _ALSO_CALLED.items() if old == key and [name] != section]
    return owners or [f"[{name}], where it is called {new}" for name, new in called]


def _near_elsewhere(key: str, model: type[BaseModel]) -> str:
    keys = {each: name for name in _sections(model) for each in _known_keys([name], model)}
    guess = near(key, keys, cutoff=0.8)
    return f"[{keys[guess]}] {guess}" if guess else ""


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


def all_keys(annotation: Any) -> frozenset[str]:
    """The names of all sections and keys below `annotation`: a model, a table of models, or neither."""
    inner = _sections(annotation)
    return frozenset(inner).difference("*").union(*map(all_keys, inner.values()))


def _sections(annotation: Any) -> dict[str, Any]:
    """The keys of a section by name, or of each section of a table of sections by "*"."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {info.alias or name: info.annotation for name, info in annotation.model_fields.items()}
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return {"*": arguments[1]}
    return next((keys for argument in arguments if (keys := _sections(argument))), {})
