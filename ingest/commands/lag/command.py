"""`ingest lag`: arguments -> exit code. As in `ingest.cli`, what it needs is imported when it is asked for."""

import sys
from typing import Annotated

import typer

from ingest.commands.options import Brokers, ConfigFile, Group, Topic, without_none


def lag(
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Again every 2 s, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per topic instead of a table.")] = False,
    config: ConfigFile = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
) -> None:
    """Show what is left to do: lag per partition, and how old the oldest uncommitted message is.

    \b
    Examples:
      ingest lag
      ingest lag --watch
      ingest lag --json | jq .oldest_age_s

    It asks Kafka alone, joins no group and disturbs no supervisor. Lag counts offsets. "ahead" is what is settled
    already above the committed offset, "passed over" are tombstones and filtered messages.

    \b
    Exit codes: 0 done, 2 usage, 3 configuration, 4 Kafka.
    """  # noqa: D301  click reads \b as "keep these lines"
    from ingest.commands.lag.run import run  # noqa: PLC0415
    from ingest.config.load import load  # noqa: PLC0415  see above

    settings = load(config, {"kafka": without_none(brokers=brokers, topic=topic, group=group)})
    raise typer.Exit(run(settings.topics, json=json, watch=watch, stream=sys.stdout))
