"""What a run of this process is called, and where it runs."""

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata

from ingest.config.settings import Config
from ingest.status.free_space import FreeSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The name of a run and of its place. `run` is another one after each start."""

    run: str = ""
    version: str = ""
    host: str = ""
    pid: int = 0
    brokers: str = ""
    dead_letters: FreeSpace | None = None


def about(settings: Config) -> About:
    """The run that starts now."""
    return About(
        run=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        version=metadata.version("ingest"),
        host=socket.gethostname(),
        pid=os.getpid(),
        brokers=settings.kafka.brokers,
        dead_letters=None if settings.dead_letters.topic else FreeSpace(settings.dead_letters.directory),
    )
