"""`ingest audit`: arguments, help and exit code."""

import sys
from typing import Annotated

import typer

from ingest.commands.options import Brokers, ConfigFiles, Group, Json, Topic, load_topics
from ingest.errors import ExitCode, FatalError


def audit(
    *,
    hours: Annotated[float | None, typer.Option(min=0, metavar="N", help="Only the last N hours.")] = None,
    by_hour: Annotated[
        bool, typer.Option("--by-hour", help="Print one line per partition and hour (UTC); JSON always has them.")
    ] = False,
    dead_letters: Annotated[
        bool,
        typer.Option(
            "--dead-letters", help="Also check and print how many of the counted dead letters are still stored."
        ),
    ] = False,
    json: Json = False,
    config: ConfigFiles = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
) -> None:
    """Check that every consumed message is accounted for.

    Consumed messages must equal acknowledged + dead-lettered + tombstones + filtered, and must match Kafka's offsets.

    \b
    Examples:
      ingest audit
      ingest audit --hours 24 --by-hour
      ingest audit --dead-letters --json | jq .exact

    The command reads the files in [account] directory, compares them with the offsets that Kafka has committed now, and
    counts the messages in Kafka wherever offsets and counts differ. It does not join the group and does not disturb a
    running supervisor. A message belongs to the hour in which Kafka confirmed its commit; after a crash, commits that
    were not yet recorded belong to the hour of the next record.

    Exit codes: 0 everything adds up, 1 something does not add up, 2 usage, 3 configuration or missing account, 4 Kafka.
    """
    if json and by_hour:
        raise FatalError(
            "--by-hour changes nothing with --json, which always has the hours; remove one of them",
            exit_code=ExitCode.USAGE,
        )
    settings = load_topics(config, brokers=brokers, topic=topic, group=group)
    from ingest.commands.audit.run import run

    raise typer.Exit(
        run(settings, hours=hours, by_hour=by_hour, dead_letters=dead_letters, json=json, stream=sys.stdout)
    )
