"""Writes into a file of tests what its messages become now.

Rules
1. Only an `expect` that does not agree is written, and only it: all other text stays as it is. In a TOML file the new
   table stands at the end of its message.
2. What is written has the whole row, without nulls, and agrees with the outcome.
3. The new text is read again before the file is replaced: if its messages are not the same, nothing is written, and the
   fault says what to do.
"""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.commands.schema import toml
from ingest.commands.test.cases import CaseFile, headings
from ingest.commands.test.outcome import Instant, Outcome
from ingest.config.messages import toml_key
from ingest.errors import ConfigError

_TABLE = re.compile(r"^[ \t]*\[+", re.MULTILINE)
_EXPECT_TABLE = re.compile(r"[ \t]*\[+[ \t]*message[ \t]*\.[ \t]*expect\b")
_EXPECT_KEY = re.compile(r"^[ \t]*expect[ \t]*=[^\n]*\n?", re.MULTILINE)


def expectation(outcome: Outcome, former: Mapping[str, Any] | None) -> dict[str, Any]:
    """What `expect` is to have for `outcome`; it keeps the keys of a destination that `former` had."""
    found: dict[str, Any] = {}
    if outcome.filtered:
        found["filtered"] = True
    if outcome.tombstone:
        found["tombstone"] = True
    rows = [_plain(row) for row in outcome.rows]
    if len(rows) == 1 and outcome.rejected is None and "rows" not in (former or {}):
        found["row"] = rows[0]
    elif rows:
        found["rows"] = rows
    if outcome.rejected is not None:
        found["reason"] = outcome.rejected.reason.code
    if outcome.route:
        found["route"] = outcome.route
    kept = {key: value for key, value in (outcome.destination or {}).items() if key in (former or {})}
    return {**found, **kept, **({"complete": True} if (former or {}).get("complete") and rows else {})}


def update(file: CaseFile, found: Mapping[int, Mapping[str, Any]]) -> None:
    """Write `found`, the new `expect` of messages by their number, into the file.

    Raises ConfigError if the file can't be written, or not without changing more.
    """
    text = file.path.read_text(encoding="utf-8-sig")
    new = _in_toml(file, text, found) if file.path.suffix == ".toml" else _in_lines(file, text, found)
    _replace(file.path, new)


def _in_lines(file: CaseFile, text: str, found: Mapping[int, Mapping[str, Any]]) -> str:
    lines = text.split("\n")
    for case in file.cases:
        if case.number in found and case.line is not None:
            message = {**file.raw[case.number - 1], "expect": found[case.number]}
            lines[case.line - 1] = json.dumps(message, ensure_ascii=False)
    return "\n".join(lines)


def _in_toml(file: CaseFile, text: str, found: Mapping[int, Mapping[str, Any]]) -> str:
    starts = [*headings(text), len(text)]
    if len(starts) - 1 == len(file.cases):
        parts = [text[: starts[0]]]
        for case, start, end in zip(file.cases, starts, starts[1:], strict=False):
            part = text[start:end]
            parts.append(_with_expect(part, found[case.number]) if case.number in found else part)
        new = "".join(parts)
        if _messages(new) == _expected_messages(file, found):
            return new
    raise ConfigError(
        f"{file.path}: --update can't change it safely: write each message under a [[message]] of its own, and what is "
        "expected under [message.expect]"
    )


def _with_expect(part: str, expect: Mapping[str, Any]) -> str:
    """A message's part of the file with another `expect`."""
    # Empty lines and comments before the next message belong to that one.
    end = re.search(r"(?:\n[ \t]*(?:#[^\n]*)?)*\Z", part)
    body, tail = (part, "") if end is None else (part[: end.start()], part[end.start() :].strip("\n"))
    starts = [match.start() for match in _TABLE.finditer(body)]
    pieces = [body[start:until] for start, until in zip(starts, [*starts[1:], len(body)], strict=True)]
    kept = "".join(piece for piece in pieces if not _EXPECT_TABLE.match(piece))
    kept = _EXPECT_KEY.sub("", kept + "\n").rstrip("\n")
    return "\n".join([kept, *_table(expect), "", f"{tail}\n" if tail else ""])


def _table(expect: Mapping[str, Any]) -> list[str]:
    own = [f"{toml_key(key)} = {_inline(value)}" for key, value in expect.items() if key not in {"row", "rows"}]
    lines = ["", "[message.expect]", *own] if own else []
    for heading, rows in (
        ("[message.expect.row]", [expect["row"]] if "row" in expect else []),
        ("[[message.expect.rows]]", expect.get("rows", [])),
    ):
        for row in rows:
            lines += ["", heading, *(f"{toml_key(key)} = {_inline(value)}" for key, value in row.items())]
    return lines


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml_key(key)} = {_inline(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return toml.value(value)


def _messages(text: str) -> Any:
    try:
        return tomllib.loads(text).get("message")
    except tomllib.TOMLDecodeError:
        return None


def _expected_messages(file: CaseFile, found: Mapping[int, Mapping[str, Any]]) -> list[Any]:
    return [
        {**raw, "expect": found[number]} if number in found else dict(raw) for number, raw in enumerate(file.raw, 1)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, Instant):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _replace(path: Path, text: str) -> None:
    """Replace the file as a whole, with the mode that it has: a kill leaves the former or the new one."""
    try:
        mode = path.stat().st_mode & 0o777
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: can't be written: {error.strerror}") from None
