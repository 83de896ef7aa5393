"""Reads files of example messages, each with what it is expected to become.

Rules
1. `NAME.toml` has a table [[message]] for each message; any other file is JSON lines, an object on each. The keys are
   the same. Keys before the first message, or an object with none of a message's keys on the first line, are the
   file's own: `config`, the configuration files, relative to this one, and `now`, the time at which it is judged.
2. A message has one of `value` (text as it is; a table, an array or a number is written as JSON; null is a tombstone),
   `value_file` (relative to the file), `value_base64` and `tombstone = true`. It may have `name`, `topic`, `partition`,
   `offset`, `timestamp`, `headers`, and `key` or `key_base64`.
3. `expect` has `row`, `rows`, `reason`, `filtered` or `tombstone`, and may have `route`, `model_name`, `model_version`,
   `environment` and `complete`. Without `expect` nothing is expected of it, which is a failure.
4. Every fault of a file is reported, with its line if that is known. A fault quotes no value.
"""

import base64
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from ingest.config.near_names import near
from ingest.errors import ConfigError
from ingest.pipeline.arize.roles import RESERVED
from ingest.records import Headers

GROUPS = ("features", "tags", "columns")
DESTINATION = ("model_name", "model_version", "environment")
_OUTCOMES = ("row", "rows", "reason", "filtered", "tombstone")
_EXPECT = (*_OUTCOMES, "route", *DESTINATION, "complete")
_VALUES = ("value", "value_file", "value_base64", "tombstone")
_MESSAGE = (
    *("name", "topic", "partition", "offset", "timestamp", "headers", "key", "key_base64"),
    *(*_VALUES, "expect"),
)
_FILE = ("config", "now")
_HEADING = re.compile(r"^[ \t]*\[\[[ \t]*message[ \t]*\]\]", re.MULTILINE)

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExampleMessage:
    """A message as a test names it; it has the methods of a Kafka message."""

    raw_value: bytes | None
    raw_key: bytes | None = None
    raw_headers: Headers = None
    in_topic: str = ""
    in_partition: int = 0
    at_offset: int = 0
    timestamp_ms: int = 0

    def topic(self) -> str:
        """The topic."""
        return self.in_topic

    def partition(self) -> int:
        """The partition."""
        return self.in_partition

    def offset(self) -> int:
        """The offset."""
        return self.at_offset

    def value(self) -> bytes | None:
        """The value, None for a tombstone."""
        return self.raw_value

    def key(self) -> bytes | None:
        """The key."""
        return self.raw_key

    def headers(self) -> Headers:
        """The headers."""
        return self.raw_headers

    def timestamp(self) -> tuple[int, int]:
        """Its kind (1: the producer's) and the milliseconds since the epoch."""
        return 1, self.timestamp_ms


@dataclass(frozen=True, slots=True)
class Case:
    """One message of a file, and what is expected of it: keys as in rule 3, None for no expectation.

    `number` counts from 1; `line` is None if it is not known. `timestamp_ms` is None for the time of the test.
    """

    number: int
    line: int | None
    name: str
    topic: str | None
    message: ExampleMessage
    timestamp_ms: int | None
    expect: Raw | None

    def at(self, topic: str, now_ms: int) -> ExampleMessage:
        """The message in its topic, at its time or else now."""
        message, at_ms = self.message, now_ms if self.timestamp_ms is None else self.timestamp_ms
        return ExampleMessage(
            message.raw_value,
            message.raw_key,
            message.raw_headers,
            topic,
            message.in_partition,
            message.at_offset,
            at_ms,
        )


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One file. `config` has the paths of the configuration files that it names, `now_s` seconds since 1970."""

    path: Path
    cases: Sequence[Case]
    config: Sequence[Path] = ()
    now_s: float | None = None
    raw: Sequence[Raw] = field(default_factory=tuple)


def read(path: Path) -> CaseFile:
    """The file at `path`. Raises ConfigError with every fault of it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: it is not UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    top, messages, lines = _toml(path, text) if path.suffix == ".toml" else _json_lines(path, text)
    faults = [f"{path}: {fault}" for fault in _unknown(top, _FILE, "the file")]
    cases = []
    for number, (raw, line) in enumerate(zip(messages, lines, strict=True), 1):
        where = f"{path}:{line}" if line is not None else f"{path}"
        found = [*_faults(raw, path.parent)]
        faults += [f"{where}: message {number}: {fault}" for fault in found]
        if not found:
            cases.append(_case(raw, number, line, path.parent))
    config, now = top.get("config", []), top.get("now")
    config = [config] if isinstance(config, str) else config
    if not (isinstance(config, list) and all(isinstance(each, str) for each in config)):
        faults.append(f"{path}: config: a path in quotes is expected, or a list of them")
    if now is not None and _milliseconds(now) is None:
        faults.append(f"{path}: now: a time is expected, as in 2026-07-20T03:15:00Z")
    if not messages:
        faults.append(f"{path}: there is no message in it; begin one with [[message]], or write one on a line as JSON")
    if faults:
        raise ConfigError(faults)
    now_ms = None if now is None else _milliseconds(now)
    return CaseFile(
        path, cases, [path.parent / each for each in config], None if now_ms is None else now_ms / 1000, messages
    )


def headings(text: str) -> list[int]:
    """The positions in a TOML file at which messages seem to begin; text in a value may look like one."""
    return [match.start() for match in _HEADING.finditer(text)]


def _toml(path: Path, text: str) -> tuple[Raw, list[Raw], list[int | None]]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {_place(str(error))}") from None
    messages = found.pop("message", [])
    if not (isinstance(messages, list) and all(isinstance(each, dict) for each in messages)):
        raise ConfigError(f"{path}: message: write [[message]] before each message")
    starts = headings(text)
    known = len(starts) == len(messages)
    return found, messages, [text.count("\n", 0, at) + 1 for at in starts] if known else [None] * len(messages)


def _place(error: str) -> str:
    """Where a TOML file is wrong, without the text that tomllib quotes."""
    place = re.search(r"\(at [^)]*\)$", error)
    return place[0].strip("()") if place else "it can't be read"


def _json_lines(path: Path, text: str) -> tuple[Raw, list[Raw], list[int | None]]:
    messages: list[Raw] = []
    lines: list[int | None] = []
    top: Raw = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            at = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
            raise ConfigError(f"{path}:{number}: not valid JSON{at}") from None
        if not isinstance(found, dict):
            raise ConfigError(f"{path}:{number}: an object is expected, with a value and what to expect of it")
        if not messages and not top and found and not found.keys() & set(_MESSAGE):
            top = found
            continue
        messages.append(found)
        lines.append(number)
    return top, messages, lines


# --- one message ----------------------------------------------------------------------------------


def _unknown(found: Raw, known: Sequence[str], what: str) -> Iterator[str]:
    for key in found:
        if key not in known:
            meant = near(key, known)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
            yield f"{what} has no key {json.dumps(key)}; {hint}"


def _faults(raw: Raw, folder: Path) -> Iterator[str]:
    yield from _unknown(raw, _MESSAGE, "a message")
    if len(given := [key for key in _VALUES if key in raw]) != 1:
        yield f"write one of {', '.join(_VALUES)}" + (f", not {' and '.join(given)}" if given else "")
    checks: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
        ("name", lambda each: isinstance(each, str), "a text is expected"),
        ("topic", lambda each: isinstance(each, str), "a text is expected"),
        ("partition", _is_number, "a number from 0 is expected"),
        ("offset", _is_number, "a number from 0 is expected"),
        ("tombstone", lambda each: each is True, "only true is possible"),
        ("timestamp", lambda each: _milliseconds(each) is not None, "a time is expected, or milliseconds since 1970"),
        ("key", lambda each: each is None or isinstance(each, str), "a text is expected"),
        ("key_base64", lambda each: _decoded(each) is not None, "base64 is expected"),
        ("value_base64", lambda each: _decoded(each) is not None, "base64 is expected"),
        ("value_file", lambda each: isinstance(each, str) and (folder / each).is_file(), "there is no such file"),
        ("value", _is_json, "JSON has no times: write them as text"),
        ("headers", lambda each: _headers(each) is not None, "a table is expected, or a list of [name, text]"),
    )
    yield from (f"{key}: {text}" for key, holds, text in checks if key in raw and not holds(raw[key]))
    expect = raw.get("expect")
    if expect is not None:
        yield from (f"expect: {fault}" for fault in _expect_faults(expect))


def _expect_faults(expect: Any) -> Iterator[str]:
    if not isinstance(expect, Mapping):
        yield "a table is expected"
        return
    yield from _unknown(expect, _EXPECT, "it")
    outcomes = [key for key in _OUTCOMES if key in expect]
    if not outcomes:
        yield f"write one of {', '.join(_OUTCOMES)}"
    if "row" in expect and "rows" in expect:
        yield "write row or rows, not both"
    rows = expect.get("rows", [expect["row"]] if "row" in expect else [])
    if not (isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows)):
        yield "a row is a table of columns by role"
        return
    for row in rows:
        yield from _unknown(row, (*RESERVED, *GROUPS), "a row")
        yield from (f"{group}: a table of columns is expected" for group in GROUPS if not _is_table(row, group))
    texts = [key for key in ("reason", "route", *DESTINATION) if not isinstance(expect.get(key, ""), str)]
    yield from (f"{key}: a text is expected" for key in texts)
    flags = [key for key in ("filtered", "tombstone", "complete") if not isinstance(expect.get(key, True), bool)]
    yield from (f"{key}: true is expected" for key in flags)


def _is_table(row: Raw, key: str) -> bool:
    return isinstance(row.get(key, {}), Mapping)


def _is_number(found: Any) -> bool:
    return type(found) is int and found >= 0


def _is_json(found: Any) -> bool:
    if isinstance(found, Mapping):
        return all(map(_is_json, found.values()))
    if isinstance(found, list):
        return all(map(_is_json, found))
    return not isinstance(found, date | time)


def _decoded(found: Any) -> bytes | None:
    try:
        return base64.b64decode(found, validate=True)
    except (ValueError, TypeError):
        return None


def _milliseconds(found: Any) -> int | None:
    """A time as milliseconds since 1970; one without a zone is UTC."""
    if type(found) is int:
        return found
    try:
        at = datetime.fromisoformat(found) if isinstance(found, str) else found
    except ValueError:
        return None
    if not isinstance(at, datetime):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return round(at.timestamp() * 1000)


def _headers(found: Any) -> list[tuple[str, bytes | None]] | None:
    pairs = list(found.items()) if isinstance(found, Mapping) else found
    if not isinstance(pairs, list):
        return None
    headers: list[tuple[str, bytes | None]] = []
    for pair in pairs:
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            return None
        name, text = pair
        raw = _decoded(text.get("base64")) if isinstance(text, Mapping) else text
        if not (raw is None or isinstance(raw, str | bytes)) or (raw is None and text is not None):
            return None
        headers.append((name, raw.encode() if isinstance(raw, str) else raw))
    return headers


def _case(raw: Raw, number: int, line: int | None, folder: Path) -> Case:
    key = raw.get("key")
    message = ExampleMessage(
        _value(raw, folder),
        _decoded(raw["key_base64"]) if "key_base64" in raw else None if key is None else key.encode(),
        _headers(raw.get("headers", [])),
        in_partition=raw.get("partition", 0),
        at_offset=raw.get("offset", number - 1),
    )
    at_ms = _milliseconds(raw["timestamp"]) if "timestamp" in raw else None
    return Case(number, line, raw.get("name", ""), raw.get("topic"), message, at_ms, raw.get("expect"))


def _value(raw: Raw, folder: Path) -> bytes | None:
    if "tombstone" in raw:
        return None
    if "value_base64" in raw:
        return _decoded(raw["value_base64"])
    if "value_file" in raw:
        return Path(folder, raw["value_file"]).read_bytes()
    value: Any = raw["value"]
    if value is None or isinstance(value, str):
        return None if value is None else value.encode()
    return json.dumps(value, ensure_ascii=False).encode()
