"""`ingest lag`: arguments, help and exit code."""

import sys
from typing import Annotated

import typer

from ingest.commands.options import Brokers, ConfigFiles, Group, Topic, load_topics


def lag(
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Repeat every 2 s, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per topic instead of a table.")] = False,
    config: ConfigFiles = None,
    brokers: Brokers = None,
    topic: Topic = None,
    group: Group = None,
) -> None:
    """Show lag per partition and the age of the oldest message.

    \b
    Examples:
      ingest lag
      ingest lag --watch
      ingest lag --json | jq .oldest_age_s

    The command asks only Kafka. It does not join the group and does not disturb a running supervisor. Lag is counted in
    offsets up to the high watermark. "held back" is the part of it that is behind an open transaction: it can't be read
    before that transaction ends. "no message in the lag" means that only control records, aborted transactions or gaps
    of compaction can be read there now. "oldest" is the age of the oldest uncommitted message that can be read,
    "settled above" counts messages above the committed offset that are already settled, and "skipped" counts tombstones
    and filtered messages.

    Exit codes: 0 done, 2 usage, 3 configuration, 4 Kafka.
    """
    settings = load_topics(config, brokers=brokers, topic=topic, group=group)
    from ingest.commands.lag.run import run

    raise typer.Exit(run(settings, json=json, watch=watch, stream=sys.stdout))
