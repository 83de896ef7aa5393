"""`ingest supervise`: run the supervisor on a screen and print its accounts at the end."""

from typing import TextIO

from ingest.config.settings import Config
from ingest.pipeline.kafka.start_offset import ResumeFrom
from ingest.status.screen import choose
from ingest.supervisor import session


def run(
    settings: Config, *, until_end: bool, resume_from: ResumeFrom | None, json: bool, verbose: bool, stream: TextIO
) -> int:
    """Supervise until the workers are done or a stop is requested; returns the exit code of the run.

    Raises ConfigError for settings that can't work, FatalError when Kafka can't be reached or refuses.
    """
    with choose(stream, json=json, verbose=verbose) as screen:
        accounts = session.run(
            settings, until_end=until_end, emit=screen.emit, tick=screen.tick, resume_from=resume_from
        )
    for account in accounts:
        screen.account(account)
    return accounts[0].exit_code
