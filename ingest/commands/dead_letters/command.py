"""`ingest dead-letters list|show|replay`: arguments -> what is meant -> exit code.

As in `ingest.cli`, what they need is imported when it is asked for.
"""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="See the messages that could not be delivered, and deliver them once the cause is gone.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Target(StrEnum):
    """Where letters are replayed to."""

    PIPELINE = "pipeline"
    TOPIC = "topic"


ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Default: ingest.toml, if there is one.")
]
Directory = Annotated[Path | None, typer.Option(help="Overrides [dead_letters] directory.")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", metavar="CODE", help="Only this one; may be repeated.")]
Columns = Annotated[list[str] | None, typer.Option("--column", metavar="NAME", help="Only this column's faults.")]
Topic = Annotated[str | None, typer.Option(help="Only messages of this topic.")]
Partitions = Annotated[list[str] | None, typer.Option("--partition", metavar="SET", help="7, 0-3 or 0-3,7.")]
Offsets = Annotated[str | None, typer.Option("--offset", metavar="RANGE", help="17 or 100-199.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Written since: 2026-07-20T03:00Z, -15m, -2h, -1d.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Written before.")]
All = Annotated[bool, typer.Option("--all", help="Those that were replayed, too.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


@app.command("list")
def list_(
    *,
    reason: Reasons = None,
    column: Columns = None,
    topic: Topic = None,
    partition: Partitions = None,
    offset: Offsets = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    json: Json = False,
    directory: Directory = None,
    config: ConfigFile = None,
) -> None:
    """Count the dead letters by reason, column, partition and hour.

    \b
    Examples:
      ingest dead-letters list
      ingest dead-letters list --reason type_conflict --since -2h

    A message that was dead-lettered more than once counts once, with its newest reason.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.commands.dead_letters.session import list_letters  # noqa: PLC0415

    wanted = _filter(
        reasons=reason,
        columns=column,
        topic=topic,
        partitions=partition,
        offsets=offset,
        since=since,
        until=until,
        everything=everything,
    )
    raise typer.Exit(list_letters(_settings(config, directory), wanted, json=json))


@app.command()
def show(
    *,
    reason: Reasons = None,
    column: Columns = None,
    topic: Topic = None,
    partition: Partitions = None,
    offset: Offsets = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The newest N.")] = 10,
    value: Annotated[bool, typer.Option("--value", help="Key, headers and value too: SHOWS PAYLOADS.")] = False,
    json: Json = False,
    directory: Directory = None,
    config: ConfigFile = None,
) -> None:
    """Show single dead letters: which message, why, since when.

    \b
    Examples:
      ingest dead-letters show --partition 3 --offset 1217 --value
      ingest dead-letters show --reason not_json --limit 3
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.commands.dead_letters.session import show_letters  # noqa: PLC0415

    wanted = _filter(
        reasons=reason,
        columns=column,
        topic=topic,
        partitions=partition,
        offsets=offset,
        since=since,
        until=until,
        everything=everything,
    )
    raise typer.Exit(show_letters(_settings(config, directory), wanted, limit=limit, value=value, json=json))


@app.command()
def replay(
    *,
    reason: Reasons = None,
    column: Columns = None,
    topic: Topic = None,
    partition: Partitions = None,
    offset: Offsets = None,
    since: Since = None,
    until: Until = None,
    to: Annotated[Target, typer.Option(help="Straight to Arize, or back to the topic.")] = Target.PIPELINE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; send nothing.")] = False,
    max_replays: Annotated[int, typer.Option(min=1, metavar="N", help="Leave alone what was replayed N times.")] = 3,
    json: Json = False,
    directory: Directory = None,
    config: ConfigFile = None,
) -> None:
    """Deliver dead letters, once the cause is gone.

    \b
    Examples:
      ingest dead-letters replay --dry-run
      ingest dead-letters replay --reason rejected_400 --since -1d
      ingest dead-letters replay --to topic --partition 3

    What succeeds is marked and no longer listed. What fails again stays a dead letter, with its new reason. Interrupted
    or killed, the same command goes on where it was: only what was in flight may be delivered twice.

    \b
    Exit codes: 0 all were replayed, 2 usage, 3 configuration, 4 Kafka, 5 Arize refused the key, 7 interrupted,
    9 some failed again or were replayed too often already.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.commands.dead_letters import run  # noqa: PLC0415

    wanted = _filter(
        reasons=reason,
        columns=column,
        topic=topic,
        partitions=partition,
        offsets=offset,
        since=since,
        until=until,
    )
    raise typer.Exit(
        run.replay(
            _settings(config, directory),
            wanted,
            to=to.value,
            max_replays=max_replays,
            dry_run=dry_run,
            json=json,
        )
    )


def _settings(file: Path | None, directory: Path | None) -> Any:
    from ingest.config.load import load  # noqa: PLC0415

    return load(file, {} if directory is None else {"dead_letters": {"directory": directory}})


def _filter(
    *,
    reasons: list[str] | None,
    columns: list[str] | None,
    topic: str | None,
    partitions: list[str] | None,
    offsets: str | None,
    since: str | None,
    until: str | None,
    everything: bool = False,
) -> Any:
    from ingest.commands.dead_letters.filters import Filter, moment, offset_range, partition_set  # noqa: PLC0415

    now = datetime.now(UTC)
    return Filter(
        reasons=frozenset(reasons or ()),
        topic=topic,
        partitions=partition_set(partitions or ()),
        columns=frozenset(columns or ()),
        offsets=None if offsets is None else offset_range(offsets),
        since=None if since is None else moment("--since", since, now),
        until=None if until is None else moment("--until", until, now),
        everything=everything,
    )
