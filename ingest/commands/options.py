"""The options that several commands share, and the configuration that a command loads with them.

Help and usage errors must not wait until Arrow, Kafka and Arize are imported. So each `command.py` imports only this
module and Typer; its function imports the command's `run.py` when it is called.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, Unpack

import typer

from ingest.errors import ConfigError


class LogFormat(StrEnum):
    """How events are printed."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The level of an event."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file. May be repeated: a later file overrides an earlier one. Default: those in "
        "INGEST_CONFIG, else ingest.toml, if it exists.",
    ),
]
Brokers = Annotated[str | None, typer.Option(metavar="HOST:PORT,...", help="Overrides [kafka] brokers.")]
Topic = Annotated[
    str | None, typer.Option(metavar="NAME", help="Overrides [kafka] topic. With [topics.*], selects one of them.")
]
Group = Annotated[
    str | None, typer.Option(metavar="NAME", help="Overrides [kafka] group, under which offsets are committed.")
]
Workers = Annotated[
    int | None, typer.Option(metavar="N", help="Number of worker processes. The partitions are divided among them.")
]
Partitions = Annotated[str | None, typer.Option(metavar="SET", help='Partitions to read: "0-31", "0,3,5-7" or "all".')]
DeadLetterDirectory = Annotated[
    Path | None, typer.Option("--directory", metavar="DIRECTORY", help="Overrides [dead_letters] directory.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
LogFormatOption = Annotated[
    LogFormat, typer.Option("--log-format", help="Print events as text or as one JSON object per line.")
]
LogLevelOption = Annotated[
    LogLevel | None,
    typer.Option(
        "--log-level",
        help="The least level of the events that are printed. debug has every batch and every commit. Default: info.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="The same as --log-level debug.")]


def log_level(*, given: LogLevel | None, verbose: bool) -> Literal["debug", "info", "warning", "error"]:
    """The least level that is printed. Raises a usage error if the two options contradict each other."""
    if verbose and given not in (None, LogLevel.DEBUG):
        raise typer.BadParameter(f"--verbose is --log-level debug, but --log-level {given} is given; remove one")
    if verbose:
        return "debug"
    return "info" if given is None else given.value


class Overrides(TypedDict, total=False):
    """What options set in the configuration, over files and environment; None means not given."""

    brokers: str | None
    topic: str | None
    group: str | None
    workers: int | None
    partitions: str | None
    dead_letter_directory: Path | None
    lane: str | None


_KEYS = {  # option -> section and key
    "brokers": ("kafka", "brokers"),
    "topic": ("kafka", "topic"),
    "group": ("kafka", "group"),
    "workers": ("supervisor", "workers"),
    "partitions": ("supervisor", "partitions"),
    "dead_letter_directory": ("dead_letters", "directory"),
    "lane": ("batch", "lane"),
}


def load_sources(config: Sequence[Path] | None, **overrides: Unpack[Overrides]) -> Any:
    """The configuration as `Loaded`, with the place of each value. Raises ConfigError.

    The return type is Any because naming `Loaded` or `Config` here would import pydantic for every `--help`.
    """
    from ingest.config.load import load_with_sources  # noqa: PLC0415

    given: dict[str, dict[str, Any]] = {}
    for name, (section, key) in _KEYS.items():
        if (value := overrides.get(name)) is not None:
            given.setdefault(section, {})[key] = value
    return load_with_sources(config, given)


def load_config(config: Sequence[Path] | None, **overrides: Unpack[Overrides]) -> Any:
    """The configuration as `Config`. Raises ConfigError."""
    return load_sources(config, **overrides).config


def load_topics(config: Sequence[Path] | None, **overrides: Unpack[Overrides]) -> Any:
    """The configuration of each topic, as a tuple. Raises ConfigError, also when no topic is named."""
    settings = load_config(config, **overrides)
    found = settings.topics
    if not all(each.kafka.topic for each in found):
        from ingest.config.near_files import no_default_file  # noqa: PLC0415  loaded already
        from ingest.config.sources import DEFAULT_FILE  # noqa: PLC0415

        raise topic_missing() if settings.anything_set else ConfigError(no_default_file(DEFAULT_FILE))
    return found


def topic_missing() -> ConfigError:
    """The error of a command that reads a topic, when the configuration names none."""
    return ConfigError("[kafka] topic is missing: name the topic with --topic or [kafka] topic")
