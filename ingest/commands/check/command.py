"""`ingest check`: arguments -> exit code. As in `ingest.cli`, what it needs is imported when it is asked for."""

import sys
from typing import Annotated

import typer

from ingest.commands.options import Brokers, ConfigFile, Group, Topic, without_none


def check(
    *,
    workers: Annotated[int | None, typer.Option(metavar="N", help="As for supervise.")] = None,
    partitions: Annotated[str | None, typer.Option(metavar="SET", help="As for supervise.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
    config: ConfigFile = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
) -> None:
    """Check everything that can be wrong before a start: configuration, Kafka, disk, Arize. Nothing is sent.

    \b
    Examples:
      ingest check --workers 8 --partitions 0-31
      ingest check --config production.toml --json

    Messages are read and dropped, a file is written and removed, Arize gets a request without rows. Not checked: the
    right to commit where Kafka doesn't tell it, and the key where Arize doesn't; the first batch shows them.

    \b
    Exit codes: 0 all is well (warnings too), 2 usage, 3 configuration or a directory, 4 Kafka, 5 Arize can't be reached
    or refuses the key, 8 messages expired before they were read, or the topic was recreated.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.commands.check.run import run  # noqa: PLC0415  see above
    from ingest.config.load import load  # noqa: PLC0415

    flags = {
        "kafka": without_none(brokers=brokers, topic=topic, group=group),
        "supervisor": without_none(workers=workers, partitions=partitions),
    }
    raise typer.Exit(run(lambda: load(config, flags), json=json, stream=sys.stdout))
