"""`ingest check`: validate configuration, Kafka, disk and Arize before starting.

Rules
1. A failed check does not stop the others; only checks that depend on it are reported as unchecked.
2. No row is sent, no offset is committed and no file stays: a file is written and removed, messages are read and
   discarded, and Arize gets a request without rows.
3. The exit code is the one that `supervise` would return.
4. A configuration that can't be read is told before the clients of Kafka and Arize are imported, which takes seconds.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TextIO

from ingest.commands.check.result import CheckResult, exit_code, failed, unchecked
from ingest.commands.check.text import as_json, as_text
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode


def run(load: Callable[[], Config], *, json: bool, stream: TextIO) -> ExitCode:
    """Check the configuration that `load` returns. Text is written check by check, JSON at the end."""
    results: list[CheckResult] = []
    for result in check(load):
        results.append(result)
        if not json:
            stream.write(as_text(result) + "\n")
            stream.flush()
    if json:
        stream.write(as_json(results, datetime.now(UTC)) + "\n")
    return exit_code(results)


def check(load: Callable[[], Config]) -> Iterator[CheckResult]:
    """The result of each check, in a fixed order, as soon as it and those before it are known."""
    try:
        settings = load()
    except ConfigError as wrong:
        yield from (failed("configuration", fault, ExitCode.CONFIGURATION) for fault in wrong.faults)
        yield unchecked("everything else", "the configuration must be valid first")
        return
    from ingest.commands.check.together import checks  # noqa: PLC0415  rule 4

    yield from checks(settings)
