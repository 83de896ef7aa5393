"""`ingest supervise`: run the supervisor with those who watch it, and print its accounts at the end."""

import contextlib
import os
import time
from collections.abc import Sequence
from functools import partial
from typing import TextIO

from ingest.config.settings import Config
from ingest.pipeline.kafka.start_offset import ResumeFrom
from ingest.status import lines
from ingest.status.about import about
from ingest.status.health import livez, readyz
from ingest.status.metrics.exposition import RunMetrics
from ingest.status.run_state import RunState
from ingest.status.screen import choose, own_stream
from ingest.status.sd_notify import SystemdNotifier
from ingest.status.watchers import Detached, Publisher, Watcher
from ingest.status.web.app import Probes
from ingest.status.web.redaction import redacted
from ingest.status.web.service import StatusPage
from ingest.supervisor import session
from ingest.time_range import TimeRange


def run(
    settings: Config,
    *,
    until_end: bool,
    resume_from: ResumeFrom | None,
    json: bool,
    verbose: bool,
    stream: TextIO,
    span: TimeRange | None = None,
    watchers: Sequence[Watcher] = (),
) -> int:
    """Supervise until the workers are done or a stop is requested; returns the exit code of the run.

    `span` is what a backfill delivers. `watchers` see the run beside the screen.
    Raises ConfigError for settings that can't work, FatalError when Kafka can't be reached or refuses.
    """
    with contextlib.ExitStack() as watching:
        metrics = RunMetrics()
        seen_by: list[Watcher] = [metrics, *watchers]
        if settings.status.otel:
            from ingest.status.metrics.otel import OtelMetrics  # noqa: PLC0415  an extra, and slow to import

            seen_by.append(watching.enter_context(contextlib.closing(OtelMetrics(metrics))))
        if (systemd := SystemdNotifier.from_environment(os.environ, time.monotonic)) is not None:
            seen_by.append(watching.enter_context(contextlib.closing(systemd)))
        page = None
        if settings.status.enabled:
            probes = Probes(exposition=metrics.exposition, livez=livez, readyz=readyz)
            page = watching.enter_context(StatusPage(settings.status, redacted(settings), probes))
            seen_by.append(page)
        screen = choose(own_stream(stream), json=json, verbose=verbose)
        shown = watching.enter_context(Detached(screen, wanted=partial(lines.wanted, verbose=verbose)))
        publisher = Publisher(RunState(about(settings)), [*seen_by, shown])
        accounts = session.run(
            settings,
            until_end=until_end,
            emit=publisher.emit,
            tick=publisher.tick,
            resume_from=resume_from,
            span=span,
            page=page,
        )
        if page is not None:
            page.finish(accounts)
        publisher.end(accounts[0].exit_code)
        shown.leave()
        for account in accounts:
            shown.account(account)
    return accounts[0].exit_code
