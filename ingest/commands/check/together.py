"""All checks of a configuration that could be read, side by side.

Topics, Arize and this machine are checked at the same time, and told in the order in which they are listed here.
"""

from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from ingest.accounting.files import account_store
from ingest.commands.check import broker_limits, endpoint, kafka, local_checks
from ingest.commands.check.result import CheckResult, failed, ok, unchecked
from ingest.config.checks import check_delivery
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode
from ingest.supervisor import plan

_TOGETHER = 8


def checks(settings: Config) -> Iterator[CheckResult]:
    """The result of each check of `settings`, in a fixed order, as soon as it and those before it are known."""
    yield from once(_all(settings))


def once(results: Iterator[CheckResult]) -> Iterator[CheckResult]:
    """The same; a check that fails for nothing but faults that the configuration has is unchecked: they are told."""
    told: set[str] = set()
    for result in results:
        if result.status == "failed" and result.check == "configuration":
            told.add(result.text)
        elif result.status == "failed" and told.issuperset(result.text.splitlines()):
            yield unchecked(result.check, "the configuration must be valid first", result.topic)
            continue
        yield result


def _all(settings: Config) -> Iterator[CheckResult]:
    yield from _configuration(settings)
    options = kafka.check_options(settings.kafka)
    yield options
    usable = options.status == "ok"
    # Without a wait at the end: after an interrupt nobody wants to see the rest.
    threads = ThreadPoolExecutor(_TOGETHER)
    try:
        store = account_store(settings.account)
        topics = [
            threads.submit(_of_topic, kafka.check_topic(each, plan.setting_of(each), store))
            for each in settings.topics
            if each.kafka.topic and usable
        ]
        account = threads.submit(local_checks.check_account, settings.account)
        arize = threads.submit(lambda: list(endpoint.check_arize(settings.arize, datetime.now(UTC))))
        if not usable:
            yield unchecked("topics, group and start", "librdkafka must accept [kafka.options] first")
        found: dict[str, kafka.TopicSeen] = {}
        for topic in topics:
            results, name, seen = topic.result()
            yield from results
            found[name] = seen
        yield from _of_brokers(settings, threads, found, usable=usable)
        yield account.result()
        yield local_checks.check_status(settings)
        yield from arize.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    yield local_checks.check_memory(settings, {topic: seen.message_bytes for topic, seen in found.items()})


def _of_topic(
    checks: Generator[CheckResult, None, kafka.TopicSeen],
) -> tuple[list[CheckResult], str, kafka.TopicSeen]:
    """The results of one topic's checks, its name, and what they return."""
    results: list[CheckResult] = []
    while True:
        try:
            results.append(next(checks))
        except StopIteration as end:
            return results, results[0].topic, end.value


def _of_brokers(
    settings: Config, threads: ThreadPoolExecutor, found: Mapping[str, kafka.TopicSeen], *, usable: bool
) -> Iterator[CheckResult]:
    """The brokers' settings, and the dead letters: a topic of theirs is asked about only where Kafka answers."""
    reachable = any(seen.reachable for seen in found.values())
    commits = threads.submit(broker_limits.check_commits, settings.kafka) if reachable else None
    silent = bool(found) and not any(seen.answered for seen in found.values())
    if settings.dead_letters.topic and (silent or not usable):
        letters = unchecked("dead letters", "Kafka must be reachable first")
    else:
        letters = local_checks.check_dead_letters(settings)
    if commits is not None:
        yield commits.result()
    yield letters
    if letters.status == "ok" and settings.dead_letters.topic:
        yield from broker_limits.check_largest_dead_letter(settings)


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
