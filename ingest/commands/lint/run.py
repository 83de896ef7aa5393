"""`ingest lint`: the faults and warnings of a configuration, each with its place.

Rules
1. What loading and starting would refuse is a fault. What works and is hardly meant is a warning.
2. What the environment of another machine may have, the Arize key and the space, is neither.
"""

from collections.abc import Callable, Iterator
from typing import TextIO

from ingest.commands.lint.text import Finding, as_json, as_text, finding
from ingest.config.checks import CREDENTIALS_MISSING, check_delivery
from ingest.config.doubts import doubts
from ingest.config.load import Loaded
from ingest.config.messages import with_place
from ingest.errors import ConfigError, ExitCode
from ingest.supervisor import plan


def run(load: Callable[[], Loaded], *, deny_warnings: bool, json: bool, stream: TextIO) -> ExitCode:
    """Print what is found in the configuration that `load` returns."""
    findings = list(find(load))
    stream.write(as_json(findings) if json else as_text(findings))
    refused = any(each.level == "fault" or deny_warnings for each in findings)
    return ExitCode.CONFIGURATION if refused else ExitCode.DONE


def find(load: Callable[[], Loaded]) -> Iterator[Finding]:
    """The faults and warnings, faults first."""
    try:
        loaded = load()
    except ConfigError as wrong:
        yield from (finding("fault", fault) for fault in wrong.faults)
        return
    told: set[str] = set()
    for validate in (check_delivery, plan.configured_topics):
        try:
            validate(loaded.config)
        except ConfigError as wrong:
            told.update(fault for fault in wrong.faults if not fault.startswith(CREDENTIALS_MISSING))
    yield from (finding("fault", with_place(fault, loaded.sources)) for fault in sorted(told))
    yield from (finding("warning", with_place(doubt, loaded.sources)) for doubt in doubts(loaded))
