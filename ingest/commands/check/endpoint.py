"""Checks Arize with a request that contains no rows: the endpoint, the API key, and the clock."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

from ingest.commands.check.result import CheckResult, failed, ok, unchecked, warning
from ingest.config.arize_access import address_settings, api_key, credential_settings, space_id
from ingest.config.sections import Arize
from ingest.config.templates import has_placeholders
from ingest.errors import ConfigError, ExitCode, RetryableError
from ingest.pipeline.arize.probe import ProbeAnswer, probe
from ingest.status import formatting

_SKEW_S = 60.0


def check_arize(arize: Arize, now: datetime) -> Iterator[CheckResult]:
    """Check the endpoint, the key, and this machine's clock against the endpoint's."""
    try:
        key, space = api_key(arize), space_id(arize)
        if key is None or not space:
            yield unchecked("arize", "an API key and a space are required first")
            return
        answer = probe(key, "" if has_placeholders(space) else space, arize)
    except ConfigError as wrong:
        yield failed("arize endpoint", str(wrong), ExitCode.CONFIGURATION)
        return
    except RetryableError as failure:
        text = str(failure)
        if "heck " not in text:  # most causes have an advice of their own
            text += f". Check {address_settings(arize).host}, the network, the proxy and the certificates"
        yield failed("arize endpoint", text, ExitCode.CREDENTIALS)
        yield unchecked("arize key", "the endpoint must be reachable first")
        return
    yield from interpret(answer, now, arize, templates=has_placeholders(space))


def interpret(answer: ProbeAnswer, now: datetime, arize: Arize, *, templates: bool) -> Iterator[CheckResult]:
    """Interpret the answer to a request without rows. With `templates` the space depends on each message."""
    setting = address_settings(arize).host
    status, where = answer.status, answer.endpoint
    if answer.unproven:
        yield failed("arize endpoint", f"{where} answers {answer.unproven}", ExitCode.CREDENTIALS)
        yield unchecked("arize key", "an answer that is not Arize's says nothing about the key")
    elif 300 <= status < 400:
        text = f"{where} redirects to {answer.location} (HTTP {status}), which is never followed; check {setting}"
        yield failed("arize endpoint", text, ExitCode.CREDENTIALS)
        yield unchecked("arize key", "a redirect says nothing about the key")
    elif status in (404, 405, 410):
        text = f"{where} is not Arize's upload address (HTTP {status}); check {setting}"
        yield failed("arize endpoint", text, ExitCode.CREDENTIALS)
        yield unchecked("arize key", "an answer of another address says nothing about the key")
    elif status in (408, 429) or status >= 500:
        text = f"{where} answers HTTP {status} now; a worker would retry until it succeeds"
        yield warning("arize endpoint", text)
        yield unchecked("arize key", f"HTTP {status} says nothing about the key")
    else:
        yield ok("arize endpoint", f"{where} answers")
        yield _key(status, arize, templates=templates)
    yield _clock(answer, now)


def _key(status: int, arize: Arize, *, templates: bool) -> CheckResult:
    if status in (401, 403):
        if templates:
            return unchecked("arize key", f"HTTP {status} without a space: [arize] space_id is a template")
        text = f"HTTP {status}: the key or the space is refused. Check {credential_settings(arize)}"
        return failed("arize key", text, ExitCode.CREDENTIALS)
    return ok("arize key", f"not refused (HTTP {status} to a request without rows); only the first upload proves it")


def _clock(answer: ProbeAnswer, now: datetime) -> CheckResult:
    try:
        skew_s = (now - parsedate_to_datetime(answer.date or "")).total_seconds()
    except (TypeError, ValueError):
        return unchecked("clock", "the endpoint's answer has no Date header, and Kafka's protocol has no time")
    if abs(skew_s) > _SKEW_S:
        how = "ahead of" if skew_s > 0 else "behind"
        text = (
            f"{formatting.seconds(abs(skew_s))} {how} the clock of {answer.endpoint}: synchronize it (NTP), or rows "
            "may be rejected"
        )
        return warning("clock", text)
    return ok("clock", "agrees with the endpoint's clock; Kafka's protocol has no time")
