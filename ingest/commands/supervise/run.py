"""`ingest supervise`: run the supervisor on a screen and a page, and print its accounts at the end."""

import contextlib
from typing import TextIO

from ingest.config.settings import Config
from ingest.errors import IngestError
from ingest.events import Event, Notice
from ingest.pipeline.kafka.start_offset import ResumeFrom
from ingest.status.screen import choose
from ingest.status.web.feed import Feed
from ingest.status.web.redaction import redacted
from ingest.status.web.service import StatusPage
from ingest.supervisor import session


def run(
    settings: Config, *, until_end: bool, resume_from: ResumeFrom | None, json: bool, verbose: bool, stream: TextIO
) -> int:
    """Supervise until the workers are done or a stop is requested; returns the exit code of the run.

    Raises ConfigError for settings that can't work, FatalError when Kafka can't be reached or refuses.
    """
    feed = Feed(settings.kafka.brokers)
    page = StatusPage(settings.status, redacted(settings)) if settings.status.enabled else None
    with page or contextlib.nullcontext(), choose(stream, json=json, verbose=verbose) as screen:

        def emit(event: Event) -> None:
            feed.take(event)
            screen.emit(event)
            show()

        def tick() -> None:
            screen.tick()
            show()

        def show() -> None:
            if page is None or not feed.due():
                return
            try:
                page.tick(feed.snapshot())
            except IngestError as fault:
                screen.emit(Notice(text=f"what shows the run has failed, delivery goes on: {fault}"))

        accounts = session.run(settings, until_end=until_end, emit=emit, tick=tick, resume_from=resume_from, page=page)
        feed.end(accounts[0].exit_code)
        if page is not None:
            page.finish(feed.snapshot(), accounts)
        for account in accounts:
            screen.account(account)
    return accounts[0].exit_code
