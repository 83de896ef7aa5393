"""`ingest config`: arguments, help and exit code."""

import sys

import typer

from ingest.commands.help import Command
from ingest.commands.help import Group as CommandGroup
from ingest.commands.options import (
    Brokers,
    ConfigFiles,
    Group,
    Json,
    Partitions,
    Topic,
    Workers,
    load_sources,
)

app = typer.Typer(
    cls=CommandGroup,
    help="Show the configuration, or the schema of its file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("show", cls=Command)
def show(
    *,
    json: Json = False,
    config: ConfigFiles = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
    workers: Workers = None,
    partitions: Partitions = None,
) -> None:
    """Print every effective value and where it comes from: a file's line, a variable, a flag or the default.

    \b
    Examples:
      ingest config show
      ingest config show --config base.toml --config production.toml --json

    Secrets are shown as ***: options of Kafka that hold one, what a variable with the name of a secret filled in, and
    logins in addresses. The Arize key is never shown. Nothing is asked of Kafka or Arize.

    Exit codes: 0 done, 2 usage, 3 configuration.
    """
    from ingest.commands.config.run import run_show

    loaded = load_sources(config, brokers=brokers, topic=topic, group=group, workers=workers, partitions=partitions)
    raise typer.Exit(run_show(loaded, json=json, stream=sys.stdout))


@app.command("schema", cls=Command)
def schema() -> None:
    """Print the JSON schema of ingest.toml, with which editors complete and check it.

    \b
    Examples:
      ingest config schema
      ingest config schema > ingest.schema.json

    Name it in the file's first line for taplo (Even Better TOML): #:schema ./ingest.schema.json

    Exit codes: 0 done, 2 usage.
    """
    from ingest.commands.config.run import run_schema

    raise typer.Exit(run_schema(stream=sys.stdout))
