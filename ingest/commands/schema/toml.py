"""Writes TOML that `tomllib` reads back unchanged; the standard library can only read it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingest.config.messages import toml_key


def text(found: Any) -> str:
    """A string as a TOML basic string, any other value as JSON for a comment.

    JSON's escapes are valid in TOML, but TOML also requires DEL to be escaped.
    """
    return json.dumps(found, ensure_ascii=False).replace("\x7f", "\\u007f")


def value(found: Any) -> str:
    """A scalar, or a list of scalars."""
    if isinstance(found, str):
        return text(found)
    if isinstance(found, Sequence):
        return f"[{', '.join(map(value, found))}]"
    if isinstance(found, bool):
        return "true" if found else "false"
    return repr(found)


def table(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a table and of its subtables, each after an empty line. Empty tables are omitted."""
    own = {each: inner for each, inner in found.items() if not isinstance(inner, Mapping)}
    if own:
        yield ""
        yield f"[{name}]"
        yield from (f"{toml_key(each)} = {value(inner)}" for each, inner in own.items())
    for each, inner in found.items():
        if isinstance(inner, Mapping):
            yield from table(f"{name}.{toml_key(each)}", inner)
