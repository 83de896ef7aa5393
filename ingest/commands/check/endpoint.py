"""What can be wrong with Arize: asked with a request that holds no row."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

from ingest.commands.check.text import Line, failed, ok, unchecked, warning
from ingest.config.load import Config, api_key, space_id
from ingest.config.templates import has_placeholders
from ingest.errors import ConfigError, ExitCode, RetryableError
from ingest.pipeline.arize.probe import ProbeAnswer, probe
from ingest.status import formatting

_SKEW_S = 60.0


def check_arize(settings: Config, now: datetime) -> Iterator[Line]:
    """The endpoint, the key, and the clock against Arize's."""
    try:
        key, space = api_key(settings), space_id(settings)
        if key is None or not space:
            yield unchecked("arize", "needs a key and a space: see above")
            return
        answer = probe(key, "" if has_placeholders(space) else space, settings.arize.acknowledgement)
    except ConfigError as wrong:
        yield failed("arize endpoint", str(wrong), ExitCode.CONFIGURATION)
        return
    except RetryableError as failure:
        text = f"{failure}. Check ARIZE_API_HOST, ARIZE_REGION, the network, the proxy and the certificates"
        yield failed("arize endpoint", text, ExitCode.CREDENTIALS)
        yield unchecked("arize key", "the endpoint must be reached")
        return
    yield from judge(answer, now, templates=has_placeholders(space))


def judge(answer: ProbeAnswer, now: datetime, *, templates: bool) -> Iterator[Line]:
    """What an answer to a request without rows means. With `templates` the space is not known before a message is."""
    status, where = answer.status, answer.endpoint
    if answer.unproven:
        yield failed("arize endpoint", f"{where} answers {answer.unproven}", ExitCode.CREDENTIALS)
        yield unchecked("arize key", "an answer that is not Arize's says nothing of it")
    elif 300 <= status < 400:
        text = f"{where} redirects to {answer.location} (HTTP {status}), which is never followed; check ARIZE_API_HOST"
        yield failed("arize endpoint", text, ExitCode.CREDENTIALS)
        yield unchecked("arize key", "a redirect says nothing of it")
    elif status in (404, 405, 410):
        text = f"{where} is not Arize's upload address (HTTP {status}); check ARIZE_API_HOST"
        yield failed("arize endpoint", text, ExitCode.CREDENTIALS)
        yield unchecked("arize key", "another address says nothing of it")
    elif status in (408, 429) or status >= 500:
        text = f"{where} answers HTTP {status} now; a worker would try again for as long as it lasts"
        yield warning("arize endpoint", text)
        yield unchecked("arize key", f"HTTP {status} says nothing of it")
    else:
        yield ok("arize endpoint", f"{where} answers")
        yield _key(status, templates=templates)
    yield _clock(answer, now)


def _key(status: int, *, templates: bool) -> Line:
    if status in (401, 403):
        if templates:
            return unchecked("arize key", f"HTTP {status} without a space: [arize] space_id is a template")
        text = (
            f"HTTP {status}: the key or the space is refused. Check ARIZE_API_KEY (or api_key_file) and ARIZE_SPACE_ID"
        )
        return failed("arize key", text, ExitCode.CREDENTIALS)
    return ok("arize key", f"not refused (HTTP {status} to a request without rows); only the first upload proves it")


def _clock(answer: ProbeAnswer, now: datetime) -> Line:
    try:
        skew_s = (now - parsedate_to_datetime(answer.date or "")).total_seconds()
    except (TypeError, ValueError):
        return unchecked("clock", "the endpoint tells no time; Kafka's protocol has none to tell")
    if abs(skew_s) > _SKEW_S:
        how = "ahead of" if skew_s > 0 else "behind"
        text = (
            f"{formatting.seconds(abs(skew_s))} {how} that of {answer.endpoint}: set it (NTP), or rows may be refused"
        )
        return warning("clock", text)
    return ok("clock", "agrees with the endpoint's; Kafka's protocol tells no time")
