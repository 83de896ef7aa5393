"""What `ingest lint` finds, as lines and as JSON."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from ingest.status import formatting

_IN_FILE = re.compile(r" \((?P<file>[^()]+?\.[^():]+):(?P<line>\d+)\)$")
_ELSEWHERE = re.compile(r" \((?P<place>--[a-z-]+|\w*INGEST_[^\s()]+)\)$", re.IGNORECASE)
_INVALID = re.compile(r"^(?P<file>.+?): not valid TOML: .*\(at line (?P<line>\d+), column \d+\)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault or warning. `file` and `line` are where it is written; "" and None if not in a file."""

    level: Literal["fault", "warning"]
    file: str
    line: int | None
    source: str
    text: str


def finding(level: Literal["fault", "warning"], text: str) -> Finding:
    """The finding of a sentence that ends with its place in brackets, if it has one."""
    if (found := _IN_FILE.search(text)) is not None:
        file, line = found["file"], int(found["line"])
        return Finding(level, file, line, f"{file}:{line}", text[: found.start()])
    if (found := _INVALID.match(text)) is not None:
        file, line = found["file"], int(found["line"])
        return Finding(level, file, line, f"{file}:{line}", text.removeprefix(f"{file}: "))
    if (found := _ELSEWHERE.search(text)) is not None:
        return Finding(level, "", None, found["place"], text[: found.start()])
    return Finding(level, "", None, "", text)


def as_text(findings: Sequence[Finding]) -> str:
    """One line each, `ingest.toml:3: fault: ...`, and how many there are."""
    lines = [
        f"{each.source}: {each.level}: {each.text}" if each.source else f"{each.level}: {each.text}"
        for each in findings
    ]
    return "\n".join([*lines, _summary(findings)]) + "\n"


def as_json(findings: Sequence[Finding]) -> str:
    """One object; the field names are stable."""
    faults = _count(findings, "fault")
    found = {"ok": not faults, "faults": faults, "warnings": len(findings) - faults}
    return json.dumps({**found, "findings": [asdict(each) for each in findings]}, ensure_ascii=False) + "\n"


def _summary(findings: Sequence[Finding]) -> str:
    faults, warnings = _count(findings, "fault"), _count(findings, "warning")
    if not findings:
        return "no faults, no warnings"
    return f"{formatting.amount(faults, 'fault')}, {formatting.amount(warnings, 'warning')}"


def _count(findings: Sequence[Finding], level: str) -> int:
    return sum(each.level == level for each in findings)
