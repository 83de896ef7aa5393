"""`ingest check`: everything that can be wrong before a start, in one go.

1. Every check that can be made is made, whatever has failed before it; what depends on a failure is unchecked.
2. Nothing is sent, committed or left behind: a file is written and removed again, messages are read and dropped, Arize
   gets a request that holds no row.
3. The exit code is what a start would leave with.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TextIO

from ingest import config
from ingest.account.files import account_of
from ingest.check import endpoint, kafka, places
from ingest.check.lines import Line, as_json, as_text, exit_code, failed, ok, unchecked
from ingest.errors import ConfigError, ExitCode
from ingest.pool import readings


def run(load: Callable[[], config.Config], *, json: bool, stream: TextIO) -> ExitCode:
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


def check(load: Callable[[], config.Config]) -> Iterator[Line]:
    """Each check in its turn."""
    try:
        settings = load()
    except ConfigError as wrong:
        yield from (failed("configuration", fault, ExitCode.CONFIGURATION) for fault in wrong.faults)
        yield unchecked("everything else", "the configuration must be readable first")
        return
    yield from _configuration(settings)
    topics = config.topics(settings)
    options = kafka.check_options(settings.kafka)
    yield options
    if options.status == "failed":
        yield unchecked("topics, group and start", "librdkafka must take the options")
    else:
        for each in topics:
            if each.kafka.topic:
                yield from kafka.check_topic(each, readings.setting_of(settings, each), account_of(settings))
    if options.status == "ok" or not settings.dead_letters.topic:
        yield places.check_dead_letters(settings)
    yield places.check_account(settings)
    yield from endpoint.check_arize(settings, datetime.now(UTC))
    yield from places.check_memory(settings)


def _configuration(settings: config.Config) -> Iterator[Line]:
    faults: list[str] = []
    for look in (config.check_delivery, readings.wanted):
        try:
            look(settings)
        except ConfigError as wrong:
            faults += [fault for fault in wrong.faults if fault not in faults]
    yield from (failed("configuration", fault, ExitCode.CONFIGURATION) for fault in faults)
    if not faults:
        yield ok("configuration", "complete")
