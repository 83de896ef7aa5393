"""Checks of this machine: the directories of dead letters and the account, the port of the page, and the memory."""

from collections.abc import Mapping
from pathlib import Path

import psutil

from ingest.commands.check.result import CheckResult, failed, ok, warning
from ingest.config.resolve import TopicConfig
from ingest.config.sections import Account
from ingest.config.settings import Config
from ingest.errors import ConfigError, ExitCode, FatalError
from ingest.pipeline.dead_letters.directory import free_bytes, unusable
from ingest.pipeline.kafka.metadata import check_topic
from ingest.status import formatting
from ingest.status.web.listener import described, holder_of, listener_of

_LOW_DISK_BYTES = 256 * 2**20
_WORKER_BYTES = 150 * 2**20  # a worker with its imports and what decoding needs; measured, see benchmarks
_LIMIT = Path("/sys/fs/cgroup/memory.max")


def check_dead_letters(settings: Config) -> CheckResult:
    """Whether a dead letter could be written now."""
    topic = settings.dead_letters.topic
    if not topic:
        return _directory("dead letters", settings.dead_letters.directory, ExitCode.CONFIGURATION)
    try:
        check_topic(settings.kafka, topic, "[dead_letters] topic")
    except ConfigError as wrong:
        return failed("dead letters", str(wrong), ExitCode.CONFIGURATION)
    except FatalError as refused:
        return failed("dead letters", str(refused), refused.exit_code)
    return ok(
        "dead letters",
        f"topic {topic} exists, as far as this user can see; only a dead letter would prove the right to WRITE",
    )


def check_account(account: Account) -> CheckResult:
    """Whether a row of the account could be written now. Delivery works without it, so a failure is a warning."""
    directory = account.directory
    if not directory:
        return ok("account", "disabled by [account] directory")
    line = _directory("account", Path(directory), ExitCode.CONFIGURATION)
    if line.status == "failed":
        return warning("account", f"{line.text}. Delivery works without an account")
    return line


def check_status(settings: Config) -> CheckResult:
    """Whether the page of a run could listen, its actions have a token, and its metrics can be sent, as at a start.

    A port that a run of the same group and topics has is that of the run that this configuration describes.
    """
    policy = settings.status
    try:
        if policy.otel:
            from ingest.status.metrics import otel  # noqa: F401, PLC0415  an extra, and slow to import
        if policy.enabled:
            policy.action_token()
    except ConfigError as wrong:
        return failed("status page", str(wrong), ExitCode.CONFIGURATION)
    if not policy.enabled:
        return ok("status page", "disabled by [status] enabled")
    try:
        with listener_of(policy) as listener:
            port = listener.getsockname()[1]
    except ConfigError as wrong:
        holder = holder_of(policy.port)
        topics = {topic.kafka.topic for topic in settings.topics}
        if holder is not None and (holder.group, set(holder.topics)) == (settings.kafka.group, topics):
            return ok("status page", f"port {policy.port} is in use by {described(holder)}, as configured here")
        return failed("status page", str(wrong), ExitCode.CONFIGURATION)
    if policy.port not in (0, port):
        return ok("status page", f"port {policy.port} is taken, and not configured: a free one would be used")
    where = f"port {policy.port}" if policy.port else "a free port"
    return ok("status page", f"{where} at {policy.host} can be listened on")


def check_memory(settings: Config, message_bytes: Mapping[str, int | None]) -> CheckResult:
    """Whether the memory of this machine is enough for full batches in all workers.

    `message_bytes` is the size of a message on average, by topic; None if unknown.
    """
    workers = settings.supervisor.workers
    need = workers * max(worker_bytes(topic, message_bytes.get(topic.kafka.topic)) for topic in settings.topics)
    have = psutil.virtual_memory().available
    limit = _cgroup_limit()
    have = have if limit is None else min(have, limit)
    with_batches = f"{formatting.amount(workers, 'worker')} with full batches"
    text = f"{with_batches} may need about {formatting.size(need)}; {formatting.size(have)} are available"
    if need > have:
        advice = "Lower [batch] max_bytes, [kafka] queue_bytes, [arize] in_flight or [supervisor] workers"
        return warning("memory", f"{text}. {advice}")
    return ok("memory", text)


def worker_bytes(topic: TopicConfig, message_bytes: int | None) -> int:
    """The memory that a worker of this topic may need, with messages of that size (None: the largest that fit).

    Beyond its imports it holds what was fetched ahead; a chunk as messages, as parsed values, as columns, and what
    its allocation leaves free; each batch in flight twice, as columns and as the body that is sent, and the open one
    once. A batch may exceed its limit by a chunk. Large messages make large chunks: measured, see the capacity page.
    """
    queue, batch = topic.kafka.queue_bytes, topic.batch
    chunk, rows = queue, batch.max_bytes
    if message_bytes is not None:
        chunk = min(chunk, batch.chunk_events * message_bytes)
        rows = min(rows, batch.max_events * message_bytes)
    return _WORKER_BYTES + queue + 4 * chunk + (2 * topic.arize.in_flight + 1) * (rows + chunk)


def _directory(check: str, directory: Path, code: ExitCode) -> CheckResult:
    try:
        free = free_bytes(directory)
    except OSError as error:
        return failed(check, unusable(check.replace(" ", "_"), directory, error), code)
    text = f"{directory} is writable, {formatting.size(free)} are free"
    return warning(check, f"{text}, which is little") if free < _LOW_DISK_BYTES else ok(check, text)


def _cgroup_limit() -> int | None:
    try:
        text = _LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
