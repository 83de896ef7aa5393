"""`ingest dead-letters list|show|replay`: arguments, help and exit code."""

from enum import StrEnum
from typing import Annotated

import typer

from ingest.commands.help import Command, Group
from ingest.commands.options import ConfigFiles, DeadLetterDirectory, Json, load_config

app = typer.Typer(
    cls=Group,
    help="List, inspect and replay messages that can't be delivered.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Target(StrEnum):
    """Where dead letters are replayed to."""

    PIPELINE = "pipeline"
    TOPIC = "topic"


Reasons = Annotated[
    list[str] | None, typer.Option("--reason", metavar="CODE", help="Only this reason. May be repeated.")
]
Columns = Annotated[
    list[str] | None, typer.Option("--column", metavar="NAME", help="Only faults of this column. May be repeated.")
]
OfTopic = Annotated[str | None, typer.Option("--topic", metavar="NAME", help="Only messages of this topic.")]
OfPartitions = Annotated[
    list[str] | None,
    typer.Option("--partitions", metavar="SET", help="Only these partitions: 7, 0-3 or 0-3,7. May be repeated."),
]
Offsets = Annotated[str | None, typer.Option("--offsets", metavar="RANGE", help="Only these offsets: 17 or 100-199.")]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only those written at or after TIME: 2026-07-20T03:00Z, -15m, -2h, -1d."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only those written before TIME.")]
IncludeReplayed = Annotated[bool, typer.Option("--all", help="Include those that were already replayed.")]


@app.command("list", cls=Command)
def list_(
    *,
    reason: Reasons = None,
    column: Columns = None,
    topic: OfTopic = None,
    partitions: OfPartitions = None,
    offsets: Offsets = None,
    since: Since = None,
    until: Until = None,
    include_replayed: IncludeReplayed = False,
    json: Json = False,
    directory: DeadLetterDirectory = None,
    config: ConfigFiles = None,
) -> None:
    """Count the dead letters by reason, column, partition and hour.

    \b
    Examples:
      ingest dead-letters list
      ingest dead-letters list --reason type_conflict --since -2h

    A message that was dead-lettered more than once is counted once, with its newest reason.

    Exit codes: 0 done, 2 usage, 3 configuration, 4 Kafka.
    """
    from ingest.commands.dead_letters.filters import parse_filter

    selection = parse_filter(
        reasons=reason,
        columns=column,
        topic=topic,
        partitions=partitions,
        offsets=offsets,
        since=since,
        until=until,
        include_replayed=include_replayed,
    )
    settings = load_config(config, dead_letter_directory=directory)
    from ingest.commands.dead_letters.run import list_dead_letters

    raise typer.Exit(list_dead_letters(settings, selection, json=json))


@app.command(cls=Command)
def show(
    *,
    reason: Reasons = None,
    column: Columns = None,
    topic: OfTopic = None,
    partitions: OfPartitions = None,
    offsets: Offsets = None,
    since: Since = None,
    until: Until = None,
    include_replayed: IncludeReplayed = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum dead letters to show, newest last.")] = 10,
    value: Annotated[bool, typer.Option("--value", help="Also show key, headers and value: PRINTS PAYLOADS.")] = False,
    json: Json = False,
    directory: DeadLetterDirectory = None,
    config: ConfigFiles = None,
) -> None:
    """Show single dead letters: message, reason and time.

    \b
    Examples:
      ingest dead-letters show --partitions 3 --offsets 1217 --value
      ingest dead-letters show --reason not_json --limit 3

    Exit codes: 0 done, 2 usage, 3 configuration, 4 Kafka.
    """
    from ingest.commands.dead_letters.filters import parse_filter

    selection = parse_filter(
        reasons=reason,
        columns=column,
        topic=topic,
        partitions=partitions,
        offsets=offsets,
        since=since,
        until=until,
        include_replayed=include_replayed,
    )
    settings = load_config(config, dead_letter_directory=directory)
    from ingest.commands.dead_letters.run import show_dead_letters

    raise typer.Exit(show_dead_letters(settings, selection, limit=limit, value=value, json=json))


@app.command(cls=Command)
def replay(
    *,
    reason: Reasons = None,
    column: Columns = None,
    topic: OfTopic = None,
    partitions: OfPartitions = None,
    offsets: Offsets = None,
    since: Since = None,
    until: Until = None,
    to: Annotated[
        Target, typer.Option(help="pipeline: deliver to Arize. topic: produce to the original topic again.")
    ] = Target.PIPELINE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen; send nothing.")] = False,
    max_replays: Annotated[
        int, typer.Option(min=1, metavar="N", help="Skip dead letters that were already replayed N times.")
    ] = 3,
    json: Json = False,
    directory: DeadLetterDirectory = None,
    config: ConfigFiles = None,
) -> None:
    """Deliver dead letters again, once the cause is fixed.

    \b
    Examples:
      ingest dead-letters replay --dry-run
      ingest dead-letters replay --reason rejected_400 --since -1d
      ingest dead-letters replay --to topic --partitions 3

    A dead letter that is replayed successfully is marked and no longer listed. One that fails again stays a dead letter
    with its new reason. If the command is interrupted or killed, run it again: it continues where it stopped, and only
    rows that were in flight may be delivered twice.

    Exit codes: 0 all were replayed, 2 usage, 3 configuration, 4 Kafka, 5 Arize refused the key, 7 interrupted, 9 some
    failed again or were skipped.
    """
    from ingest.commands.dead_letters.filters import parse_filter

    selection = parse_filter(
        reasons=reason,
        columns=column,
        topic=topic,
        partitions=partitions,
        offsets=offsets,
        since=since,
        until=until,
    )
    settings = load_config(config, dead_letter_directory=directory)
    from ingest.commands.dead_letters import run

    raise typer.Exit(run.replay(settings, selection, to=to.value, max_replays=max_replays, dry_run=dry_run, json=json))
