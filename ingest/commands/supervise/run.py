"""`ingest supervise`: run the supervisor with those who watch it, and print its accounts at the end."""

from functools import partial
from typing import TextIO

from ingest.config.settings import Config
from ingest.pipeline.kafka.start_offset import ResumeFrom
from ingest.status import lines
from ingest.status.about import about
from ingest.status.run_state import RunState
from ingest.status.screen import choose, own_stream
from ingest.status.watchers import Detached, Publisher
from ingest.supervisor import session


def run(
    settings: Config, *, until_end: bool, resume_from: ResumeFrom | None, json: bool, verbose: bool, stream: TextIO
) -> int:
    """Supervise until the workers are done or a stop is requested; returns the exit code of the run.

    Raises ConfigError for settings that can't work, FatalError when Kafka can't be reached or refuses.
    """
    screen = choose(own_stream(stream), json=json, verbose=verbose)
    with Detached(screen, wanted=partial(lines.wanted, verbose=verbose)) as shown:
        publisher = Publisher(RunState(about(settings)), [shown])
        accounts = session.run(
            settings, until_end=until_end, emit=publisher.emit, tick=publisher.tick, resume_from=resume_from
        )
        publisher.end(accounts[0].exit_code)
        shown.leave()
        for account in accounts:
            shown.account(account)
    return accounts[0].exit_code
