"""`ingest audit`: arguments -> exit code. As in `ingest.cli`, what it needs is imported when it is asked for."""

import sys
from typing import Annotated

import typer

from ingest.commands.options import Brokers, ConfigFile, Group, Topic, without_none


def audit(
    *,
    hours: Annotated[float | None, typer.Option(min=0, metavar="N", help="Only the last N hours.")] = None,
    by_hour: Annotated[bool, typer.Option("--by-hour", help="A line per hour (UTC) of each partition.")] = False,
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Also count the dead letters where they are kept.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
    config: ConfigFile = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
) -> None:
    """Check the account: consumed = acknowledged + dead-lettered + tombstones + filtered, against Kafka's offsets.

    \b
    Examples:
      ingest audit
      ingest audit --hours 24 --by-hour
      ingest audit --dead-letters --json | jq .exact

    It reads the files in [account] directory, follows them to what Kafka has committed now, and counts the messages in
    Kafka wherever offsets and counts differ. It joins no group and disturbs no supervisor. An hour is that in which
    Kafka confirmed the commit; after a crash, what was committed since the last row is in the hour of the next one.

    \b
    Exit codes: 0 all of it adds up, 1 something does not, 2 usage, 3 configuration, or no account here, 4 Kafka.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.commands.audit.output import run  # noqa: PLC0415  see above
    from ingest.config.load import load  # noqa: PLC0415

    settings = load(config, {"kafka": without_none(brokers=brokers, topic=topic, group=group)})
    raise typer.Exit(
        run(settings.topics, hours=hours, by_hour=by_hour, dead_letters=dead_letters, json=json, stream=sys.stdout)
    )
