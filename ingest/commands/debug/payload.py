"""Formats payloads for a terminal: readable, of limited length, and harmless.

Rules
1. Characters that are not printable are escaped: a payload must not move the cursor, change colours or reverse text.
2. Where text is cut off, its full length is shown.
3. JSON is laid out from its text, not from its values: digits, duplicate keys and escapes stay as they were sent.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.records import Headers

VALUE_CHARACTERS = 4_000
VALUE_LINES = 80
CELL_CHARACTERS = 60

_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s"\[\]{},:]+|".*', re.DOTALL)


def escape(shown: str) -> str:
    """`shown` with everything but printable characters as escapes."""
    if shown.isprintable():
        return shown
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in shown
    )


def line(raw: bytes | str | None, most: int = CELL_CHARACTERS) -> str:
    """A key or a header on one line, quoted; (none) for None, b'...' for bytes that are not UTF-8."""
    if raw is None:
        return "(none)"
    try:
        return cell(raw if isinstance(raw, str) else raw.decode(), most)
    except UnicodeDecodeError:
        return _cut(repr(raw), most, len(raw))


def cell(value: Any, most: int = CELL_CHARACTERS) -> str:
    """One decoded value on one line, as JSON; null is `null`."""
    if isinstance(value, str) and len(value) > 4 * most:
        return _cut(escape(json.dumps(value[: 4 * most], ensure_ascii=False)), most, len(value))
    whole = escape(json.dumps(value, ensure_ascii=False, default=str))
    return _cut(whole, most, len(value) if isinstance(value, str) else len(whole))


def _cut(shown: str, most: int, length: int) -> str:
    return shown if len(shown) <= most else f"{shown[:most]}… ({length:,} characters)"


def header_pairs(headers: Headers) -> list[tuple[str, str | bytes | None]]:
    """A message's headers, in either of the shapes that confluent_kafka's types allow."""
    return list(headers.items() if isinstance(headers, Mapping) else headers or ())


def moment(at_ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC."""
    try:
        return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
    except OverflowError:
        return f"{at_ms} ms since the epoch"


def value_lines(raw: bytes, *, is_json: bool) -> list[str]:
    r"""A message's value: JSON with a line for each key, other text unchanged; bytes that are not UTF-8 as \xNN."""
    whole = raw.decode(errors="backslashreplace")
    shown = whole[:VALUE_CHARACTERS]
    lines = _laid_out(shown) if is_json else shown.split("\n")
    rest = len(whole) - len(shown) + sum(map(len, lines[VALUE_LINES:]))
    lines = [escape(each) for each in lines[:VALUE_LINES]]
    if rest:
        lines.append(f"… and {rest:,} more characters (of {len(raw):,} bytes in all)")
    return lines


def _laid_out(shown: str) -> list[str]:
    lines: list[str] = []
    depth, current = 0, ""
    for mark in _MARK.findall(shown):
        if mark in ("[", "{"):
            depth += 1
            current += mark
            if depth == 1:
                lines.append(current)
                current = "  "
        elif mark in ("]", "}"):
            depth -= 1
            if depth == 0:
                if current.strip():
                    lines.append(current)
                current = mark
            else:
                current += mark
        elif mark == ",":
            current += "," if depth == 1 else ", "
            if depth == 1:
                lines.append(current)
                current = "  "
        else:
            current += ": " if mark == ":" else mark
    if current.strip():
        lines.append(current)
    return lines
