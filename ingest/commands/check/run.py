"""`ingest check`: everything that can be wrong before a start, in one go.

1. Every check that can be made is made, whatever has failed before it; what depends on a failure is unchecked.
2. Nothing is sent, committed or left behind: a file is written and removed again, messages are read and dropped, Arize
   gets a request that holds no row.
3. The exit code is what a start would leave with.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TextIO

from ingest.accounting.files import account_store
from ingest.commands.check import endpoint, kafka, local_checks
from ingest.commands.check.text import Line, as_json, as_text, exit_code, failed, ok, unchecked
from ingest.config.load import Config, check_delivery, topics
from ingest.errors import ConfigError, ExitCode
from ingest.supervisor import plan


def run(load: Callable[[], Config], *, json: bool, stream: TextIO) -> ExitCode:
    """Check what `load` gives, and write a line for each check as it is made."""
    found: list[Line] = []
    for line in check(load):
        found.append(line)
        if not json:
            stream.write(as_text(line) + "\n")
            stream.flush()
    if json:
        stream.write(as_json(found, datetime.now(UTC)) + "\n")
    return exit_code(found)


def check(load: Callable[[], Config]) -> Iterator[Line]:
    """Each check in its turn."""
    try:
        settings = load()
    except ConfigError as wrong:
        yield from (failed("configuration", fault, ExitCode.CONFIGURATION) for fault in wrong.faults)
        yield unchecked("everything else", "the configuration must be readable first")
        return
    yield from _configuration(settings)
    configured = topics(settings)
    options = kafka.check_options(settings.kafka)
    yield options
    if options.status == "failed":
        yield unchecked("topics, group and start", "librdkafka must take the options")
    else:
        for each in configured:
            if each.kafka.topic:
                yield from kafka.check_topic(each, plan.setting_of(settings, each), account_store(settings))
    if options.status == "ok" or not settings.dead_letters.topic:
        yield local_checks.check_dead_letters(settings)
    yield local_checks.check_account(settings)
    yield from endpoint.check_arize(settings, datetime.now(UTC))
    yield from local_checks.check_memory(settings)


def _configuration(settings: Config) -> Iterator[Line]:
    faults: list[str] = []
    for look in (check_delivery, plan.configured_topics):
        try:
            look(settings)
        except ConfigError as wrong:
            faults += [fault for fault in wrong.faults if fault not in faults]
    yield from (failed("configuration", fault, ExitCode.CONFIGURATION) for fault in faults)
    if not faults:
        yield ok("configuration", "complete")
