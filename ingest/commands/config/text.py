"""The effective configuration as TOML with the source of each value as a comment, and as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from ingest.config.effective import EffectiveValue
from ingest.config.messages import toml_key

_WIDTH = 44  # characters before the source of a value, where the value leaves room


def as_text(rows: Sequence[EffectiveValue]) -> str:
    """Sections and keys as the file has them; a key without a value is a comment."""
    sections: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        key = toml_key(row.path[-1])
        text = f"# {key} is not set" if row.value is None else f"{key} = {_toml(row.value)}"
        # A table has one header, wherever its keys stand among its inner tables.
        sections.setdefault(row.path[:-1], []).append(f"{text:<{_WIDTH}} # {row.source}")
    headed = ["\n".join([*_header(section), *lines]) for section, lines in sorted(sections.items(), key=_plain_first)]
    return "\n\n".join(headed) + "\n"


def as_json(rows: Sequence[EffectiveValue]) -> str:
    """One object with the values in order; the field names are stable."""
    values = [
        {
            "key": ".".join(map(toml_key, row.path)),
            "path": row.path,
            "value": row.value,
            "source": row.source,
            "hidden": row.hidden,
        }
        for row in rows
    ]
    return json.dumps({"values": values}, ensure_ascii=False) + "\n"


def _header(section: tuple[str, ...]) -> list[str]:
    return [f"[{'.'.join(map(toml_key, section))}]"] if section else []


def _plain_first(item: tuple[tuple[str, ...], list[str]]) -> bool:
    """Keys without a section must come before any header; the other sections keep their order."""
    return bool(item[0])


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return (
            f"{{ {', '.join(f'{toml_key(key)} = {_toml(each)}' for key, each in value.items())} }}" if value else "{}"
        )
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
