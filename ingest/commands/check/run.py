"""`ingest check`: validate configuration, Kafka, disk and Arize before starting.

Rules
1. A failed check does not stop the others; only checks that depend on it are reported as unchecked.
2. No row is sent, no offset is committed and no file stays: a file is written and removed, messages are read and
   discarded, and Arize gets a request without rows.
3. The exit code is the one that `supervise` would return.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TextIO

from ingest.accounting.files import account_store
from ingest.commands.check import broker_limits, endpoint, kafka, local_checks
from ingest.commands.check.result import CheckResult, exit_code, failed, ok, unchecked
from ingest.commands.check.text import as_json, as_text
from ingest.config.checks import check_delivery
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode
from ingest.supervisor import plan


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
    """The result of each check, as soon as it is known."""
    try:
        settings = load()
    except ConfigError as wrong:
        yield from (failed("configuration", fault, ExitCode.CONFIGURATION) for fault in wrong.faults)
        yield unchecked("everything else", "the configuration must be valid first")
        return
    yield from _configuration(settings)
    options = kafka.check_options(settings.kafka)
    yield options
    found: dict[str, kafka.TopicSeen] = {}
    if options.status == "failed":
        yield unchecked("topics, group and start", "librdkafka must accept [kafka.options] first")
    else:
        for each in settings.topics:
            if each.kafka.topic:
                seen = yield from kafka.check_topic(each, plan.setting_of(each), account_store(settings.account))
                found[each.kafka.topic] = seen
        if any(seen.reachable for seen in found.values()):
            yield broker_limits.check_commits(settings.kafka)
    if options.status == "ok" or not settings.dead_letters.topic:
        letters = local_checks.check_dead_letters(settings)
        yield letters
        if letters.status == "ok" and settings.dead_letters.topic:
            yield from broker_limits.check_largest_dead_letter(settings)
    yield local_checks.check_account(settings.account)
    yield from endpoint.check_arize(settings.arize, datetime.now(UTC))
    yield local_checks.check_memory(settings, {topic: seen.message_bytes for topic, seen in found.items()})


def _configuration(settings: Config) -> Iterator[CheckResult]:
    faults: list[str] = []
    for validate in (check_delivery, plan.configured_topics):
        try:
            validate(settings)
        except ConfigError as wrong:
            faults += [fault for fault in wrong.faults if fault not in faults]
    yield from (failed("configuration", fault, ExitCode.CONFIGURATION) for fault in faults)
    if not faults:
        yield ok("configuration", "complete")
