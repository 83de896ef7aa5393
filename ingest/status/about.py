"""What a run of this process is called, and where it runs."""

import os
from dataclasses import dataclass

from ingest.config.settings import Config
from ingest.status.free_space import FreeSpace
from ingest.status.log_lines import RunName


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The name of a run and of its place. `run` is another one after each start."""

    run: str = ""
    version: str = ""
    host: str = ""
    pid: int = 0
    brokers: str = ""
    dead_letters: FreeSpace | None = None


def about(settings: Config, name: RunName) -> About:
    """The run called `name`."""
    return About(
        run=name.run,
        version=name.version,
        host=name.host,
        pid=os.getpid(),
        brokers=settings.kafka.brokers,
        dead_letters=None if settings.dead_letters.topic else FreeSpace(settings.dead_letters.directory),
    )
