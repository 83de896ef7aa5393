"""`ingest schema infer`: arguments, help and exit code."""

from pathlib import Path
from typing import Annotated

import typer

from ingest.commands.help import Command, Group
from ingest.commands.options import Brokers, ConfigFiles, Partitions, Topic, load_topics

app = typer.Typer(
    cls=Group,
    help="Infer the types and roles of a topic's columns.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def schema() -> None:
    """Keep `infer` a subcommand: Typer would merge an app's only command into the app."""


@app.command(cls=Command)
def infer(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, metavar="N", help="Maximum messages to read.")] = 10_000,
    partitions: Partitions = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="Also write a few values of each column: PRINTS PAYLOADS.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="New file to write. Default: standard output.")
    ] = None,
    config: ConfigFiles = None,
    brokers: Brokers = None,
    topic: Topic = None,
) -> None:
    """Write a configuration that pins the types of a topic's columns.

    \b
    Examples:
      ingest schema infer --topic predictions --limit 20000
      ingest schema infer --topic predictions --partitions 0-3 --output contract.toml
      ingest debug --partition 0 --config ingest.toml --config contract.toml

    The command reads the newest messages of each partition under a consumer group of its own that commits nothing.
    Nothing is sent, and a running supervisor is not disturbed. Each column is pinned to the type of most of its values.
    The comments show types, nulls, ranges of numbers and lengths of strings in the sample, and how many messages of the
    sample would be sent under the pinned types. Values themselves are only written with --examples. The
    configuration is applied and repeated in the file, without [kafka.options]: use the file alone, or lay it over yours
    as a second --config.

    Exit codes: 0 done, 2 usage, 3 configuration, or no message to infer from, 4 Kafka.
    """
    settings = load_topics(config, brokers=brokers, topic=topic)
    from ingest.commands.schema.run import run

    raise typer.Exit(run(settings, partitions=partitions, sample=limit, examples=examples, output=output))
