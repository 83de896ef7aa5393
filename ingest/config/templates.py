"""Texts with placeholders that each message fills: `fraud-{release}`, `{headers.model}`.

1. `{field.path}` is a field of the message by its dotted path, `{headers.NAME}` a header of it.
2. `{{` and `}}` are the braces themselves. Any other brace is a fault, told with its position.

Only the syntax is here: `ingest.pipeline.routing` fills the placeholders.
"""

import re
from dataclasses import dataclass

_PART = re.compile(r"\{\{|\}\}|\{(?P<path>[^{}]*)\}|[^{}]+")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """The dotted path of a field, or `headers.NAME`."""

    path: str


def parse(text: str) -> tuple[str | Placeholder, ...]:
    """The parts of `text` in order, neighbouring characters as one string.

    Raises `ValueError` saying where (counted from 1) and why it can't be read; never the text itself.
    """
    parts: list[str | Placeholder] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            raise ValueError(
                f"position {at + 1}: a brace without its other one; {{{{ and }}}} are the braces themselves"
            )
        if (path := found["path"]) is not None:
            if not is_path(path):
                raise ValueError(f"position {at + 1}: write {{field.path}} or {{headers.NAME}}")
            parts.append(Placeholder(path))
        else:
            literal = {"{{": "{", "}}": "}"}.get(found[0], found[0])
            if parts and isinstance(parts[-1], str):
                literal = f"{parts.pop()}{literal}"
            parts.append(literal)
        at = found.end()
    return tuple(parts)


def has_placeholders(text: str) -> bool:
    """Whether messages fill something in `text`, which `parse` takes."""
    return any(isinstance(part, Placeholder) for part in parse(text))


def without_placeholders(text: str) -> str:
    """`text`, which `parse` takes, with an x for each character of a placeholder and of a doubled brace.

    So a position in the one is the same in the other.
    """
    return "".join("x" * len(found[0]) if found[0][0] in "{}" else found[0] for found in _PART.finditer(text))


def is_path(text: str) -> bool:
    """Whether `text` names a field by its dotted path, or a header."""
    return bool(text) and text == text.strip() and all(text.split("."))
