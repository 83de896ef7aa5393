"""The shape of a line of the log, as text and as JSON. It imports nothing heavy: the first line comes before that.

Rules
1. One event is one line. Line breaks within a sentence become ` | `, a tab a blank; other control characters are
   written in hexadecimal, so that no text of a broker or a proxy acts on a terminal or splits a record. In the fields
   of JSON they are escaped as JSON does, U+2028 and its like too.
2. A text line begins with date, time, zone offset and level, in columns of their own. Its length depends on no window.
3. A JSON line has the fields of `HEAD` first, each of them always, null where it does not apply; then the event's own.
   A name that is in `HEAD` is there once. `message` is the sentence of the text line, unchanged but for rule 1.
4. `topic` and `group` are the event's own, else those of its worker, else those of the run if it reads one topic.
5. The levels are ordered as in `LEVELS`. A log of a level has that one and those after it.
"""

import json
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

LEVELS = ("debug", "info", "warning", "error")
HEAD = ("time", "level", "event", "message", "run", "host", "version", "topic", "group", "worker")

_BREAK = re.compile(r"\s*[\r\n\v\f\x85\u2028\u2029]+\s*")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
# What JSON allows in a string as it is, and some readers take for the end of a line, or a terminal for a command.
_BARE_IN_JSON = re.compile(r"[\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class RunName:
    """What a run is called and where it runs. `run` is another one after each start."""

    run: str = ""
    host: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What an event is about: None where it does not apply."""

    topic: str | None = None
    group: str | None = None
    worker: int | None = None


NOWHERE = Place()


def new_run(at: datetime) -> RunName:
    """The name of a run of this process that starts at `at`."""
    run = f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    return RunName(run, socket.gethostname(), metadata.version("ingest"))


def reaches(level: str, least: str) -> bool:
    """Whether a log of level `least` has lines of `level`."""
    return LEVELS.index(level) >= LEVELS.index(least)


def one_line(text: str) -> str:
    """`text` as rule 1 has it."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", _BREAK.sub(" | ", text.strip()).replace("\t", " "))


def text_line(at: datetime, level: str, who: str, message: str) -> str:
    """`2026-05-01 12:03:04+02:00 WARNING worker 3    the sentence`, in local time, without a line's end."""
    return f"{at.astimezone().isoformat(' ', 'seconds')} {level.upper():<7} {who:<10}  {one_line(message)}"


def json_line(
    at: datetime,
    level: str,
    event: str,
    message: str,
    run: RunName,
    *,
    place: Place = NOWHERE,
    fields: Mapping[str, Any],
) -> str:
    """One JSON object, without a line's end: rule 3. `fields` are the event's own, as JSON takes them."""
    head = {
        "time": timestamp(at),
        "level": level,
        "event": event,
        "message": one_line(message),
        "run": run.run,
        "host": run.host,
        "version": run.version,
        "topic": place.topic,
        "group": place.group,
        "worker": place.worker,
    }
    line = json.dumps(
        {**head, **{name: value for name, value in fields.items() if name not in head}}, ensure_ascii=False
    )
    return _BARE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
