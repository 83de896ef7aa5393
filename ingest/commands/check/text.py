"""The results of `ingest check` as text and as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime

from ingest.commands.check.result import CheckResult, exit_code
from ingest.errors import ExitCode
from ingest.status import lines


def as_text(result: CheckResult) -> str:
    """One line: `ok         brokers: ...`."""
    name = f"{result.check} ({result.topic})" if result.topic else result.check
    return f"{result.status:<9}  {name}: {result.text}"


def as_json(results: Sequence[CheckResult], at: datetime) -> str:
    """All results as one JSON object; the field names are stable."""
    code = exit_code(results)
    return json.dumps(
        {
            "time": lines.timestamp(at),
            "ok": code is ExitCode.DONE,
            "exit_code": code,
            "checks": [dataclasses.asdict(result) for result in results],
        },
        ensure_ascii=False,
    )
