"""docs/reference/configuration.md: each section of `Config` with its keys, types, defaults and environment variables.

`configuration.toml` holds what the models don't say: the introduction, text for a whole section, and examples by key.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ingest.config.settings import Config
from ingest.config.spellings import Spelling, spelling
from scripts.pages.markdown import NOTICE, code, paragraphs, table, text, type_in_words

TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section. `variable` is "" where the environment can't set it alone, `default` None without one."""

    name: str
    type: str
    default: str | None
    description: str
    variable: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One section by its name in the file, as `schema.ranking` or `topics.NAME`."""

    name: str
    paragraphs: list[str]
    keys: list[Key]


def page() -> str:
    """The page."""
    found = [f"{NOTICE}\n# Configuration\n", TEXTS["intro"]]
    for section in sections():
        found += [f"## [{section.name}]\n", *(f"{paragraph}\n" for paragraph in section.paragraphs)]
        header = ("key", "type", "default", "what it is", "environment variable")
        rows = [
            (code(key.name), key.type, code(key.default or ""), key.description, code(key.variable))
            for key in section.keys
        ]
        columns = [at for at in range(len(header)) if at < 2 or any(row[at] for row in rows)]
        found += [table([header[at] for at in columns], ([row[at] for at in columns] for row in rows))]
        if note := TEXTS["sections"].get(section.name):
            found += [note]
    return "\n".join(found)


def sections() -> list[Section]:
    """All sections, each before those inside it. Where two have the same keys, the second refers to the first."""
    found: list[Section] = []
    top = [(model, _place(info, name), name) for info, name in _fields(Config) if (model := _model(info.annotation))]
    seen = {model: place for model, place, _ in top}
    for model, place, name in top:
        found += _sections(place, model, f"INGEST_{name}".upper(), seen, by_name=place != name)
    return found


def _sections(
    name: str, model: type[BaseModel], variable: str, seen: dict[type[BaseModel], str], *, by_name: bool
) -> Iterator[Section]:
    keys: list[Key] = []
    inner: list[Section] = []
    for info, key in _fields(model):
        variable_of_key = "" if by_name else f"{variable}__{key}".upper()
        below, described = _model(info.annotation), _described(name, info, key)
        if below is None:
            keys.append(
                Key(key, _type(info) + _also(key, info), _default(info), described, variable_of_key, info.is_required())
            )
            continue
        place = _place(info, key)
        full = f"{name}.{place}"
        where = seen.setdefault(below, full)
        link = f"Its keys: [[{where}]](#{anchor(where)})"
        described = f"{described}. {link}" if described else link
        keys.append(Key(place, "section", None, described, variable_of_key if place != key else ""))
        if where == full:
            inner += _sections(full, below, variable_of_key, seen, by_name=by_name or place != key)
    yield Section(name, paragraphs(model), keys)
    yield from inner


def anchor(name: str) -> str:
    """The anchor of a section's heading, as mkdocs makes it."""
    return name.replace(".", "").lower()


def _fields(model: type[BaseModel]) -> Iterator[tuple[FieldInfo, str]]:
    """The fields of a model with the names that the file has for them."""
    for name, info in model.model_fields.items():
        yield info, info.alias or name


def _place(info: FieldInfo, name: str) -> str:
    """The name of a section; `NAME` stands for the free name in a table of sections."""
    return f"{name}.NAME" if _is_table(info.annotation) else name


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model of a sub-section or of a table of sub-sections; None for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arguments = get_args(annotation)
    return next((model for argument in arguments if (model := _model(argument)) is not None), None)


def _is_table(annotation: Any) -> bool:
    return get_origin(annotation) is dict


def _described(section: str, info: FieldInfo, key: str) -> str:
    """The key's description, and what `configuration.toml` adds."""
    parts = (text(info.description or ""), TEXTS["keys"].get(f"{section}.{key}", ""))
    return ". ".join(part.rstrip(".") for part in parts if part)


def _type(info: FieldInfo) -> str:
    names = ("ge", "gt", "le", "min_length")
    limits = {name: getattr(one, name) for one in _limits(info) for name in names if hasattr(one, name)}
    words = type_in_words(_without_none(info.annotation))
    least, above, most = limits.get("ge"), limits.get("gt"), limits.get("le")
    if least is not None and most is not None:
        return f"{words}, {least} to {most}"
    if above is not None and most is not None:
        return f"{words} above {above}, up to {most}"
    if least is not None:
        return f"{words}, {least} or more"
    if above is not None:
        return f"{words} above {above}"
    return f"{words}, not empty" if limits.get("min_length") else words


_ALSO = {
    Spelling.DURATION: ", or a duration",
    Spelling.SIZE: ", or a size",
    Spelling.WORD: ", in any case",
    Spelling.LIST: ", or text with commas",
    Spelling.JOINED: ", or a list",
    Spelling.NUMBER_AS_TEXT: ", or a number",
}


def _also(key: str, info: FieldInfo) -> str:
    """What the key takes besides its type."""
    return _ALSO.get(spelling(key, info), "")


def _limits(info: FieldInfo) -> Iterator[Any]:
    for one in info.metadata:
        yield from getattr(one, "metadata", [one])


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, UnionType}:
        rest = [one for one in get_args(annotation) if one is not type(None)]
        return rest[0] if len(rest) == 1 else annotation
    return annotation


def _default(info: FieldInfo) -> str | None:
    """The default as TOML has it; None for a key without one."""
    value = info.get_default(call_default_factory=True)
    if info.is_required() or value is None:
        return None
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, tuple):
        return "[]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
