"""Markdown that mkdocs and GitHub show alike: tables, paragraphs of docstrings, and types in words.

Rules
1. Text between backticks stays as it is; elsewhere what Markdown or HTML would take for markup is escaped.
2. A cell is one line, and a `|` in it is escaped.
"""

import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr

NOTICE = "<!-- Written by scripts/reference from the code. Don't edit it here. -->\n"

_CODE = re.compile(r"(`[^`]*`)")
_DEFINITION = re.compile(r"^\[(?=[^\]]*\]:)")  # Markdown would take it for the target of links
_NAMES: Mapping[object, str] = {
    bool: "true or false",
    int: "integer",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "text",
    type(None): "null",
}


def text(prose: str) -> str:
    """`prose` with what is not code escaped (rule 1)."""
    parts = _CODE.split(prose)
    return _DEFINITION.sub(r"\\[", "".join(part if part.startswith("`") else _escaped(part) for part in parts))


def _escaped(part: str) -> str:
    return part.replace("*", r"\*").replace("<", "&lt;")


def paragraphs(documented: object) -> list[str]:
    """The paragraphs of an object's docstring, each on one line."""
    return [text(" ".join(part.split())) for part in (inspect.getdoc(documented) or "").split("\n\n")]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already (rule 2)."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def _cell(markdown: str) -> str:
    parts = _CODE.split(" ".join(markdown.split()))
    return "".join(part if part.startswith("`") else part.replace("|", r"\|") for part in parts)


def code(value: str) -> str:
    """`value` as code; empty without one."""
    return f"`{value}`" if value else ""


def type_in_words(annotation: Any) -> str:
    """The type of a value in JSON or TOML: `tuple[int, ...]` is a list of integers."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_in_words(arguments[0])
    if origin is Literal:
        return _either([f"`{json.dumps(word)}`" for word in arguments])
    if origin in {Union, UnionType}:
        return _either(list(dict.fromkeys(type_in_words(one) for one in arguments)))
    if origin is tuple or origin is list:
        return f"list of {_plural(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table of {_plural(arguments[1])}"
    return _NAMES.get(annotation, f"`{getattr(annotation, '__name__', annotation)}`")


def _either(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _plural(annotation: Any) -> str:
    words = type_in_words(annotation)
    plain = {"integer": "integers", "number": "numbers", "text": "texts", "path": "paths"}
    # `"list of strings"` in quotes is a value, which is written as it is given.
    return plain.get(words) or re.sub(r"^list of", "lists of", words)
