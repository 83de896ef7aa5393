"""A configuration file in the working directory: what loading it gives, and the faults that it finds."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.config.load import load
from ingest.config.resolve import TopicConfig
from ingest.config.settings import Config
from ingest.errors import ConfigError

_PLACE = re.compile(r" \((?:[^\s()]+\.toml(?::\d+)?|--[a-z-]+|\w*INGEST_[^\s()]+)\)$", re.IGNORECASE)

SECRET = "hunter2-canary"

TWO_TOPICS = """
[schema]
tags = ["region"]
[arize]
model_name = "base"
space_id = "space"
[topics.predictions]
partitions = "0-31"
[topics."out.comes".schema]
actual_label = "outcome"
tags = []
[topics."out.comes".arize]
model_name = "late"
[topics."out.comes".batch]
linger_s = 60.0
"""
THREE_ROUTES = """
[arize]
model_name = "base"
[routes.fraud]
when = { model = "fraud", "headers.env" = ["prod", "canary-*"] }
[routes.fraud.arize]
model_version = "{release}"
[routes.fraud.schema]
tags = ["card"]
[routes.a_heartbeat]
when = { kind = "heartbeat" }
deliver = false
[routes.Rest]
"""


def toml(text: str | bytes) -> Path:
    """A file with `text`."""
    path = Path("given.toml")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def loaded(text: str, **flags: dict[str, str]) -> Config:
    """The configuration of a file with `text`."""
    return load(toml(text), flags)


def topics(text: str, **flags: dict[str, str]) -> tuple[TopicConfig, ...]:
    """Its topics."""
    return loaded(text, **flags).topics


def faults(file: Path | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
    """All faults that loading finds, without the places where they were written; none quotes the secret."""
    return [_PLACE.sub("", fault) for fault in placed_faults(file, flags)]


def placed_faults(file: Path | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
    """The faults with their places, as `(given.toml:3)` at the end."""
    found: list[str] = []
    try:
        load(file, flags)
    except ConfigError as wrong:
        found = wrong.faults
    assert SECRET not in "".join(found)
    return found


def faults_of(text: str, **flags: dict[str, str]) -> list[str]:
    """The faults of a file with `text`."""
    return faults(toml(text), flags)
