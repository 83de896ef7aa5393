"""`ingest supervise`: run the supervisor with those who watch it, and print its accounts at the end."""

import contextlib
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TextIO

from ingest.config.load import Loaded
from ingest.errors import ConfigError
from ingest.events import Level, Notice
from ingest.pipeline.kafka.start_offset import ResumeFrom
from ingest.status import lines
from ingest.status.about import about
from ingest.status.health import livez, readyz
from ingest.status.job_control import gives_back
from ingest.status.library_messages import LibraryMessages
from ingest.status.log_lines import RunName, new_run
from ingest.status.metrics.exposition import RunMetrics
from ingest.status.run_state import RunState
from ingest.status.screen import choose, own_stream
from ingest.status.sd_notify import SystemdNotifier
from ingest.status.terminal import TerminalScreen
from ingest.status.watchers import Detached, Publisher, Watcher
from ingest.status.web.app import Probes
from ingest.status.web.redaction import redacted
from ingest.status.web.service import StatusPage
from ingest.supervisor import session
from ingest.time_range import TimeRange


def run(
    loaded: Loaded,
    *,
    until_end: bool,
    resume_from: ResumeFrom | None,
    json: bool,
    stream: TextIO,
    least: Level = "info",
    name: RunName | None = None,
    span: TimeRange | None = None,
    watchers: Sequence[Watcher] = (),
) -> int:
    """Supervise until the workers are done or a stop is requested; returns the exit code of the run.

    `span` is what a backfill delivers. `watchers` see the run beside the screen.
    Raises ConfigError for settings that can't work, FatalError when Kafka can't be reached or refuses.
    """
    settings = loaded.config
    run_name = name or new_run(datetime.now(UTC))
    with contextlib.ExitStack() as watching:
        messages = watching.enter_context(LibraryMessages())
        metrics = RunMetrics()
        seen_by: list[Watcher] = [metrics, *watchers]
        if settings.status.otel:
            from ingest.status.metrics.otel import OtelMetrics  # noqa: PLC0415  an extra, and slow to import

            seen_by.append(watching.enter_context(contextlib.closing(OtelMetrics(metrics))))
        if (systemd := SystemdNotifier.from_environment(os.environ, time.monotonic)) is not None:
            seen_by.append(watching.enter_context(contextlib.closing(systemd)))
        page, without_page = _page(loaded, metrics)
        if page is not None:
            seen_by.append(watching.enter_context(page))
        own, close_own = own_stream(stream)
        screen = choose(own, json=json, least=least, run=run_name)
        wanted = partial(lines.wanted, least=least)
        shown = watching.enter_context(Detached(screen, wanted=wanted, at_end=close_own))
        if isinstance(screen, TerminalScreen):
            watching.enter_context(gives_back(shown))
        publisher = Publisher(RunState(about(settings, run_name)), [*seen_by, shown])

        if without_page:  # nobody has asked for it: the run does not depend on it
            publisher.emit(Notice(text=f"there is no status page: {without_page}"))

        def tick() -> None:
            messages.drain(publisher.emit)
            publisher.tick()

        accounts = session.run(
            settings,
            until_end=until_end,
            emit=publisher.emit,
            tick=tick,
            resume_from=resume_from,
            span=span,
            page=page,
        )
        if page is not None:
            page.finish(accounts)
        messages.rest(publisher.emit)
        publisher.end(accounts[0].exit_code)
        shown.leave()
        for account in accounts:
            shown.account(account)
        shown.ending(publisher.snapshot())
    return accounts[0].exit_code


def _page(loaded: Loaded, metrics: RunMetrics) -> tuple[StatusPage | None, str]:
    """The status page, and why there is none though it is enabled. Raises ConfigError if [status] asks for it."""
    policy = loaded.config.status
    if not policy.enabled:
        return None, ""
    probes = Probes(exposition=metrics.exposition, livez=livez, readyz=readyz)
    try:
        return StatusPage(policy, redacted(loaded), probes), ""
    except ConfigError as error:
        if policy.model_fields_set:
            raise
        return None, str(error)
