"""The result of one check: passed, passed with a warning, failed, or unchecked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.errors import ExitCode

Status = Literal["ok", "warning", "failed", "unchecked"]

# The order in which `supervise` would find them.
_ORDER = (
    ExitCode.CONFIGURATION,
    ExitCode.USAGE,
    ExitCode.KAFKA,
    ExitCode.EXPIRED,
    ExitCode.CREDENTIALS,
    ExitCode.TOO_MANY_DEAD,
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: `text` is what was found and, after a failure, what to do; `exit_code` is that of `supervise`."""

    check: str
    status: Status
    text: str
    topic: str = ""
    exit_code: ExitCode = ExitCode.DONE


def ok(check: str, text: str, topic: str = "") -> CheckResult:
    """The check passed."""
    return CheckResult(check, "ok", text, topic)


def warning(check: str, text: str, topic: str = "") -> CheckResult:
    """`supervise` would work, but somebody should look at this."""
    return CheckResult(check, "warning", text, topic)


def failed(check: str, text: str, code: ExitCode, topic: str = "") -> CheckResult:
    """`supervise` can't work."""
    return CheckResult(check, "failed", text, topic, code)


def unchecked(check: str, text: str, topic: str = "") -> CheckResult:
    """The check could not be made; `text` is why."""
    return CheckResult(check, "unchecked", text, topic)


def exit_code(results: Sequence[CheckResult]) -> ExitCode:
    """What `supervise` would exit with: the code of the failure it would find first, DONE if nothing failed."""
    codes = [result.exit_code for result in results if result.status == "failed"]
    return min(codes, key=_ORDER.index, default=ExitCode.DONE)
