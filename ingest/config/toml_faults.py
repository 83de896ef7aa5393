"""What tomllib finds in a file that is not TOML, in words that name the table and quote nothing else.

Rules
1. tomllib quotes the file, where a secret may stand in the wrong place. Only names that the configuration knows, and
   the names of topics and routes, are shown.
2. A file that is another format is told so: JSON by its content, YAML by the line that TOML can't read.
3. The position stays at the end, as `(at line 3, column 7)`.
"""

import ast
import json
import re
import tomllib

from ingest.config import toml_lines
from ingest.config.messages import toml_key

_POSITION = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)$")
_TABLE = re.compile(r"(Cannot declare|Cannot mutate immutable namespace) (\(.*\))")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_QUOTED = re.compile(r"\('.*'[^)]*\)|'(?:[^'\\]|\\.){2,}'|\"(?:[^\"\\]|\\.){2,}\"")
_YAML = re.compile(r"---\s*$|\s*-\s|\s*(?:- )?[\"']?[A-Za-z0-9_.-]+[\"']?\s*:(?:\s|$)")
_HIDDEN = "..."
_TOML = "TOML writes a [section], and KEY = VALUE below it"


def toml_fault(error: tomllib.TOMLDecodeError, text: str, known: frozenset[str]) -> str:
    """The fault and its position. `known` are the names of all sections and keys."""
    found = _POSITION.search(str(error))
    position = f" {found[0]}" if found else ""
    number = int(found[1]) if found and found[1] else 0
    lines = text.split("\n")
    at = lines[number - 1] if 0 < number <= len(lines) else ""
    if _is_json(text):
        return f"it is JSON: {_TOML}{position}"
    if _YAML.match(at):
        return f"it looks like YAML: {_TOML}{position}"
    message = str(error).removesuffix(position)
    if message.startswith("Invalid value"):
        return f"{message}{position}; a text stands in quotes"
    if (table := _TABLE.match(message)) is not None:
        message = _twice(table[1], tuple(map(str, ast.literal_eval(table[2]))), lines[: number - 1], known)
    elif message.startswith("Cannot overwrite a value"):
        key = _KEY.match(at)
        message = f"{key[1] if key and key[1] in known else 'a key or a table'} is set twice"
    return _QUOTED.sub(_HIDDEN, message) + position


def _twice(what: str, path: tuple[str, ...], lines: list[str], known: frozenset[str]) -> str:
    """That a table is there already, in `lines`."""
    before = toml_lines.lines("\n".join(lines)).get(path)
    if what == "Cannot declare":
        return f"[{_shown(path, known)}] is declared twice" + (f", the first time in line {before}" if before else "")
    return f"[{_shown(path, known)}] is declared whole already" + (f" in line {before}" if before else "")


def _shown(path: tuple[str, ...], known: frozenset[str]) -> str:
    """Rule 1."""
    named = [
        toml_key(part) if part in known or (at == 1 and path[0] in {"topics", "routes"}) else _HIDDEN
        for at, part in enumerate(path)
    ]
    return ".".join(named)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text.lstrip().startswith("{")
    return True
