"""The flags that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Default: ingest.toml, if there is one.")
]
Brokers = Annotated[str | None, typer.Option(metavar="HOST:PORT,...", help="Overrides [kafka] brokers.")]
Topic = Annotated[str | None, typer.Option(help="Overrides [kafka] topic; with [topics.*], chooses one of them.")]
Group = Annotated[str | None, typer.Option(help="Overrides [kafka] group, under which offsets are committed.")]


def without_none(**flags: Any) -> dict[str, Any]:
    """The flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}
