"""Templates: texts with placeholders that each message fills, such as `fraud-{release}` or `{headers.model}`.

Rules
1. `{field.path}` is a field of the message by its dotted path, `{headers.NAME}` a header of it.
2. `{{` and `}}` are the braces themselves. Any other brace is a fault, reported with its position.

This module only parses: the placeholders are filled in `ingest.pipeline.routing`.
"""

import re
from dataclasses import dataclass

_PART = re.compile(r"\{\{|\}\}|\{(?P<path>[^{}]*)\}|[^{}]+")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What a message fills: the dotted path of a field, or `headers.NAME`."""

    path: str


def parse(text: str) -> tuple[str | Placeholder, ...]:
    """The parts of `text` in order, neighbouring characters as one string.

    Raises `ValueError` with the position (counted from 1) and the reason, but never with the text itself.
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
    """Whether `text`, a valid template, has placeholders."""
    return any(isinstance(part, Placeholder) for part in parse(text))


def without_placeholders(text: str) -> str:
    """`text`, a valid template, with an x for each character of a placeholder and of a doubled brace.

    So positions are the same in both texts.
    """
    return "".join("x" * len(found[0]) if found[0][0] in "{}" else found[0] for found in _PART.finditer(text))


def is_path(text: str) -> bool:
    """Whether `text` names a field by its dotted path, or a header."""
    return bool(text) and text == text.strip() and all(text.split("."))
