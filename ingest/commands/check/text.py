"""What a check says: a line with ok, failed, warning or unchecked."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ingest.errors import ExitCode
from ingest.status import lines

Status = Literal["ok", "warning", "failed", "unchecked"]

_ORDER = (
    ExitCode.CONFIGURATION,
    ExitCode.USAGE,
    ExitCode.KAFKA,
    ExitCode.EXPIRED,
    ExitCode.CREDENTIALS,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One check.

    `text` says what was found, and of what has failed what to do; `code` is what a start would leave with.
    """

    check: str
    status: Status
    text: str
    topic: str = ""
    code: ExitCode = ExitCode.DONE


def ok(check: str, text: str, topic: str = "") -> Line:
    """All is well."""
    return Line(check, "ok", text, topic)


def warning(check: str, text: str, topic: str = "") -> Line:
    """It works, and somebody should look."""
    return Line(check, "warning", text, topic)


def failed(check: str, text: str, code: ExitCode, topic: str = "") -> Line:
    """It can't work."""
    return Line(check, "failed", text, topic, code)


def unchecked(check: str, text: str, topic: str = "") -> Line:
    """Nobody knows."""
    return Line(check, "unchecked", text, topic)


def exit_code(found: Sequence[Line]) -> ExitCode:
    """What a start would come to, by the first of what it looks at; DONE if nothing has failed."""
    codes = [line.code for line in found if line.status == "failed"]
    return min(codes, key=_ORDER.index, default=ExitCode.DONE)


def as_text(line: Line) -> str:
    """`ok         brokers: ...`."""
    where = f"{line.check} ({line.topic})" if line.topic else line.check
    return f"{line.status:<9}  {where}: {line.text}"


def as_json(found: Sequence[Line], at: datetime) -> str:
    """All of them as one JSON object; the names are stable."""
    code = exit_code(found)
    return json.dumps(
        {
            "time": lines.timestamp(at),
            "ok": code is ExitCode.DONE,
            "exit_code": code,
            "checks": [dataclasses.asdict(line) for line in found],
        },
        ensure_ascii=False,
    )
