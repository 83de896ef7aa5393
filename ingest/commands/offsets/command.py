"""`ingest offsets`: arguments, help and exit codes."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from ingest.commands.help import Command
from ingest.commands.help import Group as CommandGroup
from ingest.commands.offsets.target import requested
from ingest.commands.options import Brokers, ConfigFiles, Group, Json, Topic, load_topics
from ingest.commands.time_argument import usage_error

app = typer.Typer(
    cls=CommandGroup,
    help="Show the committed offsets of the group, or move them.",
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
) -> None:
    """Show each partition's committed offset, the log's bounds, and what is settled above the offset.

    \b
    Examples:
      ingest offsets show
      ingest offsets show --group ingest-backfill-20261101T000000Z-latest --json | jq '.partitions[].lag'

    "settled above" counts messages above the committed offset that are acknowledged or dead letters already, as the
    commit's metadata lists them. "next message" is the timestamp of the first message at or after the committed offset
    that can be read, "age" is how long ago that is. The command only asks.

    Exit codes: 0 done, 2 usage, 3 configuration, 4 Kafka.
    """
    settings = load_topics(config, brokers=brokers, topic=topic, group=group)
    from ingest.commands.offsets.run import show as run

    raise typer.Exit(run(settings, json=json, stream=sys.stdout))


@app.command("set", cls=Command)
def set_(
    *,
    to_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The first message of this time or later: ISO 8601 (UTC unless it has a zone), a date, epoch seconds "
            "or milliseconds, or relative (-2h, 7d).",
        ),
    ] = None,
    to_offset: Annotated[int | None, typer.Option(metavar="N", min=0, help="This offset, in each partition.")] = None,
    to_earliest: Annotated[bool, typer.Option("--to-earliest", help="The first message of the log.")] = False,
    to_latest: Annotated[bool, typer.Option("--to-latest", help="The end of the log.")] = False,
    partitions: Annotated[
        str | None, typer.Option(metavar="SET", help='Partitions to move: "0-31", "0,3,5-7" or "all" (the default).')
    ] = None,
    execute: Annotated[bool, typer.Option("--execute", help="Move. Without it nothing is changed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Move although somebody seems to deliver.")] = False,
    config: ConfigFiles = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
) -> None:
    """Move the group's committed offsets, after a preview of what is delivered again or passed over.

    \b
    Examples:
      ingest offsets set --to-time 2026-11-01T03:00
      ingest offsets set --to-offset 81234 --partitions 3 --execute

    Stop the supervisor first. The move is refused while a supervisor of this user runs on this host, the group has
    members, or its commits move within some seconds. A supervisor on another host that has nothing to commit can't be
    seen. The move is written to the account, so that ingest audit reports it as a note.

    Exit codes: 0 done, 2 usage, or refused, 3 configuration, 4 Kafka.
    """
    target = requested(to_time, to_offset, to_earliest=to_earliest, to_latest=to_latest, now=datetime.now(UTC))
    settings = load_topics(config, brokers=brokers, topic=topic, group=group)
    if len(settings) > 1:
        raise usage_error(f"the configuration has {len(settings)} topics: name one of them with --topic")
    from ingest.commands.offsets.run import move

    raise typer.Exit(move(settings[0], target, partitions=partitions, execute=execute, force=force, stream=sys.stdout))
